"""Pacing: the time of a run in real time, and how late it was for its own deadlines."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Callable
from contextvars import Context

_EARLY_S = 1e-6
"""Added to each deadline: a timer must not be served before it, by a rounding of its float."""


class Pacing:
    """A clock in nanoseconds since it was made, that notes how late it served each deadline.

    Every deadline of the fakes counts: a frame that leaves, a mark whose audio has played, bytes
    that a link delivers. Who shares the machine makes them late.

    While what was due runs, and what comes of it, the clock stands at the deadline: the fakes are
    as quick as in a simulation. What they compute, and how late they were woken, delays the bridge
    only where it is more than the latency of the link that is still ahead.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._start_ns = time.monotonic_ns()
        self._standing_ns: int | None = None
        self._read_ns = 0  # what was read last, which must not be more than what is read next
        self._late_ns = array("q")

    def restart(self) -> None:
        """Begin to count anew: what there was to wait for is here."""
        self._start_ns = time.monotonic_ns()
        self._standing_ns, self._read_ns = None, 0
        self._late_ns = array("q")

    def read_ns(self) -> int:
        """Return nanoseconds since the clock was made, as of the deadline that is being served."""
        if self._standing_ns is not None:
            return self._standing_ns
        self._read_ns = self.real_ns()
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
        due_ns = self._start_ns + when_ns
        return self._loop.call_at(due_ns / 1e9 + _EARLY_S, self._serve, due_ns, callback, args)

    def call_later(
        self,
        seconds: float,
        callback: Callable[..., object],
        *args: object,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call ``callback(*args)`` in so many seconds; no deadline of the fakes."""
        due_ns = self._start_ns + self.read_ns() + round(seconds * 1e9)
        return self._loop.call_at(
            due_ns / 1e9 + _EARLY_S, self._stand, due_ns, callback, args, context=context
        )

    def _serve(
        self, due_ns: int, callback: Callable[..., object], args: tuple[object, ...]
    ) -> None:
        self._late_ns.append(time.monotonic_ns() - due_ns)
        self._stand(due_ns, callback, args)

    def _stand(
        self, due_ns: int, callback: Callable[..., object], args: tuple[object, ...]
    ) -> None:
        self._read_ns = self._standing_ns = max(due_ns - self._start_ns, self._read_ns)
        callback(*args)

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
