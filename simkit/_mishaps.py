"""What goes wrong in a program without ending it: put on the timeline, with task and line."""

from __future__ import annotations

import asyncio
import re
from types import CoroutineType
from typing import Any

from ._ending import host_of
from .kernel import made_at, named, raising_line, running_line, running_task
from .network import Host, SimLoop
from .timeline import Timeline

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class Mishaps:
    """Records a loop's stalls, unhandled errors and coroutines that nobody awaited."""

    def __init__(self, loop: SimLoop, timeline: Timeline) -> None:
        self._loop = loop
        self._timeline = timeline
        self.ignored = False
        """Set while the world is taken down: what happens then is no fault of the program."""
        loop.set_exception_handler(self._on_unhandled)
        loop.realm.on_stall = self._on_stall
        loop.realm.on_unawaited = self._on_unawaited

    def _on_stall(self, duration_ns: int) -> None:
        """A ``time.sleep`` in the loop's thread: time passes, arrivals pile up."""
        self._record("stall", duration_ns=duration_ns, task=running_task(), line=running_line())
        self._loop.stall(duration_ns)

    def _on_unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Record what asyncio reports as unhandled, and let it be logged as usual."""
        if self.ignored:
            return
        error = context.get("exception")
        culprit = context.get("task", context.get("future"))
        handle = context.get("handle")
        message = context.get("message", "")
        if handle is not None:
            # asyncio's own text shows the arguments, with their addresses.
            message = f"Exception in callback {named(handle._callback)}"
        self._record(
            "unhandled-error",
            message=_ADDRESS.sub("", message),
            error=type(error).__name__ if error is not None else "",
            task=culprit.get_name() if isinstance(culprit, asyncio.Task) else running_task(),
            line=raising_line(error),
            # The garbage collector may find it while another host's program runs.
            host=host_of(culprit) if isinstance(culprit, asyncio.Task) else None,
        )
        loop.default_exception_handler(context)

    def _on_unawaited(self, coro: CoroutineType[Any, Any, Any]) -> None:
        """Record a coroutine that was made and thrown away; Python warns as usual."""
        if self.ignored:
            return
        self._record(
            "unhandled-error",
            message=f"coroutine {coro.__qualname__} was never awaited",
            error="RuntimeWarning",
            task=running_task(),
            line=made_at(coro),
        )

    def _record(self, kind: str, *, host: Host | None = None, **fields: Any) -> None:
        host = host or self._loop.network.current()
        self._timeline.record(kind, host.name, **fields)
