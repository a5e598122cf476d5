"""Disorder: a sender that emits its numbered messages out of order, or twice.

One TCP socket keeps order, so this can only arise where messages are made. It is off unless a
scenario asks for it; numbers in the messages keep telling the truth.
"""

from __future__ import annotations

import random
from typing import Generic, TypeVar

T = TypeVar("T")


class Disorder(Generic[T]):
    """Swaps neighbours and duplicates messages, at seeded random.

    Args:
        draw: the generator that decides.
        swap: share of messages (0 to 1) that change places with their successor.
        duplicate: share of messages (0 to 1) that are sent twice.

    Raises:
        ValueError: a share outside 0 to 1.

    >>> disorder = Disorder(random.Random(1), swap=1.0, duplicate=0.0)
    >>> [disorder.emit(number) for number in (1, 2, 3, 4)]
    [[], [2, 1], [], [4, 3]]
    """

    def __init__(self, draw: random.Random, *, swap: float, duplicate: float) -> None:
        for name, share in (("swap", swap), ("duplicate", duplicate)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is a share from 0 to 1, found {share!r}")
        self._draw = draw
        self._swap = swap
        self._duplicate = duplicate
        self._held: list[T] = []

    def flush(self) -> list[T]:
        """Return what still waits for a successor, when there will be none."""
        held, self._held = self._held, []
        return held

    def emit(self, message: T) -> list[T]:
        """Return what is sent now that ``message`` is ready."""
        copies = [message, message] if self._draw.random() < self._duplicate else [message]
        if self._held:
            return copies + self.flush()
        if self._draw.random() < self._swap:
            self._held = copies
            return []
        return copies
