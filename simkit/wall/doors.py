"""Doors: the loopback ports on which the fakes listen."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass

from .errors import PortError
from .loop import machine

BACKLOG = 1000
"""Connections that wait to be accepted, as far as the system allows."""


@dataclass(frozen=True)
class Door:
    """A port that is held, for one fake."""

    name: str
    """Of its host."""
    make_protocol: Callable[[], asyncio.Protocol]
    sock: socket.socket

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self.sock.getsockname()
        return host, port

    @property
    def url(self) -> str:
        """Where it listens, for a client."""
        host, port = self.address
        return f"http://{host}:{port}"


def open_door(name: str, port: int, make_protocol: Callable[[], asyncio.Protocol]) -> Door:
    """Take a port; 0 for any free one. Who connects waits until the loop runs.

    Raises:
        PortError: the port is taken, or none.
    """
    # Said to be TCP: asyncio switches Nagle's algorithm off only then, which would keep small
    # frames back until the bridge says something itself.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        sock.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        sock.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise PortError(name, port, reason) from None
    sock.setblocking(False)
    return Door(name, make_protocol, sock)


def context_on(name: str) -> Context:
    """Return a context in which code runs on a host."""
    context = copy_context()
    context.run(machine.set, name)
    return context
