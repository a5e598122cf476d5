"""Instants: which sample of a stream of blocks was somewhere when."""

from __future__ import annotations

from array import array
from bisect import bisect_right

BLOCK_NS = 20_000_000
SAMPLE_NS = 125_000
"""At 8 kHz."""


class Instants:
    """Remembers when each block of 20 ms came or left; steady pace takes no memory."""

    def __init__(self) -> None:
        # Position and instant of the first block after each change of pace.
        self._positions, self._instants = array("q"), array("q")

    def add(self, position: int, ns: int) -> None:
        """Note a block, unless it was there 20 ms after the one before.

        Args:
            position: of its first sample, at 8 kHz.
            ns: when it was there.
        """
        self._positions.append(position)
        self._instants.append(ns)

    def at(self, position: int) -> int:
        """Return when a sample was there, as if blocks came sample by sample."""
        nearest = bisect_right(self._positions, position) - 1
        return self._instants[nearest] + (position - self._positions[nearest]) * SAMPLE_NS

    def starts(self, start: int, end: int) -> list[int]:
        """Return, for each pace within [start, end), when it would have been at position 0."""
        pieces = slice(
            bisect_right(self._positions, start) - 1, bisect_right(self._positions, end - 1)
        )
        return [
            ns - position * SAMPLE_NS
            for position, ns in zip(self._positions[pieces], self._instants[pieces], strict=True)
        ]
