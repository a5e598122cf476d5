"""The loop: asyncio's own, on a virtual clock, in an order that stock asyncio could show.

Tasks, streams, servers and debug mode are CPython's. What differs is one iteration: instead of
polling file descriptors, it takes what the calendar holds for this instant.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple

from .base import format_handle
from .calendar import TIMER, Calendar
from .choices import Choices, chosen_ns, order_poll, order_timers
from .entropy import Entropy
from .errors import (
    DeadlockError,
    ForeignThreadError,
    LivelockError,
    TimeLimitError,
    describe_tasks,
)
from .executor import Executor
from .garbage import YOUNG_EVERY, Garbage
from .handles import Generators, forget_frames, make_handle, report_failure
from .inside import get_ident
from .realm import EPOCH_NS, Realm
from .signals import SignalHandlers
from .tasks import Task
from .threads import Threads
from .timing import Timing
from .trail import Trail, named

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_LIVELOCK_ITERATIONS = 100_000
_LIVELOCK_LOOKS = _LIVELOCK_ITERATIONS // YOUNG_EVERY
_EAGER = getattr(asyncio, "eager_task_factory", None)
"""The factory of Python 3.12 and later; its tasks, too, are numbered here."""

logger = logging.getLogger("asyncio")


class Loop(Timing, Executor, SignalHandlers):
    """An asyncio event loop on a virtual clock.

    One instant, one legal order: arrivals due are queued, then expired timers, behind what is
    already ready; one iteration runs the handles that were ready; this repeats until nothing is
    ready; only then does the clock jump. ``call_soon`` is first in, first out.

    Args:
        seed: everything random in the run follows from it.
        epoch_ns: wall-clock time at virtual 0, ns since 1970.
        trail: whether to note what the run does, so that another can be compared with it.

    Raises:
        DeadlockError: while running, when nothing is scheduled any more.
        LivelockError: while running, after 100,000 iterations at one instant.
        TimeLimitError: while running, when the clock passes ``time_limit_ns``.
    """

    def __init__(self, seed: int = 0, *, epoch_ns: int = EPOCH_NS, trail: bool = False) -> None:
        super().__init__()
        self.calendar = Calendar()
        self.trail = Trail(self.calendar.read_ns) if trail else None
        self.calendar.trail = self.trail
        self.entropy = Entropy(seed, self.trail)
        self.realm = Realm(self.calendar, self.entropy, epoch_ns=epoch_ns)
        self.realm.on_stall = self.stall
        self.realm.on_signal = self.raise_signal
        self.threads = self.realm.threads = Threads(self)
        self.charge_ns: Callable[[str, Context], int] | None = None
        """Asked how long a ``callback``, or ``work`` of a thread, takes in a context; None: 0."""
        self.time_limit_ns: int | None = None
        """Virtual instant at which the run is ended with :class:`TimeLimitError`; None: never."""
        self._readable: list[asyncio.Handle] = []
        self._instant = 0
        self._looks_here = 0  # for a livelock, at that instant
        self._tasks_made = 0
        self._clock_resolution = 1e-9
        self._asyncgens = Generators()
        self._garbage = Garbage()

    @property
    def choices(self) -> Choices | None:
        """Who is asked where a run may legally come out otherwise; None, the default: nobody.

        To be set before the loop runs.
        """
        return self.calendar.choices

    @choices.setter
    def choices(self, value: Choices | None) -> None:
        self.calendar.choices = value

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Call ``callback`` in the next iteration, behind what is ready already."""
        if self._closed or self._debug:
            noted = super().call_soon(callback, *args, context=context)
            forget_frames(noted, 1)
            return noted
        handle = make_handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    # One iteration

    def run_forever(self) -> None:
        """Run until ``stop`` is called, with clocks and entropy of the simulation in force."""
        with self.realm, self._garbage:
            super().run_forever()

    def readable(self, handle: asyncio.Handle) -> None:
        """Queue ``handle`` at the next poll, as a descriptor that has something to read."""
        self._readable.append(handle)

    def _run_once(self) -> None:
        """Run one iteration after the other until the loop is to stop."""
        ready: Any = self._ready
        readable = self._readable
        calendar = self.calendar
        queue = calendar._queue
        due_timers = calendar.due_timers
        choices = calendar.choices
        holds = choices is not None and choices.holds_callbacks
        watches = holds or self.trail is not None
        popleft = ready.popleft
        garbage = self._garbage
        while True:
            before = len(ready)
            if queue and queue[0][0] <= calendar._now:
                is_due = True
            elif ready or readable or self._stopping:
                is_due = False
            else:
                is_due = True
                limit_ns = self.time_limit_ns
                if (
                    queue
                    and (queue[0][1] != TIMER or not queue[0][3]._cancelled)
                    and (limit_ns is None or queue[0][0] <= limit_ns)
                ):
                    # What _jump does, without the calls: there are hundreds in a second of call.
                    calendar._now = queue[0][0]
                else:
                    self._jump()
            if readable:
                ready.extend(readable)
                readable.clear()
            if is_due:
                calendar.run_due()
                if choices is not None:
                    order_poll(choices, ready, before)
                    order_timers(choices, due_timers)
                if due_timers:
                    ready.extend(due_timers)
                    due_timers.clear()
            run = None
            if watches or self._debug or self.charge_ns is not None:
                run = self._run_watched
            for _ in range(len(ready)):
                handle = popleft()
                if handle._cancelled:
                    continue
                if run is not None:
                    run(handle)
                    continue
                try:
                    handle._context.run(handle._callback, *handle._args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    report_failure(handle, error)
            handle = None  # breaks a cycle when an exception occurs
            garbage.left -= 1
            if not garbage.left:
                garbage.collect()
                self._look_for_livelock()
            if self._stopping:
                return

    def _run_watched(self, handle: asyncio.Handle) -> None:
        """Run a callback; note it, and report one that blocked as asyncio's debug mode does."""
        callback = named(handle._callback)  # type: ignore[attr-defined]
        if self.trail is not None:
            self.trail.note("step", callback)
        began = self.time()
        self._current_handle = handle
        try:
            handle._run()
        finally:
            self._current_handle = None
        held_ns = 0
        if self.charge_ns is not None:
            held_ns = self.charge_ns("callback", handle._context)  # type: ignore[attr-defined]
        if self.choices is not None and self.choices.holds_callbacks:
            held_ns += chosen_ns(self.choices, "callback", callback)
        if held_ns:
            self.stall(held_ns)
        took = self.time() - began
        if self._debug and took >= self.slow_callback_duration:
            logger.warning("Executing %s took %.3f seconds", format_handle(handle), took)
        # The traceback of an exception holds this frame, which would hold the task.
        handle = None  # type: ignore[assignment]

    def _jump(self) -> None:
        """Move to the next instant at which anything happens."""
        calendar = self.calendar
        if not calendar.advance():
            raise DeadlockError(
                f"deadlock at {calendar._now / 1e9:.6f} s of virtual time: nothing is "
                "scheduled, and every task waits for something that will never come:\n"
                + "\n".join(
                    filter(None, (describe_tasks(asyncio.all_tasks(self)), self.threads.describe()))
                )
            )
        self._check_time_limit()

    def stall(self, duration_ns: int) -> None:
        """Let time pass while the thread does nothing, as ``time.sleep`` in a coroutine does.

        Raises:
            TimeLimitError: the limit was passed.
        """
        self.calendar.stall(duration_ns)
        self._check_time_limit()

    def _check_time_limit(self) -> None:
        limit_ns = self.time_limit_ns
        if limit_ns is not None and self.calendar._now > limit_ns:
            raise TimeLimitError(
                f"virtual time passed the limit of {limit_ns / 1e9:g} s; still "
                "waiting:\n" + describe_tasks(asyncio.all_tasks(self))
            )

    def _look_for_livelock(self) -> None:
        """Called every so many iterations: has the clock moved since it was called first?"""
        if self._instant != self.calendar._now:
            self._instant, self._looks_here = self.calendar._now, 0
        self._looks_here += 1
        if self._looks_here <= _LIVELOCK_LOOKS:
            return
        self._looks_here = 0
        raise LivelockError(
            f"livelock at {self.calendar._now / 1e9:.6f} s of virtual time: "
            f"{_LIVELOCK_ITERATIONS:,} loop iterations and the clock did not move. Something "
            "polls without waiting (a loop around asyncio.sleep(0)?). Pending tasks:\n"
            + describe_tasks(asyncio.all_tasks(self))
        )

    # Tasks

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: Context | None = None,
        **options: Any,
    ) -> asyncio.Task[T]:
        """Schedule a coroutine; tasks are numbered and named in the order of their making."""
        self._check_closed()
        self._tasks_made += 1
        number = self._tasks_made
        if name is None:
            name = f"Task-{number}"
        if self.trail is not None:
            self.trail.note("task", f"{number} {name} {named(coro)}")
        if self._task_factory is not None:
            if self._task_factory is not _EAGER:
                return super().create_task(coro, name=name, context=context, **options)
            options.setdefault("eager_start", True)
        task = Task(number, coro, loop=self, name=name, context=context, **options)
        forget_frames(task, 2)
        return task

    # Threads

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Queue ``callback``; refused from a thread that is no part of the simulation.

        Raises:
            ForeignThreadError: a thread that was started elsewhere called while the loop runs.
        """
        if self.threads.running() is not None:
            self.threads.catch_up()
            self._check_closed()
            return self._call_soon(callback, args, context)
        if self._thread_id is not None and self._thread_id != get_ident():
            raise ForeignThreadError(
                "a foreign thread called call_soon_threadsafe on a simulated loop: when it "
                "would run depends on the machine, so the run could not be repeated. Give the "
                "work to loop.run_in_executor or asyncio.to_thread, or start the thread while the "
                "simulation runs"
            )
        handle = self.call_soon(callback, *args, context=context)
        if self._debug:
            forget_frames(handle, 1)
        return handle

    def _write_to_self(self) -> None:
        """Wake nothing: this loop never sleeps."""

    # What a simulated machine has no use for

    def _process_events(self, event_list: object) -> None:
        """There is no selector, hence no events of one."""

    def close(self) -> None:
        """Close the loop and forget everything scheduled."""
        if not self.is_closed() and not self.is_running():
            try:
                self.threads.close()
            finally:
                self.calendar._queue.clear()
                self._readable.clear()
                super().close()
        else:
            super().close()


if sys.version_info >= (3, 14):  # pragma: no cover
    raise ImportError("simkit runs on Python 3.11 to 3.13")
