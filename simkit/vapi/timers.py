"""Timers of one conversation: all of them end with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..timeline import Clock


class Timers:
    """Sets timers, and cancels those that are left."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._set: set[asyncio.TimerHandle] = set()

    def at(
        self, when_ns: int, callback: Callable[..., object], *args: object
    ) -> asyncio.TimerHandle:
        """Call ``callback(*args)`` at ``when_ns``; at once, from the loop, if that is past."""

        def run() -> None:
            self._set.discard(timer)
            callback(*args)

        timer = self._clock.call_at(max(when_ns, self._clock.now_ns), run)
        self._set.add(timer)
        return timer

    def after(
        self, seconds: float, callback: Callable[..., object], *args: object
    ) -> asyncio.TimerHandle:
        """Call ``callback(*args)`` in that many seconds."""
        return self.at(self._clock.now_ns + round(seconds * 1e9), callback, *args)

    def cancel_all(self) -> None:
        """Nothing that was set happens any more."""
        for timer in self._set:
            timer.cancel()
        self._set.clear()
