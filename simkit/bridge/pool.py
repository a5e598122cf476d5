"""What is made ahead of calls: calls, sockets and connections at Vapi that wait for one.

Vapi may bill what waits, and counts it among the account's concurrent calls: all of it is off
unless asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from .reconnect import is_final
from .vapi_rest import VapiRest
from .vapi_socket import VapiError

log = logging.getLogger("simkit.bridge")

_LONGEST_PAUSE = 60.0
_SHORT_LIFE = 10.0
"""Seconds; what is lost sooner was not made well."""

T = TypeVar("T")


@dataclass(eq=False)
class _Ready(Generic[T]):
    item: T
    born: float


class Pool(Generic[T]):
    """Keeps so many items ready, each for one call.

    One is made at a time. When that fails, or what was made is lost within 10 s, the pauses grow
    from 1 to 60 s; what is refused for good (401, 403) waits the longest at once.

    Args:
        make: makes an item; raises :class:`VapiError`.
        discard: gives one up.
        size: how many are kept.
        max_age: seconds after which an item is replaced.
    """

    def __init__(
        self,
        make: Callable[[], Awaitable[T]],
        discard: Callable[[T], object],
        *,
        size: int,
        max_age: float = float("inf"),
    ) -> None:
        self._make = make
        self._discard = discard
        self._size = size
        self._max_age = max_age
        self._loop = asyncio.get_running_loop()
        self._ready: list[_Ready[T]] = []
        self._lent = 0
        self._failures = 0  # since one was made
        self._early_losses = 0  # since one lasted
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._ready)

    def start(self) -> None:
        """Begin to fill."""
        self._task = self._loop.create_task(self._keep_full(), name="vapi pool")

    def take(self) -> T | None:
        """Return the oldest item that is ready, for good; None when there is none."""
        self._drop_aged()
        self._wake.set()
        return self._ready.pop(0).item if self._ready else None

    def lend(self, count: int) -> None:
        """Count so many items (fewer, if negative) as out, to come back; none is made for them."""
        self._lent += count
        self._wake.set()

    def put(self, item: T) -> bool:
        """Take an item back; False when there is no room."""
        if self._is_full or self._task is None:
            return False
        self._ready.append(_Ready(item, self._loop.time()))
        return True

    def lost(self, item: T) -> None:
        """An item is no good any more; it has been given up already."""
        for ready in self._ready:
            if ready.item is item:
                self._ready.remove(ready)
                self._judge(self._loop.time() - ready.born)
                self._wake.set()
                return

    def resize(self, size: int) -> None:
        """Keep more, or fewer: what is too many is given up."""
        self._size = size
        while len(self._ready) > size:
            self._discard(self._ready.pop(0).item)
        self._wake.set()

    async def close(self) -> None:
        """Give up everything."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self.resize(0)

    @property
    def _is_full(self) -> bool:
        return len(self._ready) + self._lent >= self._size

    def _judge(self, life: float) -> None:
        self._early_losses = self._early_losses + 1 if life < _SHORT_LIFE else 0

    def _drop_aged(self) -> None:
        now = self._loop.time()
        while self._ready and now - self._ready[0].born >= self._max_age:
            self._discard(self._ready.pop(0).item)

    async def _keep_full(self) -> None:
        while True:
            self._drop_aged()
            if self._is_full:
                await self._rest()
                continue
            if failures := max(self._failures, self._early_losses):
                await asyncio.sleep(_back_off(failures))
            await self._make_one()

    async def _make_one(self) -> None:
        try:
            item = await self._make()
        except VapiError as error:
            self._failures = 7 if is_final(error.code) else self._failures + 1
            log.warning("pool: %s", error)
            return
        self._failures = 0
        if not self.put(item):
            self._discard(item)

    async def _rest(self) -> None:
        """Wait, in a pool that is full, until something is taken, lost or too old."""
        self._wake.clear()
        due = _SHORT_LIFE if self._early_losses else None
        if self._ready and self._max_age < float("inf"):
            left = max(0.0, self._ready[0].born + self._max_age - self._loop.time())
            due = left if due is None else min(due, left)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(due):
                await self._wake.wait()
                return
        self._early_losses = 0


def _back_off(failures: int) -> float:
    longest: float = min(_LONGEST_PAUSE, 2.0 ** min(failures - 1, 6))
    return longest * random.uniform(0.8, 1.2)


async def keep_warm(rest: VapiRest, count: int, every: float) -> None:
    """Keep so many connections to the API open, TLS done; runs until it is cancelled."""
    while True:
        found = await asyncio.gather(*(rest.touch() for _ in range(count)), return_exceptions=True)
        failed = [error for error in found if isinstance(error, VapiError)]
        if failed:
            log.warning("pool: %s", failed[0])
        await asyncio.sleep(every)
