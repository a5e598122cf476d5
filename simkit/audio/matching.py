"""Matching: how well does a sound fit an utterance, and where exactly does one end?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .repertoire import QUIET_RMS, Reference
from .sums import product

Floats = npt.NDArray[np.float64]

WINDOW = 160
"""Samples that are judged together: 20 ms at 8 kHz."""

NEAR = 3700
"""Samples, almost half a second: how far from the expected place :func:`search` looks."""

LOUD = 24
"""Amplitude at which sound begins after silence."""

FLEETING = 40
"""Samples, 5 ms: of less sound between silences nobody can tell what it is."""

_BLOCK = 8192  # samples: what is searched, with the sound itself, is one FFT of this size
_FAR = 0.002  # what a place loses at the end of the search: of two alike the nearer is meant
_TIE = 4000.0  # difference of squares over 20 ms that says nothing: an rms of 5


@dataclass(frozen=True)
class Track:
    """An utterance in a stream: its sample 0 lies at position ``lag``."""

    reference: Reference
    lag: int

    @property
    def end(self) -> int:
        """Where the utterance ends."""
        return self.lag + len(self.reference.samples)

    def said(self, first: int, last: int) -> Floats:
        """Return what the utterance has at these positions of the stream."""
        return self.reference.cut(first - self.lag, last - self.lag)


def fit(x: Floats, said: Floats) -> float:
    """Return the squared correlation, 0 to 1; 0 for a negative one."""
    cross = product(x, said)
    if cross <= 0:
        return 0.0
    floor = (len(x) * float(QUIET_RMS) ** 2) ** 2
    return cross * cross / max(product(x, x) * product(said, said), floor)


def fits_of_rows(
    heard: Floats, said: Floats, faint_power: float
) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Return how well each row fits that can be judged, and which these are.

    Where both are fainter than ``faint_power`` there is nothing to judge.
    """
    faint = faint_power * heard.shape[1]
    heard_energy = np.einsum("ij,ij->i", heard, heard)
    said_energy = np.einsum("ij,ij->i", said, said)
    loud = np.flatnonzero((heard_energy >= faint) | (said_energy >= faint))
    cross = np.maximum(np.einsum("ij,ij->i", heard, said)[loud], 0.0)
    return cross * cross / np.maximum((heard_energy * said_energy)[loud], 1.0), loud


def search(x: Floats, reference: Reference, expected: int) -> tuple[float, int]:
    """Return how well ``x`` fits best within :data:`NEAR` of an offset, and at which offset."""
    size = len(x)
    first = max(expected - NEAR, -(size * 3 // 4))
    last = min(expected + NEAR, len(reference.samples) - size // 4)
    if last <= first:
        return 0.0, 0
    said = reference.cut(first, last + size)
    cross = np.fft.irfft(np.fft.rfft(said, _BLOCK) * np.conj(np.fft.rfft(x, _BLOCK)), _BLOCK)[
        : last + 1 - first
    ]
    running = np.concatenate(((0.0,), np.cumsum(said * said)))
    energy = running[size:] - running[:-size]
    floor = (size * float(QUIET_RMS) ** 2) ** 2
    fits = np.maximum(cross, 0.0) ** 2 / np.maximum(energy * product(x, x), floor)
    away = np.abs(np.arange(first, last + 1) - expected)
    best = int(np.argmax(fits - away * (_FAR / NEAR)))
    return float(fits[best]), first + best


def settle(x: Floats, reference: Reference, offset: int) -> tuple[float, int]:
    """Return how well ``x`` fits at an offset or at most 3 samples from it, and where."""
    said = reference.cut(offset - 3, offset + len(x) + 3)
    fits = [fit(x, said[shift : shift + len(x)]) for shift in range(7)]
    best = int(np.argmax(fits))
    return fits[best], offset - 3 + best


def slide(x: Floats, track: Track, at: int) -> tuple[float, Track]:
    """Return how well ``x`` fits at most 3 samples from where it should, and where; halves count.

    Args:
        x: sound.
        track: where it is expected.
        at: position of ``x`` in the stream.
    """
    said = track.said(at - 3, at + len(x) + 4)
    halves = (said[:-1] + said[1:]) / 2
    fits = [
        max(fit(x, row[shift : shift + len(x)]) for row in (said, halves)) for shift in range(7)
    ]
    best = int(np.argmax(fits))
    return fits[best], Track(track.reference, track.lag + 3 - best)


def without(x: Floats, said: Floats) -> Floats:
    """Return what is left of a mix when one voice, as loud as it is in there, is taken out."""
    energy = product(said, said)
    return x if energy == 0.0 else x - said * (product(x, said) / energy)


def edge(
    x: Floats, left: Floats | None, right: Floats | None, *, unknown: float | None = None
) -> int:
    """Return where in ``x`` it changes from ``left`` to ``right``.

    Where several places are as good, the known sound gets what there is.

    Args:
        x: sound in which the edge lies.
        left: what the utterance has there, as loud as it is in ``x``; None for none.
        right: the same.
        unknown: with one side None, that side is sound that misses everything by this share of
            its power; without, it is silence.
    """
    power = product(x, x) / max(1, len(x))

    def missed(said: Floats | None) -> Floats:
        if said is not None:
            wrong: Floats = (x - said) ** 2
            return wrong
        return x * x if unknown is None else np.full(len(x), unknown * power + QUIET_RMS)

    worse = np.concatenate(((0.0,), np.cumsum(missed(left) - missed(right))))
    alike = np.flatnonzero(worse <= worse.min() + _TIE)
    return int(alike[-1] if right is None else alike[0])


def is_quiet(x: Floats) -> bool:
    """Tell whether there is nothing to recognise."""
    return product(x, x) < len(x) * QUIET_RMS**2


def is_fleeting(x: Floats) -> bool:
    """Tell whether all sound in it is over so soon that it may be anybody's, as a filter's ringing.

    The limit is :data:`FLEETING`.
    """
    loud = np.flatnonzero(np.abs(x) >= LOUD)
    return len(loud) == 0 or int(loud[-1] - loud[0]) < FLEETING


def first_loud(x: Floats) -> int:
    """Return where sound begins after silence; the length where none does."""
    loud = np.flatnonzero(np.abs(x) >= LOUD)
    return int(loud[0]) if len(loud) else len(x)


def gain(x: Floats, said: Floats) -> float:
    """Return how loud an utterance is in ``x``."""
    energy = product(said, said)
    if energy < len(x) * QUIET_RMS**2:
        return 1.0
    return min(8.0, max(0.05, product(x, said) / energy))
