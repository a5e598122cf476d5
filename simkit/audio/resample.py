"""Streaming conversion between 8 and 16 kHz, and up to 24 kHz, the same bits on every machine.

One half-band filter serves both directions of 16 kHz: 47 taps, flat to 3.4 kHz within 0.013 dB,
56.7 dB down from 4.6 kHz, delay 1.5 ms. A third-band filter of 71 taps leads up to 24 kHz: flat to
3.4 kHz within 0.01 dB, 69.8 dB down from 4.6 kHz, the same delay. Coefficients are integers, and
the sums are exact in float64 (every partial sum stays far below 2**53), so neither vector width
nor order of addition shows in the result. State is kept across calls: any chunking gives the same
samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .mulaw import RATE, Samples

# The ufunc behind np.clip, which itself takes four times as long for a frame.
clip: Any = np._core.umath.clip  # type: ignore[attr-defined]

_Floats = npt.NDArray[np.float64]

# sinc(n/2) under a Kaiser window of beta 5.4, in 2**-14 and summing to exactly 1. Every second tap
# of a half-band filter is zero but for the middle one, which is 1 here.
_SIDE = (-12, 34, -71, 130, -219, 346, -527, 788, -1184, 1857, -3336, 10386)
INTERPOLATE = np.array([*_SIDE, *reversed(_SIDE)], dtype=np.float64) / 2**14
DECIMATE = INTERPOLATE / 2
_TAPS = len(INTERPOLATE)
_LONG = 4000
"""Samples from which a matrix product is worth it."""
_COLUMNS, _ROWS = 16, 256
"""Of what is filtered by one; larger ones would wake threads of the library for linear algebra."""

# The same window, a third of a sample after the middle; two thirds are its mirror image.
_THIRD = (-20, 45, -84, 142, -227, 345, -512, 752, -1120, 1765, -3289, 13532,
          6728, -2586, 1501, -977, 661, -450, 301, -195, 120, -69, 35, -14)  # fmt: skip
_ONE_THIRD = np.array(_THIRD, dtype=np.float64) / 2**14
_TWO_THIRDS = _ONE_THIRD[::-1].copy()

DELAY_NS = 1_500_000
"""Delay of one conversion between 8 and 16 kHz, or to 24: 12 samples at 8 kHz."""


class Interpolator:
    """8 kHz to a multiple: between every two samples of the input lies one for each filter."""

    def __init__(self, *filters: _Floats) -> None:
        self._filters = filters
        self._x: _Floats = np.zeros(_TAPS - 1)

    def process(self, samples: npt.NDArray[Any]) -> Samples:
        """Return so many samples for each of ``samples`` (shape ``(n,)``, int16 or exact float)."""
        n, times = len(samples), len(self._filters) + 1
        if n == 0:
            return np.zeros(0, dtype=np.int16)
        x = self._x = _shifted(self._x, samples, _TAPS - 1)
        out = np.empty(times * n, dtype=np.int16)
        out[0::times] = x[_TAPS // 2 - 1 : _TAPS // 2 - 1 + n]
        for phase, taps in enumerate(self._filters, 1):
            _round_into(out[phase::times], _filtered(x, taps))
        return out


class Downsampler:
    """16 kHz to 8 kHz."""

    def __init__(self) -> None:
        self._x: _Floats = np.zeros(2 * _TAPS - 1)
        self._odd = 0  # samples at the end of _x that no output has used up

    def process(self, samples: npt.NDArray[Any]) -> Samples:
        """Return one sample for every two of ``samples``; an odd one waits for the next call."""
        x = self._x = _shifted(self._x, samples, 2 * _TAPS - 1 + self._odd)
        n = (len(samples) + self._odd) // 2
        self._odd = (len(samples) + self._odd) % 2
        out = np.empty(n, dtype=np.int16)
        if n:
            total = np.correlate(x[0 : 2 * (n + _TAPS) - 3 : 2], DECIMATE)
            total += x[_TAPS - 1 : _TAPS - 1 + 2 * n : 2] * 0.5
            _round_into(out, total)
        return out


class Unchanged:
    """The same rate on both sides."""

    def process(self, samples: npt.NDArray[Any]) -> Samples:
        """Return ``samples`` as int16."""
        return samples.astype(np.int16, copy=False)


class Linear:
    """Any rate to any other, on a straight line between neighbours; exact integers.

    Good enough to recognise speech by. What lies between the last two samples waits for the next
    call, and above half the lower rate nothing is filtered out.

    >>> Linear(8000, 24000).process(np.array([0, 300, 0], dtype=np.int16)).tolist()
    [0, 100, 200, 300, 200, 100]
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._from = from_rate
        self._to = to_rate
        self._x = np.zeros(0, dtype=np.int64)
        self._first = 0  # position of _x[0] in the input
        self._made = 0  # samples returned so far

    def process(self, samples: npt.NDArray[Any]) -> Samples:
        """Return what lies before the last of the samples so far."""
        x = np.concatenate((self._x, samples.astype(np.int64)))
        last = self._first + len(x) - 1
        stop = max(self._made, -(-last * self._to // self._from))
        position = np.arange(self._made, stop, dtype=np.int64) * self._from
        index = position // self._to - self._first
        rest = position % self._to
        out = (x[index] * (self._to - rest) + x[index + 1] * rest) // self._to
        self._made = stop
        keep = min(len(x), stop * self._from // self._to - self._first)
        self._x, self._first = x[keep:], self._first + keep
        return out.astype(np.int16)


def at_rate(samples: Samples, rate: int) -> Samples:
    """Return 8 kHz samples as a whole at another rate."""
    if rate in (RATE, 2 * RATE):
        return resampler(RATE, rate).process(samples)
    fine = resampler(RATE, 2 * RATE).process(samples)
    return Linear(2 * RATE, rate).process(np.append(fine, fine[-1:]))


Resampler = Interpolator | Downsampler | Unchanged | Linear


def resampler(from_rate: int, to_rate: int) -> Resampler:
    """Make a streaming converter: by a filter between 8 and 16 kHz and to 24, else on lines."""
    if from_rate == to_rate:
        return Unchanged()
    if (from_rate, to_rate) == (8000, 16000):
        return Interpolator(INTERPOLATE)
    if (from_rate, to_rate) == (8000, 24000):
        return Interpolator(_ONE_THIRD, _TWO_THIRDS)
    if (from_rate, to_rate) == (16000, 8000):
        return Downsampler()
    return Linear(from_rate, to_rate)


def _shifted(x: _Floats, samples: npt.NDArray[Any], keep: int) -> _Floats:
    """Return the last ``keep`` of ``x`` and then ``samples``; in place when the length stays."""
    if len(x) != keep + len(samples):
        return np.concatenate((x[len(x) - keep :], samples))
    x[:keep] = x[len(x) - keep :]
    x[keep:] = samples
    return x


def _filtered(x: _Floats, taps: _Floats) -> _Floats:
    """Return ``np.correlate(x, taps)``; of long sound in a third of the time."""
    size = len(x) + 1 - len(taps)
    if size < _LONG:
        return np.correlate(x, taps)
    matrix = np.zeros((_COLUMNS + len(taps) - 1, _COLUMNS))
    for column in range(_COLUMNS):
        matrix[column : column + len(taps), column] = taps
    rows = np.lib.stride_tricks.sliding_window_view(x, len(matrix))[::_COLUMNS]
    out = np.empty(size)
    whole = size - size % _COLUMNS
    table = out[:whole].reshape(-1, _COLUMNS)
    for first in range(0, len(table), _ROWS):
        part = table[first : first + _ROWS]
        np.matmul(rows[first : first + len(part)].copy(), matrix, out=part)
    if whole < size:
        out[whole:] = np.correlate(x[whole:], taps)
    return out


def _round_into(out: Samples, total: _Floats) -> None:
    """Limit to 16 bits and round to the nearest even, without a detour."""
    clip(total, -32768.0, 32767.0, out=total)
    np.rint(total, out=out, casting="unsafe")
