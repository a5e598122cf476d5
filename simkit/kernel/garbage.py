"""Garbage in cycles, collected after so many iterations of the loop.

Python collects it after so many allocations, counted since long before the simulation: when an
abandoned generator is closed, or the error of a forgotten task reported, would depend on what ran
earlier in the process. While a simulated loop runs, the loop does it instead.
"""

from __future__ import annotations

import gc

_YOUNG_EVERY = 500
"""Iterations of the loop between two collections of what is young."""
_ALL_EVERY = 400
"""Collections of what is young for each one of everything, which takes 100 times as long."""


class Garbage:
    """A context manager around the running of one loop; leaves ``gc`` as it was found.

    Whoever disabled ``gc`` keeps it disabled.
    """

    def __init__(self) -> None:
        self._iterations = 0
        self._enabled = False

    def __enter__(self) -> Garbage:
        self._enabled = gc.isenabled()
        if self._enabled:
            gc.disable()
            # What others left behind should not be found halfway.
            gc.collect(1)
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._enabled:
            # What this run left behind is still told in its own time.
            gc.collect(1)
            gc.enable()

    def after_iteration(self) -> None:
        """Count an iteration; collect when it is time."""
        self._iterations += 1
        if self._iterations % _YOUNG_EVERY == 0 and self._enabled:
            every = self._iterations % (_YOUNG_EVERY * _ALL_EVERY) == 0
            gc.collect(2 if every else 1)
