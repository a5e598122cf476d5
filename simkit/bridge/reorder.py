"""Order by number: what arrives out of order, twice or not at all."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")

_MAX_HELD = 250


class InOrder(Generic[T]):
    """Hands on numbered items in order.

    An item whose predecessor is missing is held; :meth:`skip` gives the missing ones up.
    Duplicates and latecomers are dropped.

    >>> order = InOrder()
    >>> order.push(1, "a"), order.push(3, "c"), order.push(2, "b"), order.push(2, "b")
    (['a'], [], ['b', 'c'], [])
    """

    def __init__(self) -> None:
        self.next = 1
        """The number that is to be handed on next."""
        self._began = False
        self._held: dict[int, T] = {}
        self.dropped = 0
        """Duplicates and latecomers so far."""

    @property
    def is_waiting(self) -> bool:
        """True while items are held because an earlier one is missing."""
        return bool(self._held)

    def had(self, number: int) -> bool:
        """Tell whether an item has come already, or is not waited for any more."""
        return self._began and (number < self.next or number in self._held)

    def push(self, number: int, item: T) -> list[T]:
        """Take an item; returns what can be handed on, in order."""
        if not self._began:
            # Counting begins at 1, with some senders at 0.
            self._began = True
            self.next = min(1, number)
        if number == self.next and not self._held:
            self.next += 1
            return [item]
        if number < self.next or number in self._held:
            self.dropped += 1
            return []
        self._held[number] = item
        if len(self._held) > _MAX_HELD:
            return self.skip()[1]
        return self._release()

    def skip(self) -> tuple[int, list[T]]:
        """Give up what is missing; returns how many that were, and what can be handed on."""
        if not self._held:
            return 0, []
        first = min(self._held)
        missing, self.next = first - self.next, first
        return missing, self._release()

    def _release(self) -> list[T]:
        released = []
        while self.next in self._held:
            released.append(self._held.pop(self.next))
            self.next += 1
        return released
