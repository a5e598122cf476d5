"""What programs have opened and not closed yet: connections, servers and datagram endpoints."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..kernel import running_task

if TYPE_CHECKING:
    from .hosts import Host
    from .internet import Network

_MOST_NAMED = 20
_POOLS = ("anyio.", "aiohttp.")
"""Where the protocols of HTTP clients come from: httpx's and aiohttp's."""


class LeftOpenWarning(UserWarning):
    """Programs left something open when the simulation ended.

    Unlike Python's ``ResourceWarning`` it is shown by default.
    """


@dataclass(frozen=True)
class Opening:
    """Something that a program opened.

    Attributes:
        way: ``client``, ``accepted``, ``server`` or ``udp``.
        host: the machine on which it was opened.
        peer: the other end as "host:port", a path, or "" where there is none.
        local: this end.
        task: the name of the task that opened it; "" where none was running.
        at_ns: when.
        is_closing: tells whether its program has closed it.
        abort: closes it at once.
        protocol: returns what it delivers to; None where it delivers nothing.
    """

    way: str
    host: Host
    peer: str
    local: str
    task: str
    at_ns: int
    is_closing: Callable[[], bool]
    abort: Callable[[], object]
    protocol: Callable[[], object]

    @property
    def may_be_kept(self) -> bool:
        """It is one that HTTP keeps for the next request, as far as can be told from outside."""
        if self.way != "client":
            return self.way == "accepted"
        protocol: Any = self.protocol()
        protocol = getattr(protocol, "_app_protocol", protocol)  # behind TLS
        kept = type(protocol).__module__.startswith(_POOLS)
        return kept and not getattr(protocol, "upgraded", False)

    @property
    def what(self) -> str:
        """Name it, without the task and the instant."""
        if self.way == "client":
            return f"client connection to {self.peer}"
        if self.way == "accepted":
            return f"connection from {self.peer} accepted at {self.local}"
        if self.way == "server":
            return f"server at {self.local}"
        return f"UDP endpoint at {self.local}" + (f" to {self.peer}" if self.peer else "")

    def __str__(self) -> str:
        by = f" by task {self.task!r}" if self.task else ""
        return f"{self.what}, opened on {self.host.name} at {self.at_ns / 1e9:.3f} s{by}"


class Openings:
    """All that is open in a network, in the order of its opening."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._open: dict[Any, Opening] = {}

    def add(self, way: str, thing: Any, context: Context | None, local: Any, peer: Any) -> None:
        """Note that something was opened.

        Args:
            way: see :class:`Opening`.
            thing: a transport, or the socket of a server.
            context: that in which it was opened; None: the present one.
            local: its address or path.
            peer: the other end's, None where there is none.
        """
        network = self._network
        host = network.current() if context is None else context.run(network.current)
        self._open[thing] = Opening(
            way,
            host,
            "" if peer is None else network.describe(peer, host),
            network.describe(local, host),
            running_task(),
            network.loop.calendar._now,
            getattr(thing, "is_closing", lambda: False),
            getattr(thing, "abort", thing.close),
            getattr(thing, "get_protocol", lambda: None),
        )

    def remove(self, thing: Any) -> None:
        """Note that something is closed."""
        self._open.pop(thing, None)

    def left(self) -> list[Opening]:
        """Return what no program has closed, oldest first."""
        return [opening for opening in self._open.values() if not opening.is_closing()]

    def programs(self) -> list[Opening]:
        """Return what has not been closed and could have been, but for the simulation's own.

        Who has accepted a connection cannot know that it is over before the other end says so.
        """
        return [
            opening
            for thing, opening in self._open.items()
            if not opening.is_closing()
            and not opening.host.is_fake
            and (opening.way != "accepted" or thing.peer_has_ended)
        ]

    def last_arrival_ns(self) -> int:
        """Return when the last byte arrives that is on its way to an open connection; 0: none."""
        return max(
            (thing._in.last_arrival_ns for thing in self._open if hasattr(thing, "_in")), default=0
        )

    def abort(self) -> None:
        """Close everything at once."""
        for thing, opening in list(self._open.items()):
            loop = getattr(thing, "_loop", self._network.loop)
            if not opening.is_closing() and not loop.is_closed():
                opening.abort()


def describe_left_open(left: list[Opening]) -> str:
    """Say what was left open, and what to do about it."""
    more = len(left) - _MOST_NAMED
    return "\n".join(
        [
            f"{len(left)} left open at the end (close it: "
            "`writer.close()`, `async with`, `await client.aclose()`, `server.close()`):",
            *(f"  {opening}" for opening in left[:_MOST_NAMED]),
            *([f"  and {more} more"] if more > 0 else []),
        ]
    )
