"""Datagrams: UDP between hosts, whole or not at all, after the latency of the link."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import sys
from asyncio import constants, transports
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from .hosts import Host
from .names import NamingLoop
from .sockets import Address, SimSocket
from .waiters import Waiters, not_ready

MAX_DATAGRAM = 65_507
"""Bytes that fit into one IPv4 datagram behind the headers of IP and UDP."""

RECEIVE_BUFFER = 212_992
"""Bytes that wait at a port at most, as on Linux; what does not fit is lost."""

logger = logging.getLogger("asyncio")

if TYPE_CHECKING:

    class _FlowControl(asyncio.DatagramTransport):
        """asyncio's own flow control."""

        _loop: Any
        _extra: dict[str, Any]

        def __init__(self, extra: dict[str, Any], loop: Any) -> None: ...

else:

    class _FlowControl(transports._FlowControlMixin, asyncio.DatagramTransport):
        """asyncio's own flow control."""


class DatagramPort:
    """One bound UDP socket.

    Attributes:
        local: (address, port) that it is bound to.
        peer: where it is connected to, or None.
    """

    def __init__(self, loop: NamingLoop, host: Host, local: Address) -> None:
        self._loop = loop
        self._host = host
        self.local = local
        self.peer: Address | None = None
        self.readers = Waiters(loop)
        self.on_ready: Callable[[], object] = self.readers.wake
        """Called as something arrives: a datagram, or an error."""
        self._bound = local
        self._queue: deque[tuple[bytes, Address]] = deque()
        self._queued = 0
        self._error: OSError | None = None
        host.datagrams[local] = self

    def connect(self, peer: Address) -> None:
        """Send to ``peer``, and hear nobody else.

        Raises:
            UnknownHostError: it is not part of the simulation.
        """
        self.peer = peer
        if self.local[0] == "0.0.0.0":  # noqa: S104
            self.local = (self._source(peer), self.local[1])

    def send(self, data: bytes, to: Address | None = None) -> int:
        """Put a datagram on the way, to the peer unless told otherwise.

        Raises:
            OSError: it is too long, or there is nowhere to send it.
        """
        to = self.peer if to is None else to
        if to is None:
            raise OSError(errno.EDESTADDRREQ, "Destination address required")
        error, self._error = self._error, None
        if error is not None:
            raise error
        if len(data) > MAX_DATAGRAM:
            raise OSError(errno.EMSGSIZE, "Message too long")
        source = (self._source(to), self.local[1])
        target = self._loop.network.resolve(to[0], self._host)
        address = (self._loop.network.to_address(to[0], self._host), to[1])
        link = self._loop.network.link(self._host, target)
        there, back = link.towards(target.name), link.towards(self._host.name)
        calendar = self._loop.calendar

        def arrive() -> None:
            port = target.datagrams.get(address) or target.datagrams.get(("0.0.0.0", to[1]))  # noqa: S104
            if port is None:
                calendar.at(calendar._now + back.latency_ns, lambda: self._refused(to))
            else:
                port._arrived(data, source)

        calendar.at(calendar._now + there.latency_ns, arrive)
        return len(data)

    def receive(self) -> tuple[bytes, Address]:
        """Return the next datagram, and who sent it.

        Raises:
            BlockingIOError: there is none.
            ConnectionRefusedError: nobody listens where the last one went.
        """
        error, self._error = self._error, None
        if error is not None:
            raise error
        if not self._queue:
            raise not_ready()
        data, sender = self._queue.popleft()
        self._queued -= len(data)
        return data, sender

    @property
    def ready(self) -> bool:
        """There is something to receive."""
        return bool(self._queue) or self._error is not None

    def close(self) -> None:
        """Free the port."""
        if self._host.datagrams.get(self._bound) is self:
            del self._host.datagrams[self._bound]

    def _source(self, to: Address) -> str:
        if self.local[0] != "0.0.0.0":  # noqa: S104
            return self.local[0]
        here = self._loop.network.resolve(to[0], self._host) is self._host
        return "127.0.0.1" if here and to[0] != self._host.address else self._host.address

    def _arrived(self, data: bytes, sender: Address) -> None:
        if self.peer not in (None, sender) or self._queued + len(data) > RECEIVE_BUFFER:
            return
        self._queue.append((data, sender))
        self._queued += len(data)
        self.on_ready()

    def _refused(self, by: Address) -> None:
        """ICMP says that the port is closed; only a connected socket gets to know."""
        if self.peer == by:
            self._error = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
            self.on_ready()


class DatagramTransport(_FlowControl):
    """A datagram endpoint: one port, and the protocol that hears what arrives there."""

    def __init__(
        self,
        loop: NamingLoop,
        port: DatagramPort,
        protocol: Any,
        waiter: asyncio.Future[None],
        context: Context,
        owned: socket.socket | None,
    ) -> None:
        face = SimSocket(port.local, port.peer, owned)
        face.type = socket.SOCK_DGRAM
        face.proto = socket.IPPROTO_UDP
        face.transport = self
        super().__init__({"socket": face, "sockname": port.local}, loop)
        if port.peer is not None:
            self._extra["peername"] = port.peer
        self._port = port
        self._face = face
        self._protocol = protocol
        self._context = context
        self._closing = False
        self._lost = 0
        self._woken = False
        loop.call_soon(protocol.connection_made, self, context=context)
        loop.call_soon(self._start_reading, context=context)
        loop.call_soon(_release, waiter, context=context)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Switch to another protocol."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the current protocol."""
        return self._protocol  # type: ignore[no-any-return]

    def polls_readable(self) -> bool:
        """Tell whether a descriptor would poll as readable."""
        return self._port.ready

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send one datagram; what goes wrong is told by ``error_received``."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(
                f"data argument must be a bytes-like object, not {type(data).__name__!r}"
            )
        if not data and sys.version_info < (3, 13):
            return  # as asyncio did until then
        peer = self._port.peer
        if peer is not None and addr not in (None, peer):
            raise ValueError(f"Invalid address: must be None or {peer}")
        if self._lost and peer is not None:
            if self._lost >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES:
                logger.warning("socket.send() raised exception.")
            self._lost += 1
            return
        try:
            self._port.send(bytes(data), None if addr is None else addr[:2])
        except OSError as error:
            self._protocol.error_received(error)

    def get_write_buffer_size(self) -> int:
        """Return 0: a datagram leaves at once."""
        return 0

    def is_closing(self) -> bool:
        """True once close or abort was called."""
        return self._closing

    def close(self) -> None:
        """Hear and send nothing more."""
        if not self._closing:
            self._closing = True
            self._lost += 1
            self._loop.call_soon(self._call_connection_lost, context=self._context)

    def abort(self) -> None:
        """Close at once; there is nothing that could be lost by it."""
        self.close()

    def _start_reading(self) -> None:
        self._port.on_ready = self._wake
        if self._port.ready:
            self._wake()

    def _wake(self) -> None:
        """Called as an arrival: the descriptor became readable."""
        if self._face.watched:
            self._face.show_readable()
        if not self._woken and not self._closing:
            self._woken = True
            self._loop.call_soon(self._read_ready, context=self._context)

    def _read_ready(self) -> None:
        self._woken = False
        if self._closing:
            return
        try:
            data, sender = self._port.receive()
        except OSError as error:
            self._show_drained()
            self._protocol.error_received(error)
        else:
            self._show_drained()
            self._protocol.datagram_received(data, sender)
        if self._port.ready and not self._closing:
            self._woken = True
            handle = asyncio.Handle(self._read_ready, (), self._loop, self._context)
            self._loop.readable(handle)

    def _show_drained(self) -> None:
        if self._face.watched and not self._port.ready:
            self._face.show_drained()

    def _call_connection_lost(self) -> None:
        try:
            self._protocol.connection_lost(None)
        finally:
            self._port.close()
            self._face.close()
            self._protocol = None


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.cancelled():
        waiter.set_result(None)


class DatagramLoop(NamingLoop):
    """The part of a loop that opens datagram endpoints."""

    async def create_datagram_endpoint(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        local_addr: Any = None,
        remote_addr: Any = None,
        *,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        reuse_port: bool | None = None,
        allow_broadcast: bool | None = None,
        sock: Any = None,
    ) -> tuple[asyncio.DatagramTransport, asyncio.BaseProtocol]:
        """Open a UDP port of the host that the calling code runs on.

        Raises:
            OSError: the port is taken, or the address belongs to another host.
            UnknownHostError: a name is not part of the simulation.
        """
        if sock is not None:
            if local_addr or remote_addr or family or proto or flags or reuse_port:
                raise ValueError("socket modifier keyword arguments can not be used with sock")
            port = self._datagram_port(sock)
        else:
            if not (local_addr or remote_addr or family):
                raise ValueError("unexpected address family")
            if family not in (0, socket.AF_INET, socket.AF_INET6):
                raise ValueError("only internet sockets carry datagrams in a simulation")
            for address in (local_addr, remote_addr):
                if address is not None and not (isinstance(address, tuple) and len(address) == 2):
                    raise TypeError("2-tuple is expected")
            host = self.network.current()
            name, number = local_addr or ("0.0.0.0", 0)  # noqa: S104
            peer = None
            if remote_addr is not None:
                infos = await self.getaddrinfo(*remote_addr, type=socket.SOCK_DGRAM)
                peer = infos[0][4]
            port = DatagramPort(self, host, host.bind(name, number, host.datagrams))
            if peer is not None:
                port.connect(peer)
        protocol = protocol_factory()
        waiter: asyncio.Future[None] = self.create_future()
        transport = DatagramTransport(self, port, protocol, waiter, copy_context(), sock)
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        return transport, protocol

    def _datagram_port(self, sock: socket.socket) -> DatagramPort:
        """Return the port of a program's own socket."""
        raise NotImplementedError
