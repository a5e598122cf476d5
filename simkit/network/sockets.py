"""Sockets as programs see them through ``get_extra_info("socket")`` and ``Server.sockets``."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from .ports import Binding


class SimSocket:
    """The face of a socket that has no kernel behind it.

    ``fileno()`` is a real descriptor, made when first asked for, that polls as readable exactly
    while this socket is: httpcore decides that way whether an idle connection is still good.
    """

    family = socket.AF_INET
    type = socket.SOCK_STREAM
    proto = socket.IPPROTO_TCP

    def __init__(
        self,
        local: Any,
        peer: Any = None,
        owned: socket.socket | None = None,
        binding: Binding | None = None,
    ) -> None:
        self._local = local
        self._peer = peer
        if isinstance(local, str):
            self.family = socket.AF_UNIX
        elif len(local) == 4:
            self.family = socket.AF_INET6
        self.binding = binding
        """The port that it has taken and gives back when it is closed."""
        self._owned = owned
        """The program's own socket that became this one: it is closed with it."""
        self._options: dict[tuple[int, int], Any] = {}
        if peer is not None:
            # asyncio sets it on every connection.
            self._options[socket.IPPROTO_TCP, socket.TCP_NODELAY] = 1
        self._closed = False
        self._pipe_ends: tuple[int, int] | None = None
        self._shown = False
        self.transport: Any = None
        self.removes_path = False
        """The file of this Unix socket goes with its server."""
        self.watched = False
        """Somebody holds the descriptor, so that it must follow the socket's state."""

    def __repr__(self) -> str:
        return f"<SimSocket {self._local} > {self._peer}>"

    def getsockname(self) -> Any:
        """Return the local address as its family has it: of a Unix socket the path."""
        return self._local

    def getpeername(self) -> Any:
        """Return the remote address as its family has it: of a Unix socket the path.

        Raises:
            OSError: the socket listens.
        """
        if self._peer is None:
            raise OSError(107, "Transport endpoint is not connected")
        return self._peer

    def fileno(self) -> int:
        """Return a descriptor that can be polled, -1 once closed."""
        if self._closed:
            return -1
        if self._pipe_ends is None:
            self._pipe_ends = os.pipe()
            self.watched = True
            if self.transport is not None and self.transport.polls_readable():
                self.show_readable()
        return self._pipe_ends[0]

    def show_readable(self) -> None:
        """Make the descriptor poll as readable."""
        if not self._shown and self._pipe_ends is not None:
            self._shown = True
            os.write(self._pipe_ends[1], b"!")

    def show_drained(self) -> None:
        """Make the descriptor poll as having nothing to read."""
        if self._shown and self._pipe_ends is not None:
            self._shown = False
            os.read(self._pipe_ends[0], 1)

    def close(self) -> None:
        """Release the descriptor."""
        self._closed = True
        self.watched = False
        if self._pipe_ends is not None:
            for end in self._pipe_ends:
                os.close(end)
            self._pipe_ends = None
        if self.binding is not None:
            self.binding.release()
        owned, self._owned = self._owned, None
        if owned is not None:
            owned.close()

    def __del__(self) -> None:
        # A connection that outlives its loop: nobody closes it, and a descriptor is no memory.
        self.close()

    def get_inheritable(self) -> bool:
        """Return False, as for every socket since Python 3.4."""
        return False

    def dup(self) -> NoReturn:
        """Refuse, as asyncio's own sockets do."""
        raise OSError(errno.EOPNOTSUPP, "a simulated socket cannot be duplicated")

    def shutdown(self, how: int) -> None:
        """Close the sending direction; what arrives is delivered all the same."""
        if how != socket.SHUT_RD and self.transport is not None:
            self.transport.write_eof()

    def listen(self, backlog: int = 128) -> None:
        """Take the port for connections; the network accepts them.

        Raises:
            OSError: somebody listens there already.
        """
        if self.binding is not None:
            self.binding.listen()

    def setblocking(self, flag: bool) -> None:
        """Nothing blocks here."""

    def gettimeout(self) -> float:
        """Return 0.0: the socket is non-blocking."""
        return 0.0

    def settimeout(self, value: float | None) -> None:
        """Accept 0, the only timeout of a non-blocking socket.

        Raises:
            ValueError: another one.
        """
        if value != 0:
            raise ValueError("settimeout(): only 0 timeout is allowed on transport sockets")

    def setsockopt(self, level: int, option: int, value: Any = None, *rest: Any) -> None:
        """Remember an option; none of them changes anything here."""
        self._options[level, option] = value

    def getsockopt(self, level: int, option: int, *size: int) -> Any:
        """Return an option as it was set, else 0."""
        return self._options.get((level, option), 0)
