"""Memory: what may it be that is heard here?

What a stream held last comes first: there 20 ms are enough to tell. Everything else that was ever
said needs 80 ms.
"""

from __future__ import annotations

from .matching import (
    NEAR,
    WINDOW,
    Floats,
    Track,
    fit,
    is_fleeting,
    is_quiet,
    search,
    settle,
    without,
)
from .repertoire import Repertoire
from .sums import product

SEARCH = 4 * WINDOW
"""What is compared in a search of everything: 80 ms."""

_TRIM = 8  # samples left out at either end of 20 ms: edges are not known to the sample yet

# Squared correlations.
_SURE, _SURE_AT_LEAST = 0.985, 0.93  # a place nearby is accepted by 20 ms, on a good or bad line
_BETTER = 0.01  # and fits better than what is expected by this
_FOUND = 0.81  # a search of everything has found the place, by 80 ms
_FOUND_SHORT = 0.93  # the same, by less
_CLOSE = 0.97  # a search that finds no better than this looks a period earlier and later
_CERTAIN = 0.995  # a search need not go on
_REST = 0.7  # what is left of a mix is a second voice

_MOST_TRACKS = 3
_LATEST = 240_000  # samples: half a minute


class Memory:
    """What was said, and where one stream has been in it."""

    def __init__(self, repertoire: Repertoire) -> None:
        self._repertoire = repertoire
        self._tracks: list[Track] = []  # the latest first

    def note(self, track: Track) -> None:
        """The stream is there now."""
        self._tracks = [track, *(other for other in self._tracks if other != track)]
        del self._tracks[_MOST_TRACKS:]

    def forget(self, track: Track) -> None:
        """The stream was never there."""
        self._tracks.remove(track)

    def near(
        self, at: int, x: Floats, current: Track | None, worst: float, *, search_too: bool = True
    ) -> Track | None:
        """Look where the last sounds came from, for something that fits very well.

        Args:
            at: position of ``x`` in the stream.
            x: 20 ms.
            current: what was expected there, and must be beaten.
            worst: how badly good places fit on this line.
            search_too: look half a second around the last places as well.
        """
        at, x = at + _TRIM, x[_TRIM : WINDOW - _TRIM]
        if len(x) < WINDOW // 2 or not self._tracks or is_quiet(x):
            return None
        best, best_fit = None, max(_SURE_AT_LEAST, min(_SURE, 1 - 2 * (1 - worst)))
        if current is not None:
            best_fit = max(best_fit, fit(x, current.said(at, at + len(x))) + _BETTER)
        for track in self._tracks:
            found = fit(x, track.said(at, at + len(x)))
            if track != current and found > best_fit:
                best, best_fit = track, found
        if best is None and search_too and not (_is_over(current, at) and is_fleeting(x)):
            for track in self._latest():
                found, offset = search(x, track.reference, at - track.lag)
                if found > best_fit:
                    best, best_fit = Track(track.reference, at - offset), found
        return best

    def everywhere(
        self, at: int, x: Floats, current: Track | None, *, thorough: bool
    ) -> Track | None:
        """Look in everything that was said.

        Args:
            at: position of ``x`` in the stream.
            x: 80 ms, or what is left.
            current: what was expected there. It is returned if it is there in a mix, and louder.
            thorough: leaf through the last half minute, too.
        """
        found = self._best(at, x, thorough=thorough)
        if found is None:
            # It may be over within these 80 ms.
            found = self._best(at, x[: min(_until_quiet(x), SEARCH // 2)])
        if found is None and current is not None:
            rest = without(x, current.said(at, at + len(x)))
            second = self._best(at, rest, _REST, thorough=thorough)
            if second is not None:
                return second if product(rest, rest) > product(x - rest, x - rest) else current
        return found

    def _best(
        self, at: int, x: Floats, enough: float = _FOUND, *, thorough: bool = False
    ) -> Track | None:
        """Return what ``x`` fits best, if it fits well enough."""
        if len(x) < WINDOW // 2 or is_quiet(x) or is_fleeting(x):
            return None
        best, best_fit = None, enough if len(x) >= SEARCH else _FOUND_SHORT
        for track in self._latest():
            found, offset = search(x, track.reference, at - track.lag)
            if found > best_fit:
                best, best_fit = Track(track.reference, at - offset), found
        for reference, place in self._repertoire.places(x):
            found, offset = settle(x, reference, place)
            if found > best_fit:
                best, best_fit = Track(reference, at - offset), found
        if best is not None and best_fit < _CLOSE:
            # A vowel sounds almost alike one period earlier or later.
            found, offset = search(x, best.reference, at - best.lag)
            if found > best_fit:
                best = Track(best.reference, at - offset)
        if best is None and thorough and len(x) >= SEARCH:
            return self._leaf_through(at, x, best_fit)
        return best

    def _leaf_through(self, at: int, x: Floats, enough: float) -> Track | None:
        """Compare ``x`` with the last half minute that was said, place by place."""
        best, best_fit = None, enough
        for reference in self._repertoire.latest(_LATEST):
            for expected in range(0, len(reference.samples), 2 * NEAR):
                found, offset = search(x, reference, expected)
                if found > best_fit:
                    best, best_fit = Track(reference, at - offset), found
                    if found > _CERTAIN:
                        return best
        return best

    def _latest(self) -> list[Track]:
        """Return the last two utterances, each at its last place."""
        latest: dict[int, Track] = {}
        for track in self._tracks:
            latest.setdefault(track.reference.key, track)
        return list(latest.values())[:2]


def _is_over(track: Track | None, at: int) -> bool:
    """Tell whether an utterance ends within the window: its ringing is all that may be left."""
    return track is not None and at + WINDOW > track.end


def _until_quiet(x: Floats) -> int:
    """Return how much of a sound comes before the first 10 ms of silence in it."""
    for first in range(0, len(x), WINDOW // 2):
        if is_quiet(x[first : first + WINDOW // 2]):
            return first
    return len(x)
