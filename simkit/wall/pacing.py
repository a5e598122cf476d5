"""Pacing: how late a run in real time was for its own deadlines."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Callable

_EARLY_S = 1e-6
"""Added to each deadline: a timer must not be served before it, by a rounding of its float."""


class Pacing:
    """A real clock in nanoseconds since it was made, that notes how late it served each deadline.

    Every deadline of the fakes counts: a frame that leaves, a mark whose audio has played, bytes
    that a link delivers. Who shares the machine makes them late, and what is measured with them.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._start_ns = time.monotonic_ns()
        self._late_ns = array("q")

    def restart(self) -> None:
        """Begin to count anew: what there was to wait for is here."""
        self._start_ns = time.monotonic_ns()
        self._late_ns = array("q")

    def read_ns(self) -> int:
        """Return nanoseconds since the clock was made."""
        return time.monotonic_ns() - self._start_ns

    def call_at(
        self, when_ns: int, callback: Callable[..., object], *args: object
    ) -> asyncio.TimerHandle:
        """Call ``callback(*args)`` at ``when_ns``, and note how late that was."""
        due_ns = self._start_ns + when_ns
        return self._loop.call_at(due_ns / 1e9 + _EARLY_S, self._serve, due_ns, callback, args)

    def _serve(
        self, due_ns: int, callback: Callable[..., object], args: tuple[object, ...]
    ) -> None:
        self._late_ns.append(time.monotonic_ns() - due_ns)
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
