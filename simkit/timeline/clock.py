"""Integer nanoseconds over any asyncio loop, virtual or real."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Clock:
    """Reads time and sets timers in nanoseconds since ``start``.

    Args:
        loop: whose time it is.
        read_ns: reads a virtual clock directly, exact and fast; None asks ``loop.time``.
        call_at_ns: sets a timer on that clock; goes with ``read_ns``.
        call_again_ns: sets one that has just run again; goes with ``call_at_ns``.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        read_ns: Callable[[], int] | None = None,
        call_at_ns: Callable[..., asyncio.TimerHandle] | None = None,
        call_again_ns: Callable[..., asyncio.TimerHandle] | None = None,
    ) -> None:
        self.loop = loop
        self._start = 0.0 if read_ns is not None else loop.time()
        self.read_ns = read_ns or self._ask_loop
        """Return nanoseconds since the clock was made."""
        self.call_at: Callable[..., asyncio.TimerHandle] = call_at_ns or self._ask_loop_at
        """Call ``callback(*args)`` at ``when_ns``."""
        self.call_again: Callable[..., asyncio.TimerHandle] = call_again_ns or self._as_another
        """Do what ``call_at`` does; before the rest it takes a timer that has just run, or None,
        whose handle may serve again."""

    def _ask_loop(self) -> int:
        return round((self.loop.time() - self._start) * 1e9)

    @property
    def now_ns(self) -> int:
        """Nanoseconds since the clock was made."""
        return self.read_ns()

    def _ask_loop_at(
        self, when_ns: int, callback: Callable[..., object], *args: object
    ) -> asyncio.TimerHandle:
        return self.loop.call_at(self._start + when_ns / 1e9, callback, *args)

    def _as_another(
        self,
        timer: asyncio.TimerHandle | None,
        when_ns: int,
        callback: Callable[..., object],
        *args: object,
    ) -> asyncio.TimerHandle:
        return self.call_at(when_ns, callback, *args)

    async def sleep_until(self, when_ns: int) -> None:
        """Return at ``when_ns``, at once if that is past."""
        delay_ns = when_ns - self.now_ns
        if delay_ns > 0:
            await asyncio.sleep(delay_ns / 1e9)
