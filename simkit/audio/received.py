"""What was received of a stream: what of its end is still to be judged, and a little before."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .matching import WINDOW, Floats, Track, fits_of_rows, gain
from .mulaw import Samples

_KEPT = 10 * WINDOW  # of what is judged: a fifth of a second


class Received:
    """A window on a stream of sound at 8 kHz; positions count its samples from the beginning.

    Attributes:
        base: position of the first sample that is kept.
        end: position behind the last one.
    """

    def __init__(self) -> None:
        self._pending: list[npt.NDArray[Any]] = []
        self._x: Floats = np.zeros(0)
        self.base = self.end = 0

    def feed(self, samples: Samples) -> None:
        """Take the next samples; :meth:`update` appends them."""
        self._pending.append(samples)

    def update(self, judged: int) -> None:
        """Append what was fed, and forget what lies well before the position ``judged``."""
        if self._pending:
            kept = self._x[max(0, judged - self.base - _KEPT) :]
            self.base += len(self._x) - len(kept)
            self._x = np.concatenate((kept, *self._pending))
            self.end = self.base + len(self._x)
            self._pending.clear()

    def restart(self, position: int) -> None:
        """Forget everything: what comes next begins at ``position``."""
        self.base = self.end = position
        self._x = np.zeros(0)

    def cut(self, first: int, last: int) -> Floats:
        """Return the samples from ``first`` to ``last``, as far as they are kept."""
        return self._x[max(0, first - self.base) : max(0, last - self.base)]

    def alike(self, track: Track, first: int, last: int) -> float:
        """Return how well an utterance fits there: perfectly where both are all but silent."""
        x, said = self.cut(first, last), track.said(first, last)
        fits, loud = fits_of_rows(x[None], said[None], 2 * track.reference.faint_power)
        return float(fits[0]) if len(loud) else 1.0

    def gain(self, track: Track, first: int, last: int) -> float:
        """Return how much louder an utterance is there than it was said."""
        x = self.cut(first, last)
        return gain(x, track.said(first, first + len(x))) if len(x) else 1.0
