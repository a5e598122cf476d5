"""Provenance: which utterance, at which offset, is in a stretch of received sound.

A :class:`Tracker` follows one stream. While it knows where it is, it checks the expected
continuation, 20 ms at a time. Where that fails it finds the sample at which something else begins,
and what: first near the last known place, for which 20 ms are enough, then in everything that was
said, for which 80 ms are. Of two voices at once the louder is named, or the one that was there
first; what nobody is known to have made has no key.
"""

from __future__ import annotations

import numpy as np

from .matching import (
    LOUD,
    WINDOW,
    Track,
    edge,
    first_loud,
    fit,
    fits_of_rows,
    is_quiet,
    slide,
)
from .memory import SEARCH, Memory
from .mulaw import Samples
from .received import Received
from .repertoire import Repertoire
from .spans import Span, extend
from .sums import product

_FAINT_RMS = 200  # -44 dBFS: below it sound that nobody made is not worth a word

# Squared correlations.
_SAME = 0.5  # the expected continuation is accepted
_WELL = 0.97  # on a good line: if it fits worse all of a sudden, there may be a better place
_DROWNED = 0.2  # the expected continuation is accepted where nothing better is known
_BACK, _BACK_MARGIN = 0.9, 0.02  # sound before what was recognised may belong to it

_LEAST_UNKNOWN, _MOST_UNKNOWN = 0.02, 0.1  # shares of its power by which what is unknown misses


class Tracker:
    """Follows one stream of sound at 8 kHz and tells what is in it.

    >>> import random
    >>> from simkit.audio import voice
    >>> repertoire = Repertoire()
    >>> hello = voice.speak("Hello there.", random.Random(1))
    >>> key = repertoire.add(hello)
    >>> tracker = Tracker(repertoire)
    >>> tracker.feed(hello.samples[800:])
    >>> [(span.key, span.offset) for span in tracker.finish()]
    [(0, 800)]
    """

    def __init__(self, repertoire: Repertoire) -> None:
        self._memory = Memory(repertoire)
        self._received = Received()
        self._cut = self._received.cut
        self._alike = self._received.alike
        self._at = 0  # position up to which all is judged
        self._lock: Track | None = None
        self._locked_at = 0
        self._replaced_at = -1
        self._broken = False  # what follows is not the expected continuation
        self._fit = 1.0  # the worst of all windows since the lock
        self._unknown_from: int | None = None
        self._unknown_windows = 0
        self._nothing_near = -1
        """Where nothing near was found, and what is there is known only when more has come."""
        self.spans: list[Span] = []
        """What was recognised so far, in order; :meth:`update` brings it up to date."""

    def feed(self, samples: Samples) -> None:
        """Take the next samples of the stream."""
        self._received.feed(samples)

    def skip_to(self, position: int) -> None:
        """Silence up to sample ``position`` of the stream: nothing arrived until then."""
        self.update(final=True)
        if position > self._at:
            self._at = position
            self._received.restart(position)
        self._unlock()

    def finish(self) -> list[Span]:
        """Judge what is left, an incomplete window included, and return all spans."""
        self.update(final=True)
        return self.spans

    def update(self, *, final: bool = False) -> list[Span]:
        """Judge every complete window that was fed, and return all spans so far."""
        self._received.update(self._at)
        while self._at < self._received.end:
            if self._lock is None:
                goes_on = self._begin(final)
            elif self._broken:
                goes_on = self._break(self._lock, final)
            else:
                goes_on = self._follow(self._lock, final)
            if not goes_on:
                break
        if final:
            self._tell_unknown(self._at)
        return self.spans

    # Each of the following judges some of the stream, or returns False to wait for more of it.
    # How much they wait for does not depend on how the sound arrives: nor does what they find.

    def _follow(self, track: Track, final: bool) -> bool:
        """Check the expected continuation over as many windows as there are."""
        left = track.end - self._at
        size = min(self._received.end - self._at, left)
        if left <= 0:
            self._unlock()
            return True
        if size < WINDOW and size < left and not final:
            return False
        windows = max(1, size // WINDOW)
        size = min(size, windows * WINDOW)
        if windows == 1:
            good = self._is_next(track, size)
        else:
            heard = self._cut(self._at, self._at + size).reshape(windows, -1)
            said = track.said(self._at, self._at + size).reshape(windows, -1)
            fits, loud = fits_of_rows(heard, said, 2 * track.reference.faint_power)
            good = windows
            if len(loud):
                before = np.minimum.accumulate(np.concatenate(((self._fit,), fits)))
                enough = np.minimum(np.maximum(1 - 10 * (1 - before[:-1]), _SAME), _WELL)
                wrong = np.flatnonzero(fits < enough)
                if len(wrong):
                    good = int(loud[wrong[0]])
                    self._broken = True
                self._fit = float(before[wrong[0] if len(wrong) else -1])
        if good:
            self._extend(track.reference.key, self._at, self._at + min(size, good * WINDOW))
        return True

    def _is_next(self, track: Track, size: int) -> int:
        """Judge one window, as the loop of :meth:`_follow` does many, in a third of the time."""
        heard = self._cut(self._at, self._at + size)
        said = track.said(self._at, self._at + size)
        # All sums are of whole numbers below 2**53: exact, in whatever order.
        heard_energy, said_energy = float(heard.dot(heard)), float(said.dot(said))
        faint = 2 * track.reference.faint_power * size
        if heard_energy < faint and said_energy < faint:
            return 1
        cross = max(0.0, float(heard.dot(said)))
        fits = cross * cross / max(heard_energy * said_energy, 1.0)
        if fits < min(max(1 - 10 * (1 - self._fit), _SAME), _WELL):
            self._broken = True
            return 0
        self._fit = min(self._fit, fits)
        return 1

    def _break(self, track: Track, final: bool) -> bool:
        """Find where the expected continuation ends, and what begins there."""
        at, enough = self._at, self._received.end - self._at
        if enough < 2 * WINDOW and not final:
            return False
        here = self._cut(at, at + WINDOW)
        if is_quiet(here):
            if at > self._locked_at:
                self._end_span(self._find_edge(track, None, at, silence=True))
                self._at = max(at, self.spans[-1].end)
            self._unlock()
            return True
        fits = fit(here, track.said(at, at + len(here)))
        if at == self._locked_at:
            # Nothing of it was followed yet: of a mix, the other voice may be louder here.
            if fits >= _DROWNED:
                self._accept(track, fits)
                return True
            self._memory.forget(track)
            self._unlock()
            self._unknown_from, self._at = at, min(at + WINDOW, self._received.end)
            return True
        begins = self._find_edge(track, None, at)
        found = None
        starts = (begins, at, at - WINDOW // 2, at + WINDOW // 2)
        for start in starts if self._nothing_near != at else ():
            x = self._cut(start, start + WINDOW)
            found = self._memory.near(start, x, track, self._fit)
            if found is not None:
                begins = start
                break
        if found is None and fits >= _SAME:
            self._accept(track, fits)
            return True
        if found is None:
            # Frames that are resampled each by itself come a sample short; a rest of some samples
            # would fit anywhere.
            fits, slid = slide(here, track, at)
            if fits >= _SAME and at + WINDOW <= min(self._received.end, slid.end):
                if slid != track:
                    self._lock_on(slid, at)
                self._accept(slid, fits)
                return True
            fits = fit(here, track.said(at, at + len(here)))
            if enough < SEARCH + WINDOW and not final:
                self._nothing_near = at
                return False
            x = self._cut(begins, begins + SEARCH)
            found = self._memory.everywhere(begins, x, track, thorough=True)
        if found == track:
            self._accept(track, fits)
            return True
        if found is not None:
            begins = self._find_edge(track, found, at, begins)
            if begins > self.spans[-1].start:
                self._end_span(begins)
                self._lock_on(found, begins)
            else:
                # It was this all along.
                self.spans.pop()
                self._lock_on(found, begins)
                self._replaced_at = begins
                self._extend(found.reference.key, begins, at)
            return True
        ahead = self._cut(at, at + SEARCH)
        if fits >= _DROWNED and fit(ahead, track.said(at, at + len(ahead))) >= _DROWNED:
            self._accept(track, fits)
            return True
        self._end_span(begins)
        self._unlock()
        self._unknown_from = begins + first_loud(self._cut(begins, at + WINDOW))
        self._unknown_windows = 1
        self._at = min(max(at, begins + WINDOW), self._received.end)
        return True

    def _begin(self, final: bool) -> bool:
        """Skip silence, then find out what begins here."""
        at = self._at
        here = self._cut(at, at + WINDOW)
        if len(here) < WINDOW and not final:
            return False
        if is_quiet(here):
            self._tell_unknown(at)
            self._at = min(at + WINDOW, self._received.end)
            self._unknown_windows = 0
            return True
        begins = at
        if self._unknown_from is None:
            begins += first_loud(here)
        if self._received.end - begins < WINDOW and not final:
            return False
        # Sound that nobody made is not searched for all the time.
        often = self._unknown_windows < 3 or self._unknown_windows % 4 == 0
        found = None
        if self._nothing_near != begins:
            x = self._cut(begins, begins + WINDOW)
            found = self._memory.near(begins, x, None, self._fit, search_too=often)
        if found is None and often:
            if self._received.end - begins < SEARCH and not final:
                self._nothing_near = begins
                return False
            x = self._cut(begins, begins + SEARCH)
            found = self._memory.everywhere(begins, x, None, thorough=not self._unknown_windows)
        if found is not None:
            self._lock_on(found, self._find_beginning(found, begins))
            return True
        self._at = min(begins + WINDOW, self._received.end)
        self._unknown_windows += 1
        if self._unknown_from is None:
            x = self._cut(begins, self._at)
            if product(x, x) < len(x) * _FAINT_RMS**2:
                return True
            self._unknown_from = begins
        if self._at - SEARCH > self._unknown_from:
            self._extend(None, self._unknown_from, self._at - SEARCH)
            self._unknown_from, self._at = self._at, self._at + SEARCH
        return True

    # Where something begins and ends

    def _find_edge(
        self,
        left: Track,
        right: Track | None,
        at: int,
        begins: int = 0,
        *,
        silence: bool = False,
    ) -> int:
        """Return where, within 20 ms of ``at``, one thing ends and the other begins.

        Args:
            left: what was followed up to ``at``.
            right: what begins, or None for silence or what nobody made.
            begins: about where ``right`` begins.
        """
        low = max(at - WINDOW, min(at, self._locked_at + WINDOW // 2), self._received.base)
        if right is None:
            high = max(low, min(at + WINDOW, self._received.end, left.end))
        else:
            low = max(self._go_back(left, right, at, low), right.lag)
            # Only that far is it known to be there.
            high = max(low, min(begins + WINDOW, self._received.end))
        # How loud it was before it may have ended; of a short piece, all there is.
        since = max(self._locked_at, at - 2 * WINDOW)
        until = at - WINDOW if at - WINDOW - since >= WINDOW // 2 else at
        said = left.said(low, high) * self._received.gain(left, since, until)
        other = None
        if right is not None:
            loudness = self._received.gain(right, begins, begins + WINDOW)
            other = right.said(low, high) * loudness
        unknown = max(_LEAST_UNKNOWN, min(_MOST_UNKNOWN, 4 * (1 - self._fit)))
        x = self._cut(low, high)
        return low + edge(x, said, other, unknown=None if silence else unknown)

    def _go_back(self, left: Track, right: Track, at: int, low: int) -> int:
        """Return from where on ``right`` may have been there, while ``left`` was followed.

        Much of a vowel sounds alike, and so does the same syllable in two recordings.
        """
        first = max(self._received.base, right.lag, self._locked_at)
        start = at
        while start - WINDOW >= first:
            fits = self._alike(right, start - WINDOW, start)
            if fits < _BACK or fits < self._alike(left, start - WINDOW, start) - _BACK_MARGIN:
                break
            start -= WINDOW
        if start == self._locked_at and self._replaced_at == start:
            return low  # once is enough
        return min(low, start)

    def _find_beginning(self, track: Track, at: int) -> int:
        """Return where, at ``at`` or a little before or after it, an utterance begins."""
        unknown = self._unknown_from
        low = max(at - WINDOW, self._received.base, track.lag)
        if self.spans:
            low = max(low, self.spans[-1].end)
        if unknown is not None:
            # Go back as far as it fits.
            low = at
            while low - WINDOW >= max(unknown, track.lag):
                if self._alike(track, low - WINDOW, low) < _BACK:
                    break
                low -= WINDOW
            low = max(low - WINDOW, unknown, track.lag)
        high = max(low, min(max(low, at) + WINDOW, self._received.end))
        said = track.said(low, high) * self._received.gain(track, high, high + WINDOW)
        begins = low + edge(
            self._cut(low, high), None, said, unknown=None if unknown is None else _MOST_UNKNOWN
        )
        self._tell_unknown(begins)
        return begins

    # What is known then

    def _lock_on(self, track: Track, begins: int) -> None:
        self._memory.note(track)
        self._lock = track
        self._nothing_near = -1
        self._broken = False
        self._fit = 1.0
        self._at = self._locked_at = begins
        self._unknown_from = None
        self._unknown_windows = 0

    def _unlock(self) -> None:
        self._lock = None
        self._nothing_near = -1
        self._broken = False
        self._unknown_from = None
        self._unknown_windows = 0

    def _accept(self, track: Track, fits: float) -> None:
        self._broken = False
        self._fit = min(self._fit, fits)
        end = min(self._at + WINDOW, self._received.end, track.end)
        self._extend(track.reference.key, self._at, end)

    def _tell_unknown(self, end: int) -> None:
        """Sound that nobody made, up to a sample, is known to be that."""
        start, self._unknown_from = self._unknown_from, None
        if start is None:
            return
        quiet = np.abs(self._cut(start, end)) < LOUD
        loud = len(quiet) - int(np.argmin(quiet[::-1])) if not quiet.all() else 0
        if loud:
            at, self._at = self._at, start
            self._extend(None, start, start + loud)
            self._at = at

    def _extend(self, key: int | None, start: int, end: int) -> None:
        offset = 0
        if key is not None:
            assert self._lock is not None
            offset = start - self._lock.lag
        self._at = end
        extend(self.spans, Span(start, end, key, offset))

    def _end_span(self, end: int) -> None:
        """Let what was followed end at a sample, a little earlier or later than believed."""
        if self._lock is not None:
            end = min(end, self._lock.end)  # nothing goes on for longer than it is
        self.spans[-1] = self.spans[-1].until(end)
