"""The loop's ``sock_*`` methods, on sockets that a library or program made itself."""

from __future__ import annotations

import errno
import socket
from typing import Any

from ..kernel import OutsideWorldError
from .adopted import Adopted, adopt, adopted
from .connections import ConnectedSocket, ConnectingLoop
from .sockets import SimSocket
from .waiters import Waiters

_SOONEST_ACK_NS = 1
"""A server learns of a raw connection once its client has had time to ask for TLS on it."""


class RawLoop(ConnectingLoop):
    """The part of a loop that works on sockets without a transport."""

    # Called by the realm, for sockets of the loop's thread

    def bind(self, sock: socket.socket, address: Any) -> None:
        """Bind a socket in memory; see ``socket.bind``."""
        adopt(self, sock).bind(address)

    def listen(self, sock: socket.socket, backlog: int = 128) -> None:
        """Let a socket listen in memory; see ``socket.listen``."""
        adopt(self, sock).listen()

    # asyncio's

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect a socket to a host of this network.

        Raises:
            ConnectionRefusedError: nothing listens there.
            UnknownHostError: the name is not part of the simulation.
        """
        self._check_raw(sock)
        state = adopt(self, sock)
        if state.end is not None:
            raise OSError(errno.EISCONN, "Transport endpoint is already connected")
        if sock.family == socket.AF_UNIX:
            state.connected(await self._open_unix(state.host, address))
            return
        infos = await self._ensure_resolved(  # type: ignore[attr-defined]
            address, family=sock.family, type=sock.type, loop=self
        )
        resolved = infos[0][4]
        if sock.type == socket.SOCK_DGRAM:
            state.datagrams().connect(resolved)
            state.local = state.datagrams().local
            return
        state.connected(
            await self._open(state.host, resolved, state.local, ack_after_ns=_SOONEST_ACK_NS)
        )

    async def sock_accept(self, sock: socket.socket) -> tuple[socket.socket, Any]:
        """Accept a connection: a new non-blocking socket, and the client's name."""
        self._check_raw(sock)
        state = adopt(self, sock)
        if state.backlog is None and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            state.listen()  # it listened before the simulation began
        if state.backlog is None:
            return state.accepted()
        return await state.backlog.acceptors.until_done(state.accepted)

    async def sock_recv(self, sock: socket.socket, n: int) -> bytes:
        """Return up to ``n`` bytes that have arrived; none at the end of the stream."""
        state = self._check_raw(sock)
        return await self._readers(state).until_done(lambda: sock.recv(n))

    async def sock_recv_into(self, sock: socket.socket, buf: Any) -> int:
        """Read into a buffer, and return how many bytes."""
        state = self._check_raw(sock)
        return await self._readers(state).until_done(lambda: sock.recv_into(buf))

    async def sock_sendall(self, sock: socket.socket, data: Any) -> None:
        """Send everything, waiting for the window to open as often as it takes."""
        end = self._check_raw(sock).stream()
        view = memoryview(data).cast("B")
        while True:
            sent = await end.writers.until_done(lambda rest=view: end.send(rest))  # type: ignore[misc]
            view = view[sent:]
            if not view:
                return

    async def sock_recvfrom(self, sock: socket.socket, bufsize: int) -> tuple[bytes, Any]:
        """Return the next datagram, cut to ``bufsize``, and who sent it."""
        port = self._check_raw(sock).datagrams()
        data, sender = await port.readers.until_done(port.receive)
        return data[:bufsize], sender

    async def sock_recvfrom_into(
        self, sock: socket.socket, buf: Any, nbytes: int = 0
    ) -> tuple[int, Any]:
        """Read the next datagram into a buffer; return how many bytes, and who sent it."""
        view = memoryview(buf).cast("B")
        data, sender = await self.sock_recvfrom(sock, nbytes or len(view))
        view[: len(data)] = data
        return len(data), sender

    async def sock_sendto(self, sock: socket.socket, data: Any, address: Any) -> int:
        """Send a datagram."""
        self._check_raw(sock)
        return adopt(self, sock).datagrams().send(bytes(data), address)

    # What create_connection and create_server make of such sockets

    def _claim(self, sock: socket.socket, asked: str) -> ConnectedSocket:
        """Give the connection of a socket to a transport."""
        if sock.type != socket.SOCK_STREAM:
            raise ValueError(f"A Stream Socket was expected, got {sock!r}")
        state = adopted(sock)
        if state is None or state.end is None:
            raise OutsideWorldError(
                f"{asked}(sock={sock!r}): this socket has no connection within the simulation; "
                "connect it with await loop.sock_connect(sock, address), or pass host and port "
                "instead"
            )
        return ConnectedSocket(state.claim(), sock)

    def _listening_face(self, sock: socket.socket) -> SimSocket:
        """Return the face of a socket that a server shall listen on, where it was bound."""
        if sock.type != socket.SOCK_STREAM:
            raise ValueError(f"A Stream Socket was expected, got {sock!r}")
        state = adopt(self, sock)
        state.bind_somewhere()
        return SimSocket(state.local, owned=sock, binding=state.binding)

    def _check_raw(self, sock: socket.socket) -> Adopted:
        if self._debug and sock.gettimeout() != 0:
            raise ValueError("the socket must be non-blocking")
        return adopt(self, sock)

    @staticmethod
    def _readers(state: Adopted) -> Waiters:
        return (
            state.datagrams().readers if state.kind == socket.SOCK_DGRAM else state.stream().readers
        )
