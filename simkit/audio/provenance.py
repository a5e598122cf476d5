"""Provenance: which utterance, at which offset, is in a stretch of received sound.

A :class:`Tracker` follows one stream. While it knows where it is, it checks the expected
continuation; when that fails, or after silence, it searches what was said. The answer is
sample-accurate as long as nothing was cut inside a 20 ms window.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .mulaw import RATE, Samples
from .speech import Speech

WINDOW = 160
"""Samples that are judged together: 20 ms at 8 kHz."""

_SEARCH = 4 * WINDOW  # what is compared in a search: 80 ms
_QUIET_RMS = 40  # -58 dBFS: below it there is nothing to recognise
_FAINT_RMS = 200  # -44 dBFS: below it sound that nobody made is not worth a word
_FAINT = 0.01  # share of an utterance's mean power below which a window of it cannot be judged
_SAME = 0.5  # squared correlation at which the expected continuation is accepted: r = 0.71
_FOUND = 0.81  # squared correlation at which the best place of a search is: r = 0.90
_CERTAIN = 0.95  # squared correlation at which a search need not go on
_NEAR = 4000  # half a second: where to look first, from the start or from the last known offset

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Span:
    """A stretch of the stream: samples ``start`` to ``end`` hold ``key`` from ``offset`` on.

    ``key`` is None for sound that nobody is known to have made. Silence makes no span.
    """

    start: int
    end: int
    key: int | None
    offset: int = 0


@dataclass
class _Reference:
    key: int
    samples: Samples  # the speech's own: with hundreds of calls, copies would fill the memory

    @cached_property
    def faint(self) -> float:
        """Energy of a window that is lost in the noise of its surroundings."""
        energy = int(np.einsum("i,i->", self.samples, self.samples, dtype=np.int64))
        mean = energy / max(1, len(self.samples))
        return float(WINDOW * max(_QUIET_RMS**2, _FAINT * mean))


@dataclass
class Repertoire:
    """Everything that was said so far, by anyone, in the order of saying."""

    speeches: list[Speech] = field(default_factory=list)
    _references: list[_Reference] = field(default_factory=list)

    def add(self, speech: Speech) -> int:
        """Add what is being said; returns its key."""
        key = len(self.speeches)
        self.speeches.append(speech)
        self._references.append(_Reference(key, speech.samples))
        return key

    def __getitem__(self, key: int) -> Speech:
        return self.speeches[key]

    def recent_first(self) -> list[_Reference]:
        """Return the references, the latest first."""
        return self._references[::-1]

    def reference(self, key: int) -> _Reference:
        """Return one reference."""
        return self._references[key]


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
        self._repertoire = repertoire
        self._pending: list[npt.NDArray[Any]] = []
        self._rest: _Floats = np.zeros(0)
        self._at = 0
        self._lock: _Reference | None = None
        self._lag = 0
        self._last: tuple[_Reference, int] | None = None
        self._misled_at = -1
        self.spans: list[Span] = []
        """What was recognised so far, in order; :meth:`update` brings it up to date."""

    def feed(self, samples: Samples) -> None:
        """Take the next samples of the stream."""
        self._pending.append(samples)

    def skip_to(self, position: int) -> None:
        """Silence up to sample ``position`` of the stream: nothing arrived until then."""
        self.update(final=True)
        self._at = max(self._at, position)
        self._lock = None

    def finish(self) -> list[Span]:
        """Judge what is left, an incomplete window included, and return all spans."""
        self.update(final=True)
        return self.spans

    def update(self, *, final: bool = False) -> list[Span]:
        """Judge every complete window that was fed, and return all spans so far."""
        if self._pending:
            self._rest = np.concatenate((self._rest, *self._pending))
            self._pending.clear()
        x = self._rest
        done = 0
        while done < len(x):
            judge = self._look_for_start if self._lock is None else self._follow
            used = judge(x[done:], final)
            if used is None:
                break
            done += used
        self._rest = x[done:]
        return self.spans

    # Both of the following return how many samples they have judged, None to wait for more.

    def _follow(self, x: _Floats, final: bool) -> int | None:
        """Check the expected continuation over as many windows as there are."""
        reference = self._lock
        assert reference is not None
        offset = self._at - self._lag
        left = len(reference.samples) - offset
        size = min(len(x), left)
        if left <= 0:
            self._unlock()
            return 0
        if size < WINDOW and size < left and not final:
            return None
        windows = max(1, size // WINDOW)
        size = min(size, windows * WINDOW)
        heard = _in_windows(x[:size])
        said = _in_windows(reference.samples[offset : offset + size].astype(np.float64))
        cross = np.einsum("ij,ij->i", heard, said)
        heard_energy = np.einsum("ij,ij->i", heard, heard)
        said_energy = np.einsum("ij,ij->i", said, said)
        both_faint = (heard_energy < 2 * reference.faint) & (said_energy < 2 * reference.faint)
        same = (cross > 0) & (cross * cross >= _SAME * heard_energy * said_energy)
        wrong = np.flatnonzero(~(both_faint | same))
        good = size if not len(wrong) else int(wrong[0]) * WINDOW
        if good:
            self._extend(reference.key, offset, good)
        if len(wrong):
            self._unlock()
            if good == 0:
                self._misled_at = self._at
        return good

    def _look_for_start(self, x: _Floats, final: bool) -> int | None:
        """Skip silence, then search the repertoire for what begins here."""
        if len(x) < WINDOW and not final:
            return None
        if float(np.dot(x[:WINDOW], x[:WINDOW])) < WINDOW * _QUIET_RMS**2:
            used = min(WINDOW, len(x))
            self._at += used
            return used
        if len(x) < _SEARCH and not final:
            return None
        found = None if self._misled_at == self._at else self._search(x[:_SEARCH])
        if found is None:
            used = min(WINDOW, len(x))
            if float(np.dot(x[:WINDOW], x[:WINDOW])) < WINDOW * _FAINT_RMS**2:
                self._at += used
            else:
                self._extend(None, 0, used)
            return used
        reference, offset = found
        lead = min(max(0, -offset), len(x))
        self._at += lead  # silence before its first sample
        self._lag = self._at - max(0, offset)
        self._lock = reference
        return lead

    def _search(self, x: _Floats) -> tuple[_Reference, int] | None:
        """Return the utterance and the offset in it (negative: it begins later) of ``x``."""
        energy = float(np.dot(x, x))
        recent = self._repertoire.recent_first()
        places: list[tuple[_Reference, int, int]] = []
        if self._last is not None:
            reference, offset = self._last
            places.append((reference, offset - _NEAR, offset + _NEAR))
        places += [(reference, -len(x), _NEAR) for reference in recent]
        places += [(reference, _NEAR, len(reference.samples)) for reference in recent]
        best: tuple[_Reference, int] | None = None
        best_score = _FOUND
        for reference, first, last in places:
            score, offset = _best_offset(x, energy, reference, first, last)
            if score > best_score:
                best, best_score = (reference, offset), score
                if score >= _CERTAIN:
                    break
        return best

    def _extend(self, key: int | None, offset: int, size: int) -> None:
        if self.spans:
            last = self.spans[-1]
            continues = key is None or last.offset + (last.end - last.start) == offset
            if last.key == key and last.end == self._at and continues:
                self.spans[-1] = Span(last.start, last.end + size, key, last.offset)
                self._at += size
                return
        self.spans.append(Span(self._at, self._at + size, key, offset))
        self._at += size

    def _unlock(self) -> None:
        if self._lock is not None:
            self._last = (self._lock, self._at - self._lag)
        self._lock = None


def _in_windows(x: _Floats) -> _Floats:
    if len(x) < WINDOW:
        return x.reshape(1, -1)
    return x.reshape(-1, WINDOW)


def _best_offset(
    x: _Floats, energy: float, reference: _Reference, first: int, last: int
) -> tuple[float, int]:
    """Return how well ``x`` fits best in ``reference`` from ``first`` to ``last``, and where."""
    size = len(x)
    first = max(first, -(size * 3 // 4))
    last = min(last, len(reference.samples) - size // 4)
    if last <= first:
        return 0.0, 0
    low, high = max(0, first), min(len(reference.samples), last + size)
    said = np.zeros(last + size - first)
    said[low - first : high - first] = reference.samples[low:high]
    cross = _correlate(said, x)
    # Sums of squares of 16-bit samples, which float64 holds exactly.
    running = np.zeros(len(said) + 1)
    np.cumsum(said * said, out=running[1:])
    said_energy = running[size:] - running[:-size]
    scores = np.where(cross > 0, cross * cross, 0.0) / np.maximum(
        said_energy * energy, (size * float(_QUIET_RMS) ** 2) ** 2
    )
    best = int(np.argmax(scores))
    return float(scores[best]), first + best


def _correlate(said: _Floats, x: _Floats) -> _Floats:
    """Return the correlation of ``x`` with every stretch of ``said`` of its length, by FFT."""
    n = 1 << (len(said) - 1).bit_length()
    product = np.fft.rfft(said, n) * np.conj(np.fft.rfft(x, n))
    result: _Floats = np.fft.irfft(product, n)[: len(said) - len(x) + 1]
    return result


def to_8k(samples: Samples, rate: int) -> Samples:
    """Return every sample nearest to the 8 kHz grid; good enough to recognise speech by."""
    if rate == RATE:
        return samples
    if rate % RATE == 0:
        return samples[:: rate // RATE]
    return samples[(np.arange(len(samples) * RATE // rate) * rate) // RATE]
