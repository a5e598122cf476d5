"""Outbound: what waits to be sent on one leg, in order, within bounds."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

SLOW = 100
"""Messages that wait behind one that is not taken, before somebody is told."""


class Outbound:
    """A queue in front of a socket, emptied by one task.

    Everything that is put in leaves in that order, whichever task put it in; a slow reader at the
    far end fills the queue and nothing else. What need not wait leaves within :meth:`put`.

    Args:
        limit: bytes beyond which audio is refused.
        on_slow: told how many messages wait, and whether audio is refused: once for each, until
            the queue was empty.
    """

    def __init__(
        self, limit: int, on_slow: Callable[[int, bool], object] = lambda waiting, refused: None
    ) -> None:
        self._limit = limit
        self._on_slow = on_slow
        self._write: Callable[[bytes], bool] = lambda message: False
        self._queue: deque[bytes] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._is_sending = False
        self._told = 0  # 1: many wait; 2: audio is refused
        self._finished = False
        self.size = 0
        """Bytes that wait."""
        self.refused = 0
        """Audio messages that were refused because the queue was full."""

    def put(self, message: bytes, *, droppable: bool = False) -> bool:
        """Send or queue a message; False when it was refused."""
        if self._finished:
            return False
        if not self._queue and not self._is_sending and self._write(message):
            return True
        if droppable and self.size + len(message) > self._limit:
            self.refused += 1
            self._tell(2)
            return False
        self._queue.append(message)
        self.size += len(message)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
        elif self._is_sending and len(self._queue) >= SLOW:
            self._tell(1)
        return True

    def discard(self) -> None:
        """Drop everything that has not been sent."""
        self._queue.clear()
        self.size = 0

    def finish(self) -> None:
        """Let :meth:`run` return once the queue is empty; nothing more can be put in."""
        self._finished = True
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _tell(self, level: int) -> None:
        if self._told < level:
            self._told = level
            self._on_slow(len(self._queue), level == 2)

    async def run(
        self,
        send: Callable[[bytes], Awaitable[object]],
        write: Callable[[bytes], bool] = lambda message: False,
    ) -> None:
        """Send until finished and empty.

        Args:
            send: returns when the far end takes more.
            write: sends at once, or returns False.
        """
        self._write = write
        loop = asyncio.get_running_loop()
        while True:
            self._is_sending = True
            while self._queue:
                message = self._queue.popleft()
                self.size -= len(message)
                await send(message)
            self._is_sending = False
            self._told = 0
            if self._finished:
                return
            self._wake = loop.create_future()
            await self._wake
