"""What goes wrong in a program without ending it: put on the timeline, with task and line.

And what it says of audio that it drops, which is then no mishap but a policy.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from types import CoroutineType
from typing import Any

from ._ending import host_of
from .kernel import made_at, named, raising_line, running_line, running_task
from .network import Host, SimLoop
from .timeline import Event, Timeline

_MOST_LOGGED = 3
"""Of errors at the same line, that are logged; a task per frame may fail fifty times a second."""
_GONE = ("CancelledError", "ClientDisconnect", "ConnectionClosedOK", "WebSocketDisconnect")
_HOSTS = re.compile(r", and nothing leaves it \(hosts here: .*")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class Mishaps:
    """Records a loop's stalls and unhandled errors, coroutines that nobody awaited, slow readers.

    And what is logged, where it tells of audio that is dropped.
    """

    def __init__(self, loop: SimLoop, timeline: Timeline) -> None:
        self._loop = loop
        self._timeline = timeline
        self.ignored = False
        """Set while the world is taken down: what happens then is no fault of the program."""
        loop.set_exception_handler(self._on_unhandled)
        self._logged: Counter[tuple[str, str]] = Counter()
        loop.realm.on_stall = self._on_stall
        loop.realm.on_unawaited = self._on_unawaited
        loop.network.on_backlog = self._on_backlog
        loop.network.on_disturbed = timeline.disturb
        self._backlogs: dict[asyncio.Transport, Event] = {}

    def _on_stall(self, duration_ns: int) -> None:
        """A ``time.sleep`` in the loop's thread: time passes, arrivals pile up."""
        self._record("stall", duration_ns=duration_ns, task=running_task(), line=running_line())
        self._loop.stall(duration_ns)

    def _on_unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Record what asyncio reports as unhandled, and let it be logged as usual, a few times."""
        if self.ignored:
            return
        error = context.get("exception")
        culprit = context.get("task", context.get("future"))
        handle = context.get("handle")
        message = context.get("message", "")
        if handle is not None:
            # asyncio's own text shows the arguments, with their addresses.
            message = f"Exception in callback {named(handle._callback)}"
        name, line = type(error).__name__ if error is not None else "", raising_line(error)
        self._record(
            "unhandled-error",
            message=_ADDRESS.sub("", message),
            error=name,
            task=culprit.get_name() if isinstance(culprit, asyncio.Task) else running_task(),
            line=line,
            # The garbage collector may find it while another host's program runs.
            host=host_of(culprit) if isinstance(culprit, asyncio.Task) else None,
        )
        self._logged[name, line or message] += 1
        if self._logged[name, line or message] <= _MOST_LOGGED:
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

    def _on_backlog(self, transport: asyncio.Transport, size: int) -> None:
        """A program writes what its peer does not read; or the peer has read, if ``size`` is 0."""
        event = self._backlogs.get(transport)
        network = self._loop.network
        if event is None and not size:
            return
        if event is None:
            host = network.current()
            if host not in {server.host for server in network.servers}:
                return
            peer = network.describe(transport.get_extra_info("peername"), host)
            event = self._record("slow-reader", peer=peer, most=0, last_ns=None)
            self._backlogs[transport] = event
        level = self._timeline.level(
            f"waiting for {event.fields['peer']} to read", event.source, "bytes", tolerance=4096.0
        )
        level.add(self._loop.calendar.now_ns, size)
        if size:
            event.fields["most"] = max(event.fields["most"], size)
        else:
            event.fields["last_ns"] = self._loop.calendar.now_ns
            del self._backlogs[transport]

    def on_logged(self, text: str, error: BaseException | None) -> None:
        """Record what a program logged of audio that it drops, or a server of what it caught.

        That whoever called has gone is no error: their handler is told by that exception.
        """
        if self.ignored:
            return
        if error is None:
            self._record("log", message=_ADDRESS.sub("", text))
        elif type(error).__name__ not in _GONE:
            self._record(
                "unhandled-error",
                message=_ADDRESS.sub("", _HOSTS.sub("", str(error).partition("\n")[0])),
                error=type(error).__name__,
                task=running_task(),
                line=raising_line(error),
            )

    def _record(self, kind: str, *, host: Host | None = None, **fields: Any) -> Event:
        host = host or self._loop.network.current()
        return self._timeline.record(kind, host.name, **fields)
