"""Datagrams: UDP between hosts, whole or not at all, after the latency of the link."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from asyncio import constants, transports
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from .addresses import ANY4, ANY6, Address, is_ipv6
from .datagram_port import DatagramPort
from .names import NamingLoop, port_number
from .sockets import SimSocket

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
        loop.network.openings.add("udp", self, context, port.local, port.peer)
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
            self._loop.network.openings.remove(self)
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
            port = await self._bound_port(local_addr, remote_addr, family, flags)
        protocol = protocol_factory()
        waiter: asyncio.Future[None] = self.create_future()
        transport = DatagramTransport(self, port, protocol, waiter, copy_context(), sock)
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        return transport, protocol

    async def _bound_port(
        self, local_addr: Any, remote_addr: Any, family: int, flags: int
    ) -> DatagramPort:
        """Bind and connect in the first family in which both can be done, as asyncio does."""
        host = self.network.current()
        peers: list[Address] = []
        if remote_addr is not None:
            infos = await self._ensure_resolved(  # type: ignore[attr-defined]
                remote_addr, family=family, type=socket.SOCK_DGRAM, flags=flags, loop=self
            )
            peers = [info[4] for info in infos]
        if local_addr is not None:
            number = port_number(local_addr[1])
            found = self.network.addresses_of(local_addr[0], host, family, flags)
            places = [(address, number) for address in found]
        elif peers:
            six = dict.fromkeys(is_ipv6(host.own_form(peer[0])) for peer in peers)
            places = [(ANY6 if each else ANY4, 0) for each in six]
        else:
            places = [(ANY6 if family == socket.AF_INET6 else ANY4, 0)]
        pairs = [
            (place, peer)
            for place in places
            for peer in (peers or (None,))
            if peer is None or is_ipv6(host.own_form(peer[0])) == is_ipv6(place[0])
        ]
        if not pairs:
            raise ValueError("can not get address information")
        failures: list[OSError] = []
        for (address, number), peer in pairs:
            try:
                port = DatagramPort(self, host.datagram_ports.bind(address, number))
            except OSError as error:
                failures.append(error)
                continue
            try:
                if peer is not None:
                    port.connect(peer)
            except OSError as error:
                port.close()
                failures.append(error)
            else:
                return port
        raise failures[0]

    def _datagram_port(self, sock: socket.socket) -> DatagramPort:
        """Return the port of a program's own socket."""
        raise NotImplementedError
