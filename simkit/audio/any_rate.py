"""Streaming conversion between 8 kHz and any rate up to 48 kHz, the same bits on every machine.

The filter is a windowed sinc that ends at 4 kHz, 12 samples at 8 kHz to either side: a tone of up
to 3.4 kHz comes out with 60 dB between it and everything else, one above 4.6 kHz at -60 dB, and
both 1.5 ms later. Its coefficients are integers, made from sums and
products alone, which every machine rounds alike; those of each output add up to exactly 1. The sums
of a conversion are exact in float64, whatever the order of addition. State is kept across calls:
any cut of the input gives the same output.

Rates that share a large factor with 8 kHz (all in use do) repeat themselves soon; for them, one
matrix makes all outputs of a period, which takes a fraction of the time.
"""

from __future__ import annotations

from functools import cache
from math import gcd, pi
from typing import Any

import numpy as np
import numpy.typing as npt

from .mulaw import RATE, Samples
from .resample import clip

_Floats = npt.NDArray[np.float64]

LOWEST_RATE, HIGHEST_RATE = RATE, 48_000

_SIDE = 12
"""Samples at 8 kHz that the filter reaches to either side."""
_FINE = 256
"""Points of the filter for each sample at 8 kHz; between them lies a straight line."""
_BETA = 5.4
_ONE = 2**20
_PART = 2.0**-20
_LEAST, _LARGEST = np.array(-32768.0), np.array(32767.0)
_GUARD = 6
"""Bits that the filter is finer than its coefficients."""
_BLOCK = 20
_LONGEST = 1024
"""Inputs or outputs of a period that a matrix is made for."""
_MOST = 200_000
"""Products done at once: more would keep several processors busy."""


class AnyRate:
    """From one rate to another, one of which is 8 kHz.

    Args:
        from_rate: of what comes in, in Hz.
        to_rate: of what goes out.

    Raises:
        ValueError: neither is 8000, or the other is not a whole number from 8000 to 48,000.

    >>> AnyRate(8000, 24000).process(np.zeros(160, dtype=np.int16)).shape
    (480,)
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        other = from_rate if to_rate == RATE else to_rate
        if RATE not in (from_rate, to_rate) or not LOWEST_RATE <= other <= HIGHEST_RATE:
            raise ValueError(
                f"cannot convert {from_rate} Hz to {to_rate} Hz: expected 8000 Hz on one side and "
                f"{LOWEST_RATE} to {HIGHEST_RATE} Hz on the other"
            )
        self._inputs, self._outputs, self._coefficients, self._matrix = _tables(from_rate, to_rate)
        self._before = self._coefficients.shape[1] - 1
        self._x: _Floats = np.zeros(self._before)  # from so long before the period that goes on
        self._made = 0  # outputs of that period so far

    def process(self, samples: npt.NDArray[Any]) -> Samples:
        """Return what ``samples`` (shape ``(n,)``, int16 or exact float) make complete."""
        if not len(samples):
            return np.zeros(0, dtype=np.int16)
        kept = len(self._x)
        size = kept - self._before + len(samples)
        due = -(-size * self._outputs // self._inputs)
        rows = -(-due // self._outputs)  # periods, the last of which may lack inputs still
        x = np.zeros(max(self._before + size, self._before + rows * self._inputs))
        x[:kept] = self._x
        x[kept : self._before + size] = samples
        out = self._by_matrix(x, rows, due) if self._matrix is not None else self._singly(x, due)
        periods = size // self._inputs
        self._x = x[periods * self._inputs : self._before + size]
        self._made = due - periods * self._outputs
        return out

    def _by_matrix(self, x: _Floats, rows: int, due: int) -> Samples:
        """Compute whole periods, the first and the last of which are not complete perhaps."""
        matrix: _Floats = self._matrix  # type: ignore[assignment]
        step = x.itemsize
        blocks: _Floats = np.ndarray(
            (rows, len(matrix)), np.float64, x, 0, (self._inputs * step, step)
        )
        at_once = max(1, _MOST // matrix.size)
        if rows <= at_once:
            return _rounded(blocks.dot(matrix).reshape(-1)[self._made : due])
        total = np.empty((rows, self._outputs))
        for at in range(0, rows, at_once):
            np.dot(blocks[at : at + at_once], matrix, out=total[at : at + at_once])
        return _rounded(total.reshape(-1)[self._made : due])

    def _singly(self, x: _Floats, due: int) -> Samples:
        """Compute each output by coefficients of its own."""
        number = np.arange(self._made, due, dtype=np.int64)
        windows = np.lib.stride_tricks.sliding_window_view(x, self._before + 1)
        first = number * self._inputs // self._outputs
        rows = self._coefficients[number % self._outputs]
        return _rounded(np.einsum("ij,ij->i", windows[first], rows))


def _rounded(total: _Floats) -> Samples:
    """Limit to 16 bits and round to the nearest even."""
    total = total * _PART
    clip(total, _LEAST, _LARGEST, total)
    np.rint(total, total)
    return total.astype(np.int16)


@cache
def _tables(from_rate: int, to_rate: int) -> tuple[int, int, _Floats, _Floats | None]:
    """Return inputs and outputs of a period, a row of coefficients per output, and the matrix."""
    common = gcd(from_rate, to_rate)
    inputs, outputs = from_rate // common, to_rate // common
    coefficients = _coefficients(inputs, outputs, from_rate)
    if max(inputs, outputs) > _LONGEST:
        return inputs, outputs, coefficients, None
    times = max(1, _BLOCK // min(inputs, outputs))
    width = coefficients.shape[1]
    matrix = np.zeros((width - 1 + times * inputs, times * outputs))
    for number in range(times * outputs):
        first = number * inputs // outputs
        matrix[first : first + width, number] = coefficients[number % outputs]
    return times * inputs, times * outputs, coefficients, matrix


def _coefficients(inputs: int, outputs: int, from_rate: int) -> _Floats:
    """Return the coefficients of each output of a period, last input last.

    Output number n lies at input n * inputs / outputs, less the delay of 12 samples at 8 kHz.
    """
    side = -(-_SIDE * from_rate // RATE)
    number = np.arange(outputs, dtype=np.int64)[:, None]
    past = np.arange(2 * side, dtype=np.int64)[None, ::-1]  # inputs before the last one
    # Distance of an input from the middle of the filter, in its points and ``scale`` parts of one.
    rest = number * inputs % outputs
    scale = outputs * from_rate
    distance = np.abs((past * outputs + rest) * RATE - _SIDE * scale) * _FINE
    point, part = distance // scale, distance % scale
    fine = _filter()
    inside = point < _SIDE * _FINE
    point = np.where(inside, point, 0)
    low, high = fine[point], fine[point + 1]
    # Between two points on a straight line, and for fewer outputs than inputs a share of it.
    found = low + (high - low) * part // scale
    found = np.where(inside, found, 0)
    if from_rate > RATE:
        found = found * RATE // from_rate
    found = (found + (1 << _GUARD - 1)) >> _GUARD
    middle = np.argmax(found, axis=1)
    found[np.arange(outputs), middle] += _ONE - found.sum(axis=1)
    return found.astype(np.float64)


def _filter() -> npt.NDArray[np.int64]:
    """Return the right half of the filter, from its middle, and one point more."""
    points = np.arange(_SIDE * _FINE + 2, dtype=np.int64)
    x = points / _FINE  # exact
    window = _bessel(_BETA * _BETA / 4 * (1 - np.minimum(x / _SIDE, 1.0) ** 2)) / _bessel(
        np.array([_BETA * _BETA / 4])
    )
    # sin(pi x) by the distance to the nearest whole number, where it is small.
    turns = (points + _FINE // 2) // _FINE
    rest = (points - turns * _FINE) / _FINE
    sine = _sine(pi * rest) * np.where(turns % 2, -1.0, 1.0)
    sinc = np.where(points == 0, 1.0, sine / np.where(points == 0, 1.0, pi * x))
    found: npt.NDArray[np.int64] = np.rint(sinc * window * (_ONE << _GUARD)).astype(np.int64)
    return found


def _sine(x: _Floats) -> _Floats:
    """Return the sine of at most a quarter turn, by its series."""
    square = x * x
    total = np.zeros_like(x)
    for n in range(23, 1, -2):
        total = (1.0 - total) * square / (n * (n - 1))
    result: _Floats = x * (1.0 - total)
    return result


def _bessel(quarter: _Floats) -> _Floats:
    """Return the modified Bessel function of order 0, by its series in x**2 / 4."""
    total = np.ones_like(quarter)
    for n in range(30, 0, -1):
        total = 1.0 + total * quarter / (n * n)
    return total
