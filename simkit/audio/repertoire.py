"""The repertoire: everything that was said so far, by anyone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .landmarks import Landmarks
from .mulaw import Samples
from .speech import Speech
from .spool import forget
from .sums import product

QUIET_RMS = 40
"""-58 dBFS: below it there is nothing to recognise."""

_FAINT = 0.01  # share of an utterance's mean power below which a window of it cannot be judged
_APART = 4096  # samples between two utterances in the table of landmarks

_Floats = npt.NDArray[np.float64]


class Reference:
    """One utterance, to compare with."""

    def __init__(self, key: int, samples: Samples, start: int) -> None:
        self.key = key
        self.samples = samples
        self.start = start
        """Its position in the table of landmarks."""

    def cut(self, first: int, last: int) -> _Floats:
        """Return samples ``first`` to ``last``, silence where there are none."""
        if first >= 0 and last <= len(self.samples):
            return self.samples[first:last].astype(np.float64)
        result = np.zeros(max(0, last - first))
        low, high = max(0, first), min(len(self.samples), last)
        if high > low:
            result[low - first : high - first] = self.samples[low:high]
        return result

    @cached_property
    def faint_power(self) -> float:
        """Mean power of sound that is lost in the noise of its surroundings."""
        samples = self.samples.astype(np.float64)
        mean = product(samples, samples) / max(1, len(samples))
        return max(float(QUIET_RMS**2), _FAINT * mean)


class Repertoire:
    """Everything that was said so far, by anyone, in the order of saying."""

    def __init__(self) -> None:
        self.speeches: list[Speech] = []
        self._references: list[Reference] = []
        self._starts: list[int] = []
        self._landmarks = Landmarks()
        self._entered = 0

    def add(self, speech: Speech) -> int:
        """Add what is being said; returns its key."""
        key = len(self.speeches)
        start = self._starts[-1] + len(self.speeches[-1].samples) + _APART if key else _APART
        self.speeches.append(speech)
        self._references.append(Reference(key, speech.samples, start))
        self._starts.append(start)
        return key

    def __getitem__(self, key: int) -> Speech:
        return self.speeches[key]

    def places(self, x: _Floats) -> list[tuple[Reference, int]]:
        """Return where ``x`` may come from, the likeliest first.

        Each is an utterance and the offset in it of the first sample of ``x``; negative when
        ``x`` begins before it.
        """
        if not self._references:
            return []
        # The table is made by the first search that needs it: most sound is what is expected.
        for reference in self._references[self._entered :]:
            self._landmarks.add(reference.samples, reference.start)
        self._entered = len(self._references)
        forget()  # of all that was said, a search looks at a little, now here and now there
        found = []
        for at in self._landmarks.places(x):
            # The middle of x lies in the utterance that it comes from.
            key = max(0, bisect_right(self._starts, at + len(x) // 2) - 1)
            reference = self._references[key]
            found.append((reference, at - reference.start))
        return found

    def latest(self, limit: int) -> Iterator[Reference]:
        """Yield what was said last, the latest first, until it was more than ``limit`` samples."""
        for reference in reversed(self._references):
            yield reference
            limit -= len(reference.samples)
            if limit < 0:
                return
