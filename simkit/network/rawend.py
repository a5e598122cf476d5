"""Raw ends: a connection that its program reads and writes without a transport."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from .connections import Opened
from .end import End
from .sockets import SimSocket
from .waiters import Waiters, not_ready

if TYPE_CHECKING:
    from .names import NamingLoop

Waiting = tuple[Any, Any, Any, Any]
"""A connection not accepted yet: incoming pipe, outgoing pipe, client's name, server's name."""


class RawEnd(End):
    """One end of a connection under the loop's ``sock_*`` methods.

    Its calls behave as those of a non-blocking socket: ``BlockingIOError`` means to wait for
    ``readers`` or ``writers``.
    """

    def __init__(self, loop: NamingLoop, opened: Opened) -> None:
        super().__init__(opened.incoming, opened.outgoing, SimSocket(opened.local, opened.remote))
        self._loop = loop
        self._flush_due = False
        self.opened = opened
        self.readers = Waiters(loop)
        self.writers = Waiters(loop)
        self._buffer = self.writers

    @property
    def readable(self) -> bool:
        """Something has arrived, the end of the stream or a reset among it."""
        return bool(self._in.arrived) or self._out.reset

    @property
    def writable(self) -> bool:
        """There is room in the window, or an error to be told."""
        return self._out.room > 0 or self._out.reset or self._end_sent

    def recv(self, size: int) -> bytes:
        """Return up to ``size`` bytes that have arrived; none at the end of the stream."""
        arrived = self._in.arrived
        if arrived:
            return self._take(size) if arrived[0][1] and size else b""
        if self._out.reset:
            raise ConnectionResetError(104, "Connection reset by peer")
        raise not_ready()

    def send(self, data: memoryview) -> int:
        """Send what the window has room for, and return how many bytes that was."""
        if self._out.reset or self._end_sent:
            raise BrokenPipeError(32, "Broken pipe") if self._end_sent else self._reset_error()
        count = min(self._out.room, len(data))
        if data and count <= 0:
            raise not_ready()
        if count:
            self._out.send(bytes(data[:count]))
        return count

    def shutdown(self, how: int) -> None:
        """Close the sending direction."""
        if how != socket.SHUT_RD:
            self._send_end()

    def close(self) -> None:
        """Close the connection as the kernel does."""
        self._close_socket()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return the default: there is no transport."""
        return default

    def _wake(self) -> None:
        self.readers.wake()

    def _was_reset(self) -> None:
        self.readers.wake()
        self.writers.wake()

    def _flush_later(self, delay_ns: int) -> None:
        if not self._flush_due:
            self._flush_due = True
            calendar = self._loop.calendar
            calendar.at(calendar._now + delay_ns, self._acknowledged)

    def _acknowledged(self) -> None:
        self._flush_due = False
        self.writers.wake()


class Backlog:
    """Connections to a socket that its program listens on by itself, until it accepts them."""

    def __init__(self, loop: NamingLoop) -> None:
        self.acceptors = Waiters(loop)
        self._waiting: list[Waiting] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, connection: Waiting) -> None:
        """Put a new connection behind the others."""
        self._waiting.append(connection)
        self.acceptors.wake()

    def take(self) -> Waiting:
        """Return the connection that has waited longest.

        Raises:
            BlockingIOError: there is none.
        """
        if not self._waiting:
            raise not_ready()
        return self._waiting.pop(0)

    def take_all(self) -> list[Waiting]:
        """Return all that wait."""
        taken, self._waiting = self._waiting, []
        return taken

    def close(self) -> None:
        """Reset all that wait: nobody will accept them."""
        for incoming, outgoing, _, _ in self.take_all():
            incoming.closed = True
            outgoing.send_reset(incoming)
