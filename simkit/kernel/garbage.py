"""Garbage in cycles, collected after so many iterations of the loop.

Python collects it after so many allocations, counted since long before the simulation: when an
abandoned generator is closed, or the error of a forgotten task reported, would depend on what ran
earlier in the process. While a simulated loop runs, the loop does it instead.
"""

from __future__ import annotations

import gc
import sys

YOUNG_EVERY = 500
"""Iterations of the loop between two collections of what is young."""
_ALL_EVERY = 400
"""Collections of what is young for each one of everything, which takes 100 times as long."""
_GROWTH = 1.25
"""How much more memory than after the last collection of everything asks for another, before a loop
runs for the first time: as much as Python itself allows."""

_blocks_after_all = 0


class Garbage:
    """A context manager around the running of one loop; leaves ``gc`` as it was found.

    Whoever disabled ``gc`` keeps it disabled.
    """

    def __init__(self) -> None:
        self._collections = 0
        self._enabled = False
        self.left = YOUNG_EVERY
        """Iterations until it is time to :meth:`collect`: whoever iterates counts them."""

    def __enter__(self) -> Garbage:
        self._enabled = gc.isenabled()
        if self._enabled:
            gc.disable()
            # What others left behind should not be found halfway.
            if self._has_run or not _has_grown():
                gc.collect(1)
            else:
                _collect_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._enabled:
            # What this run left behind is still told in its own time.
            gc.collect(1)
            gc.enable()

    @property
    def _has_run(self) -> bool:
        return bool(self._collections) or self.left < YOUNG_EVERY

    def collect(self) -> None:
        """Collect what is young, and now and then everything."""
        self.left = YOUNG_EVERY
        self._collections += 1
        if self._enabled:
            if self._collections % _ALL_EVERY:
                gc.collect(1)
            else:
                _collect_all()


def _has_grown() -> bool:
    return sys.getallocatedblocks() > _GROWTH * _blocks_after_all


def _collect_all() -> None:
    global _blocks_after_all
    gc.collect()
    _blocks_after_all = sys.getallocatedblocks()
