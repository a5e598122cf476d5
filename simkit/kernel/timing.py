"""The clock of a loop, and its timers."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Callable
from contextvars import Context
from heapq import heappush
from typing import TYPE_CHECKING, Any, TypeVarTuple

from .base import BaseLoop
from .calendar import TIMER
from .handles import WAKES, TimerHandle, arming, forget_frames, make_timer

if TYPE_CHECKING:
    from .calendar import Calendar
    from .realm import Realm

Ts = TypeVarTuple("Ts")


class Timing(BaseLoop):
    """The part of a loop that tells the time and sets timers."""

    calendar: Calendar
    realm: Realm

    def time(self) -> float:
        """Return virtual seconds since the simulation began."""
        if self.realm.worker_ns is None:
            return self.calendar._now / 1e9
        return self.realm.now_ns() / 1e9

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call ``callback`` after ``delay`` virtual seconds."""
        if delay is None:
            raise TypeError("delay must not be None")
        now_ns = self.calendar._now if self.realm.worker_ns is None else self.realm.now_ns()
        timer = self.call_at(now_ns / 1e9 + delay, callback, *args, context=context)
        if self._debug:
            forget_frames(timer, 1)
        return timer

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
        if self._closed:
            self._check_closed()
        if self._debug:
            self._check_thread()
            self._check_callback(callback, "call_at")
        timer: Any
        if self._debug:
            timer = TimerHandle(when, callback, args, self, context)
            timer.made_ns = self.calendar._now
            forget_frames(timer, 1)
        else:
            timer = make_timer(when, callback, args, self, context)
        if callback is not WAKES:
            timer.armed = arming(sys._getframe(1), __file__)
        exactly = when * 1e9
        if exactly == math.inf:
            return timer  # type: ignore[no-any-return]  # never due, as on the stock loop
        when_ns = round(exactly)
        now_ns = self.calendar._now
        if when_ns <= now_ns and when > now_ns / 1e9:
            # A rest of less than a nanosecond still is the future: a loop that sleeps until a
            # deadline must get there.
            when_ns = now_ns + 1
        self.calendar.add_timer(when_ns, timer)
        timer._scheduled = True
        return timer  # type: ignore[no-any-return]

    def call_at_ns(
        self, when_ns: int, callback: Callable[[*Ts], object], *args: *Ts
    ) -> asyncio.TimerHandle:
        """Call ``callback`` at virtual nanosecond ``when_ns``: :meth:`call_at` without rounding."""
        if self._closed or self._debug:
            return self.call_at(when_ns / 1e9, callback, *args)
        calendar = self.calendar
        timer: Any = make_timer(when_ns / 1e9, callback, args, self, None)
        timer._scheduled = True
        # What add_timer does, without the call: a frame each 20 ms is sent by such a timer.
        heappush(calendar._queue, (when_ns, TIMER, next(calendar._eid), timer))
        return timer  # type: ignore[no-any-return]

    def call_again_ns(
        self,
        timer: asyncio.TimerHandle | None,
        when_ns: int,
        callback: Callable[[*Ts], object],
        *args: *Ts,
    ) -> asyncio.TimerHandle:
        """Do what :meth:`call_at_ns` does, with the handle of a timer that has just run.

        A timer that was cancelled, or has not run yet, is left as it is, and another one set.
        """
        again: Any = timer
        if again is None or again._scheduled or again._cancelled or self._closed or self._debug:
            return self.call_at_ns(when_ns, callback, *args)
        calendar = self.calendar
        again._callback, again._args = callback, args
        again._when = when_ns / 1e9
        again._scheduled = True
        again.made_ns = calendar._now
        heappush(calendar._queue, (when_ns, TIMER, next(calendar._eid), again))
        return again  # type: ignore[no-any-return]

    def _timer_handle_cancelled(self, handle: Any) -> None:
        if handle._scheduled:
            self.calendar.timer_cancelled()
