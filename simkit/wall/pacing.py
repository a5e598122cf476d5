"""Pacing: the time of a run in real time, and how late it was for its own deadlines."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from array import array
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import NamedTuple

_EARLY_S = 1e-6
"""Added to each deadline: a timer must not be served before it, by a rounding of its float."""


class _Due(NamedTuple):
    """What happens at an instant; of one instant, what was set first comes first."""

    when_ns: int
    number: int
    handle: asyncio.TimerHandle
    from_ns: int | None
    """When it could be served first, in real time; None: nobody asks how late it is."""


_FOR_EVER = 1e9
"""Seconds, thirty years: who waits for longer than that waits for ever."""


class Pacing:
    """A clock in nanoseconds since it was made, that notes how late it served each deadline.

    Every deadline of the fakes counts: a frame that leaves, a mark whose audio has played, bytes
    that a link delivers. Who shares the machine makes them late.

    While what was due runs, and what comes of it, the clock stands at the deadline, and nothing
    else is due: the fakes are as quick as in a simulation, and do everything in the same order.
    What they compute, and how late they were woken, delays the bridge only where it is more than
    the latency of the link that is still ahead. They may even act before the time, since what the
    bridge does now reaches them no sooner than by the shortest latency towards them.

    Attributes:
        ahead: returns how long before the time that is, in ns; nothing at first. What happens at
            the real connections, set by :meth:`call_really_at`, is on time all the same.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.ahead: Callable[[], int] = lambda: 0
        self._loop = loop
        self._start_ns = time.monotonic_ns()
        self._standing_ns: int | None = None
        self._read_ns = 0  # what was read last, which must not be more than what is read next
        self._late_ns = array("q")
        self._due: list[_Due] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def restart(self) -> None:
        """Begin to count anew: what there was to wait for is here."""
        now_ns = self.real_ns()
        self._start_ns += now_ns
        self._standing_ns, self._read_ns = None, 0
        self._late_ns = array("q")
        for number, due in enumerate(self._due):
            from_ns = None if due.from_ns is None else due.from_ns - now_ns
            self._due[number] = due._replace(when_ns=due.when_ns - now_ns, from_ns=from_ns)

    def read_ns(self) -> int:
        """Return nanoseconds since the clock was made, as of the deadline that is being served."""
        if self._standing_ns is not None:
            return self._standing_ns
        self._read_ns = max(self._read_ns, self.real_ns())
        return self._read_ns

    def real_ns(self) -> int:
        """Return nanoseconds since the clock was made, whatever is being served."""
        return time.monotonic_ns() - self._start_ns

    def go_on(self) -> None:
        """Let the clock go on: what was due has been served, and everything that came of it."""
        self._standing_ns = None

    def call_at(
        self, when_ns: int, callback: Callable[..., object], *args: object
    ) -> asyncio.TimerHandle:
        """Call ``callback(*args)`` at ``when_ns``, and note how late that was."""
        return self._set(when_ns, callback, args, None, is_noted=True)

    def call_really_at(
        self, when_ns: int, callback: Callable[..., object], *args: object
    ) -> asyncio.TimerHandle:
        """Call ``callback(*args)`` at ``when_ns`` and not before, and note how late that was."""
        due_ns = self._start_ns + when_ns
        return self._loop.call_at(
            due_ns / 1e9 + _EARLY_S, self._serve_really, due_ns, callback, args
        )

    def _serve_really(
        self, due_ns: int, callback: Callable[..., object], args: Sequence[object]
    ) -> None:
        self._late_ns.append(time.monotonic_ns() - due_ns)
        callback(*args)

    def call_later(
        self,
        seconds: float,
        callback: Callable[..., object],
        *args: object,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call ``callback(*args)`` in so many seconds; no deadline of the fakes."""
        when_ns = self.read_ns() + round(min(seconds, _FOR_EVER) * 1e9)
        return self._set(when_ns, callback, args, context, is_noted=False)

    def _set(
        self,
        when_ns: int,
        callback: Callable[..., object],
        args: Sequence[object],
        context: Context | None,
        *,
        is_noted: bool,
    ) -> asyncio.TimerHandle:
        when = (self._start_ns + when_ns) / 1e9 + _EARLY_S
        handle = asyncio.TimerHandle(when, callback, args, self._loop, context)
        from_ns = max(when_ns - self.ahead(), self.real_ns()) if is_noted else None
        due = _Due(when_ns, next(self._numbers), handle, from_ns)
        heapq.heappush(self._due, due)
        if self._due[0] is due:
            self._wake_at(when)
        return handle

    def _wake_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when - self.ahead() / 1e9, self._serve)

    def _serve(self) -> None:
        """Serve what is due next, once nothing is left to do of what was due before."""
        if self._loop._ready:  # type: ignore[attr-defined]
            self._loop.call_soon(self._serve)
            return
        self._timer = None
        try:
            for due in self._take_first():
                self._run(due)
        finally:
            if self._due and self._timer is None:
                self._wake_at(self._due[0].handle.when())

    def _take_first(self) -> list[_Due]:
        """Take what is due at the earliest instant, if that has come."""
        first: list[_Due] = []
        last_ns = self.real_ns() + self.ahead()
        while self._due and (self._due[0].handle.cancelled() or self._due[0].when_ns <= last_ns):
            due = heapq.heappop(self._due)
            if not due.handle.cancelled():
                first.append(due)
                last_ns = due.when_ns
        return first

    def _run(self, due: _Due) -> None:
        if due.handle.cancelled():
            return
        if due.from_ns is not None:
            self._late_ns.append(self.real_ns() - due.from_ns)
        self._read_ns = self._standing_ns = max(due.when_ns, self._read_ns)
        due.handle._run()

    def summary(self) -> dict[str, float]:
        """Return ``deadlines``, how many there were, and their lateness as percentiles in ms.

        A percentile is a value that occurred (nearest rank); without deadlines there are none.
        """
        late = sorted(self._late_ns)
        found: dict[str, float] = {"deadlines": len(late)}
        if late:
            for percent in (50, 95, 99):
                found[f"p{percent}_ms"] = round(late[-(-percent * len(late) // 100) - 1] / 1e6, 3)
            found["max_ms"] = round(late[-1] / 1e6, 3)
        return found
