"""Outbound: what waits to be sent on one leg, in order, within bounds."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable


class Outbound:
    """A queue in front of a socket, emptied by one task.

    Everything that is put in leaves in that order, whichever task put it in; a slow reader at the
    far end fills the queue and nothing else.

    Args:
        limit: bytes beyond which audio is refused.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._queue: deque[str | bytes] = deque()
        self._bytes = 0
        self._wake: asyncio.Future[None] | None = None
        self._finished = False
        self.refused = 0
        """Audio messages that were refused because the queue was full."""

    def put(self, message: str | bytes, *, droppable: bool = False) -> bool:
        """Queue a message; False when it was refused."""
        if self._finished:
            return False
        if droppable and self._bytes + len(message) > self._limit:
            self.refused += 1
            return False
        self._queue.append(message)
        self._bytes += len(message)
        self._notify()
        return True

    def discard(self) -> None:
        """Drop everything that has not been sent."""
        self._queue.clear()
        self._bytes = 0

    def finish(self) -> None:
        """Let :meth:`run` return once the queue is empty; nothing more can be put in."""
        self._finished = True
        self._notify()

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def run(self, send: Callable[[str | bytes], Awaitable[object]]) -> None:
        """Send until finished and empty."""
        loop = asyncio.get_running_loop()
        while True:
            while self._queue:
                message = self._queue.popleft()
                self._bytes -= len(message)
                await send(message)
            if self._finished:
                return
            self._wake = loop.create_future()
            await self._wake
