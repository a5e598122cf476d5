"""Landmarks: where in everything that was ever said may a sound come from?

A landmark is a sample that is louder than all others within 1.5 ms. The distances from one landmark
to the next three make a word of 24 bits, which gain and companding leave as it is; a sorted table
of all words answers where one occurs, in a time that hardly grows with what was said.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]

_REACH = 12  # samples: a landmark is the loudest within 1.5 ms
_BEFORE = np.arange(-_REACH, 0)[:, None]
_AFTER = np.arange(1, _REACH + 1)[:, None]
_FLOOR = 120.0  # four times an amplitude of 30: quieter sound has no landmarks
_FURTHEST = 250  # samples between two landmarks of one word
_COMMON = 500  # a word that occurs more often than this tells nothing
_AT_BITS = 39
_AT = (1 << _AT_BITS) - 1

# Resampling moves a landmark by a sample now and then.
_NEAR = np.array(
    [(a << 16) + (b << 8) + c for a, b, c in itertools.product((0, -1, 1), repeat=3)],
    dtype=np.int64,
)


class Landmarks:
    """The words of everything that was added, by position in the concatenation of it all."""

    def __init__(self) -> None:
        self._tables: list[_Ints] = []  # sorted, each at least twice as long as the next

    def add(self, samples: npt.NDArray[np.generic], start: int) -> None:
        """Enter sound that begins at position ``start``."""
        at, words = _words(samples.astype(np.float64), whole=True)
        table = np.sort((words << _AT_BITS) | (at + start))
        while self._tables and len(self._tables[-1]) < 2 * len(table):
            table = np.sort(np.concatenate((self._tables.pop(), table)))
        self._tables.append(table)

    def places(self, x: _Floats, limit: int = 8) -> list[int]:
        """Return the positions at which ``x`` may begin, the likeliest first.

        Negative where ``x`` would begin before everything.
        """
        at, words = _words(x, whole=False)
        if not len(at):
            return []
        wanted = (words[:, None] + _NEAR).ravel() << _AT_BITS
        from_at = np.repeat(at, len(_NEAR))
        found = [_look_up(table, wanted, from_at) for table in self._tables]
        starts = np.sort(np.concatenate(found))
        if not len(starts):
            return []
        votes = np.searchsorted(starts, starts + 2, "right") - np.searchsorted(starts, starts - 2)
        # Of equally likely places the one that was said last.
        order = np.lexsort((-starts, -votes))
        chosen: list[int] = []
        for index in order:
            start = int(starts[index])
            if all(abs(start - other) > 4 for other in chosen):
                chosen.append(start)
                if len(chosen) == limit:
                    break
        return chosen


def _look_up(table: _Ints, wanted: _Ints, from_at: _Ints) -> _Ints:
    """Return, for each place of each word, where the sound begins that has it."""
    first = np.searchsorted(table, wanted)
    count = np.searchsorted(table, wanted + (1 << _AT_BITS)) - first
    count[count > _COMMON] = 0
    nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    places: _Ints = (table[np.repeat(first, count) + nth] & _AT) - np.repeat(from_at, count)
    return places


def _words(x: _Floats, *, whole: bool) -> tuple[_Ints, _Ints]:
    """Return the landmarks that begin a word, and the words.

    Args:
        x: the sound.
        whole: there is silence around it; else nobody knows what is.
    """
    at = _find(x)
    if not whole:
        at = at[(at >= _REACH) & (at < len(x) - _REACH)]
    steps = np.diff(at)
    if len(steps) < 3:
        return at[:0], at[:0]
    a, b, c = steps[:-2], steps[1:-1], steps[2:]
    near = (a <= _FURTHEST) & (b <= _FURTHEST) & (c <= _FURTHEST)
    return at[:-3][near], ((a << 16) | (b << 8) | c)[near]


def _find(x: _Floats) -> _Ints:
    """Return the landmarks of a sound."""
    if len(x) < 2 * _REACH:
        return np.zeros(0, dtype=np.int64)
    # Smoothed over three samples: the highest frequencies suffer most on the way.
    y = np.zeros((len(x) // _REACH + 3) * _REACH)
    y[_REACH + 1 : _REACH + len(x) - 1] = np.abs(x[:-2] + 2 * x[1:-1] + x[2:])
    # The loudest within reach is the loudest of its own cell.
    peaks = y.reshape(-1, _REACH).argmax(axis=1) + np.arange(0, len(y), _REACH)
    top = y[peaks]
    # Most are within reach of a louder one in the cell before or after: these need no closer look.
    near = np.diff(peaks) <= _REACH
    kept = top >= _FLOOR
    kept[1:] &= ~(near & (top[:-1] > top[1:]))
    kept[:-1] &= ~(near & (top[1:] > top[:-1]))
    peaks = peaks[kept]
    top = y[peaks]
    first = top > y[peaks + _BEFORE].max(axis=0)
    found: _Ints = peaks[first & (top >= y[peaks + _AFTER].max(axis=0))] - _REACH
    return found
