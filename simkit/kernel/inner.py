"""Loops that a program runs in threads of its own: on the clock, and in the world, of the first.

``asyncio.run`` in work of ``asyncio.to_thread``, or ``asyncio.new_event_loop`` and a thread for it.
Such a loop runs what is ready, then waits as any thread of the simulation does: until something is
put into its queue, or its next timer is due.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from contextvars import Context
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVarTuple

from .base import BaseLoop
from .errors import SimulationError
from .garbage import YOUNG_EVERY
from .inside import get_ident, realms
from .loop import Loop
from .threads import Waiter

Ts = TypeVarTuple("Ts")


class InnerLoop(Loop):
    """An asyncio event loop for a thread of another one's simulation.

    Args:
        outer: the loop that runs the simulation.
    """

    def __init__(self, outer: Loop) -> None:
        super().__init__()
        self._outer = outer
        self.calendar = outer.calendar
        self.trail = outer.trail
        self.entropy = outer.entropy
        self.realm = outer.realm
        self.threads = outer.threads
        self._ready = _Queue(self._put)
        self._timers: list[tuple[int, int, asyncio.TimerHandle]] = []
        self._numbers = count()
        self._iterations = 0
        self._waiter: Waiter | None = None

    @property
    def _tasks_made(self) -> int:
        """How many tasks the world has made: no two of them have one name."""
        return self._outer._tasks_made

    @_tasks_made.setter
    def _tasks_made(self, value: int) -> None:
        if hasattr(self, "_outer"):
            self._outer._tasks_made = value

    @property
    def charge_ns(self) -> Callable[[str, Context], int] | None:
        """As the loop that runs the simulation."""
        return self._outer.charge_ns

    @charge_ns.setter
    def charge_ns(self, value: Any) -> None:
        if hasattr(self, "_outer"):
            self._outer.charge_ns = value

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call ``callback`` at virtual second ``when``, rounded to the nanosecond."""
        if when is None:
            raise TypeError("when cannot be None")
        self._check_closed()
        if self._debug:
            self._check_thread()
            self._check_callback(callback, "call_at")
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        if when != math.inf:
            now_ns = self.calendar._now
            # Less than a nanosecond from now still is the future.
            when_ns = max(round(when * 1e9), now_ns + (when > now_ns / 1e9))
            heappush(self._timers, (when_ns, next(self._numbers), timer))
        return timer

    def call_at_ns(
        self, when_ns: int, callback: Callable[[*Ts], object], *args: *Ts
    ) -> asyncio.TimerHandle:
        """Call ``callback`` at virtual nanosecond ``when_ns``."""
        return self.call_at(when_ns / 1e9, callback, *args)

    def call_again_ns(
        self,
        timer: asyncio.TimerHandle | None,
        when_ns: int,
        callback: Callable[[*Ts], object],
        *args: *Ts,
    ) -> asyncio.TimerHandle:
        """Do what :meth:`call_at_ns` does."""
        return self.call_at_ns(when_ns, callback, *args)

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Queue ``callback``, from any thread of the simulation.

        Raises:
            ForeignThreadError: the calling thread is no part of it.
        """
        realm = realms.get(get_ident())
        if realm is None or realm.calendar is not self.calendar:
            return super().call_soon_threadsafe(callback, *args, context=context)
        self.threads.catch_up()
        self._check_closed()
        return self._call_soon(callback, args, context)

    def readable(self, handle: asyncio.Handle) -> None:
        """Queue ``handle`` at the next poll."""
        super().readable(handle)
        self._put()

    def stall(self, duration_ns: int) -> None:
        """Let time pass while this loop's thread does nothing; the other threads go on."""
        realms[get_ident()].sleep(duration_ns)

    def run_forever(self) -> None:
        """Run until ``stop`` is called; the thread has to be one of the simulation.

        Raises:
            SimulationError: it is the thread of the simulation's own loop, or a foreign one.
        """
        if asyncio._get_running_loop() is None and self.threads.running() is None:
            raise SimulationError(
                "a loop that was made inside a simulation runs in a thread of that simulation: "
                "give it to threading.Thread or asyncio.to_thread while the simulation runs, or "
                "make it outside"
            )
        with self.threads.running_loop(self):
            asyncio.BaseEventLoop.run_forever(self)

    def _run_once(self) -> None:
        ready = self._ready
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heappop(timers)
        if not (ready or self._readable or self._stopping):
            self._wait(timers[0][0] if timers else None)
        if self._readable:
            deque.extend(ready, self._readable)
            self._readable.clear()
        now_ns = self.calendar._now
        while timers and timers[0][0] <= now_ns:
            deque.append(ready, heappop(timers)[2])
        for _ in range(len(ready)):
            handle: Any = ready.popleft()
            if not handle._cancelled:
                self._run_watched(handle)
        handle = None  # breaks a cycle when an exception occurs
        self._iterations += 1
        if self._iterations % YOUNG_EVERY == 0:
            self._look_for_livelock()

    def _wait(self, until_ns: int | None) -> None:
        worker = self.threads.running()
        assert worker is not None
        waiter = self._waiter = self.threads.waiter()
        if until_ns is not None:
            self.threads.wake(worker, waiter, until_ns)
        try:
            self.threads.park(worker, waiter)
        finally:
            self._waiter = None

    def _put(self) -> None:
        """Go on: there is something in the queue."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.release()

    def _timer_handle_cancelled(self, handle: Any) -> None:
        """It is left out when it is due."""

    def _check_thread(self) -> None:
        # The network and the calendar call from the outer loop's thread, which waits for no turn.
        if get_ident() not in realms:
            super()._check_thread()

    def close(self) -> None:
        """Close the loop; the world goes on."""
        self._readable.clear()
        self._timers.clear()
        self._signal_handlers.clear()
        BaseLoop.close(self)


class _Queue(deque[Any]):
    """A loop's queue that tells when something is put into it."""

    def __init__(self, on_put: Callable[[], object]) -> None:
        super().__init__()
        self._on_put = on_put

    def append(self, item: Any) -> None:
        """Put a handle in."""
        super().append(item)
        self._on_put()
