"""The calendar: one heap of everything that will happen, in integer nanoseconds.

It is a :class:`simpy.Environment`, so that simpy processes, resources and stores run on the same
clock as the coroutines. Float seconds would drift (300 s of 20 ms sleeps end at
300.0000000000171), therefore every instant is an ``int``.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any, NoReturn

import simpy
from simpy.events import Event, EventPriority

from .choices import Choices
from .errors import LivelockError
from .trail import Trail, named

ARRIVAL = -1
"""Priority of what the network delivers: before anything else that is due at the same instant."""
TIMER = 2
"""Priority of the loop's timers: after arrivals and after simpy's URGENT (0) and NORMAL (1)."""

_MANY_CANCELLED = 100

_LIVELOCK_EVENTS = 100_000


def seconds(value: float) -> int:
    """Convert seconds, as a person writes them, to the nanoseconds used inside.

    >>> seconds(0.02)
    20000000
    """
    return round(value * 1e9)


class Calendar(simpy.Environment):
    """A simpy environment that the event loop drives.

    The clock moves in one place only, :meth:`advance`; what is due then runs in
    :meth:`run_due`. User code never steps it, hence ``run`` and ``step`` refuse.
    """

    _now: int
    _queue: list[tuple[int, int, int, Any]]  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__(initial_time=0)
        self.due_timers: list[Any] = []
        self.trail: Trail | None = None
        """Where everything that becomes due is noted; None: nowhere."""
        self.choices: Choices | None = None
        """Who is asked where a run may legally come out otherwise; None: nobody."""
        self._cancelled = 0

    @property
    def now_ns(self) -> int:
        """The virtual instant in nanoseconds since the simulation began."""
        return self._now

    def read_ns(self) -> int:
        """Return the virtual instant; a method, for whoever needs a function."""
        return self._now

    def schedule(
        self,
        event: Event,
        priority: EventPriority = EventPriority(1),  # noqa: B008 - simpy's own default
        delay: float = 0,
    ) -> None:
        """Put a simpy event on the calendar, ``delay`` nanoseconds from now."""
        if not isinstance(delay, int):
            raise TypeError(
                f"the calendar counts integer nanoseconds, found a delay of {delay!r}; "
                "write env.timeout(simkit.seconds(0.02)) for 20 ms"
            )
        if delay < 0:
            raise ValueError(f"delay must be 0 ns or more, found {delay}")
        heappush(self._queue, (self._now + delay, priority, next(self._eid), event))

    def at(self, when_ns: int, action: Callable[[], object]) -> None:
        """Call ``action`` at ``when_ns`` as an arrival, before the timers of that instant."""
        heappush(self._queue, (when_ns, ARRIVAL, next(self._eid), action))

    def add_timer(self, when_ns: int, handle: Any) -> None:
        """Queue a loop timer; :meth:`run_due` moves it to ``due_timers``."""
        heappush(self._queue, (when_ns, TIMER, next(self._eid), handle))

    def timers(self) -> list[Any]:
        """Return the loop timers that are pending, the next one first."""
        return [
            item
            for _, priority, _, item in sorted(self._queue, key=lambda entry: entry[:3])
            if priority == TIMER and not item._cancelled
        ]

    def timer_cancelled(self) -> None:
        """Note a cancelled timer, and drop them all once most of the heap is dead weight."""
        self._cancelled += 1
        if self._cancelled > _MANY_CANCELLED and self._cancelled * 2 > len(self._queue):
            self._queue[:] = [entry for entry in self._queue if not _is_dead(entry)]
            heapify(self._queue)
            self._cancelled = 0

    def advance(self) -> bool:
        """Move the clock to the next thing that will happen; False when nothing ever will."""
        queue = self._queue
        while queue:
            when_ns, priority, _, item = queue[0]
            if priority == TIMER and item._cancelled:
                heappop(queue)
                self._cancelled -= 1
                continue
            if when_ns > self._now:
                self._now = when_ns
            return True
        return False

    def stall(self, duration_ns: int) -> None:
        """Let time pass while the loop's thread does nothing: what was due piles up."""
        self._now += duration_ns

    def run_due(self) -> None:
        """Run everything that is due: arrivals and simpy events now, timers to ``due_timers``.

        Raises:
            LivelockError: after 100,000 simpy events of this instant, each due to the one before.
        """
        queue = self._queue
        now = self._now
        trail = self.trail
        simpy_events = 0
        while queue and queue[0][0] <= now:
            _, priority, _, item = heappop(queue)
            if trail is not None:
                self._note(trail, priority, item)
            if priority == ARRIVAL:
                item()
            elif priority == TIMER:
                if item._cancelled:
                    self._cancelled -= 1
                else:
                    self.due_timers.append(item)
                item._scheduled = False
            else:
                _run_simpy_event(item)
                simpy_events += 1
                if simpy_events > _LIVELOCK_EVENTS:
                    # Without what keeps it alive, so that the loop can still be closed.
                    queue[:] = [entry for entry in queue if entry[0] > now]
                    heapify(queue)
                    raise LivelockError(
                        f"livelock at {now / 1e9:.6f} s of virtual time: "
                        f"{_LIVELOCK_EVENTS:,} simpy events and the clock did not move. Is there "
                        "a process that yields timeouts of 0 without end?"
                    )

    def _note(self, trail: Trail, priority: int, item: Any) -> None:
        if priority == ARRIVAL:
            trail.note("due", f"arrival {named(item)}")
        elif priority != TIMER:
            trail.note("due", f"simpy {type(item).__name__}")
        elif not item._cancelled:
            trail.note("due", f"timer {named(item._callback)}")

    def peek(self) -> float:
        """Return the instant of the next entry in ns, or infinity, as simpy does."""
        return self._queue[0][0] if self._queue else float("inf")

    def step(self) -> NoReturn:
        """Refuse: the loop runs the calendar."""
        raise RuntimeError("the simulation's loop steps the calendar; await sim.wait_for(event)")

    def run(self, until: object = None) -> NoReturn:
        """Refuse: the loop runs the calendar."""
        raise RuntimeError("the simulation's loop runs the calendar; use sim.run(coroutine)")


def _is_dead(entry: tuple[int, int, int, Any]) -> bool:
    return entry[1] == TIMER and bool(entry[3]._cancelled)


def _run_simpy_event(event: Event) -> None:
    """Do what ``simpy.Environment.step`` does with one event."""
    callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]
    for callback in callbacks:
        callback(event)
    if not event._ok and not hasattr(event, "_defused"):
        error = event._value
        raise error
