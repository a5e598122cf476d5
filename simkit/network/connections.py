"""Connections: how one is opened and accepted, and gets its transport at each end."""

from __future__ import annotations

import asyncio
import errno
from asyncio import sslproto
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any

from .connecting import connect
from .hosts import Host, Listener
from .names import NamingLoop
from .pipe import Pipe
from .sockets import SimSocket
from .stream import StreamTransport


@dataclass
class Opened:
    """A connection as the client has it when connecting has succeeded."""

    listener: Listener
    incoming: Pipe
    outgoing: Pipe
    local: Any
    remote: Any


class ConnectingLoop(NamingLoop):
    """The part of a loop that joins two ends."""

    async def _open(
        self, source: Host, target: Host, address: Any, local: Any = None, ack_after_ns: int = 0
    ) -> Opened:
        """Exchange SYN, SYN-ACK and ACK; what follows the ACK arrives behind it.

        Args:
            address: (address, port), or the path of a Unix socket.
            local: where the client is bound; None: at an ephemeral port.
            ack_after_ns: how long after it was sent the ACK arrives at least.
        """

        def accept(listener: Listener, there: Pipe, back: Pipe, client: Any) -> None:
            self._accept(target, listener, there, back, client, address)

        listener, there, back, local = await connect(
            self, source, target, address, accept, local, ack_after_ns
        )
        return Opened(listener, back, there, local, address)

    async def _client_transport(
        self,
        opened: Opened,
        sock: SimSocket,
        protocol: asyncio.BaseProtocol,
        sslcontext: Any = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> asyncio.Transport:
        """Give the client's end its transport, and wait until it is connected."""
        waiter: asyncio.Future[None] = self.create_future()
        options: dict[str, Any] = {
            "incoming": opened.incoming,
            "outgoing": opened.outgoing,
            "context": copy_context(),
            "sock": sock,
        }
        elided = bool(sslcontext) and opened.listener.sslcontext is None
        if sslcontext and not elided:
            transport: Any = self._make_ssl_transport(
                options,
                protocol,
                None if sslcontext is True else sslcontext,
                waiter,
                server_hostname=server_hostname,
                ssl_handshake_timeout=ssl_handshake_timeout,
                ssl_shutdown_timeout=ssl_shutdown_timeout,
            )
        else:
            extra = {"sslcontext": sslcontext} if elided else {}
            transport = StreamTransport(self, protocol, extra=extra, waiter=waiter, **options)
            transport.meets_certificate = opened.listener.sslcontext is not None
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        return transport  # type: ignore[no-any-return]

    async def _open_unix(self, host: Host, path: Any) -> Opened:
        """Open a connection to a path of ``host``."""
        raise NotImplementedError

    async def _accepted_transport(
        self,
        opened: Opened,
        sock: SimSocket,
        protocol: asyncio.BaseProtocol,
        sslcontext: Any = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> asyncio.Transport:
        """Give a server's end, which the program accepted by itself, its transport."""
        waiter: asyncio.Future[None] = self.create_future()
        options: dict[str, Any] = {
            "incoming": opened.incoming,
            "outgoing": opened.outgoing,
            "context": copy_context(),
            "sock": sock,
        }
        writer = opened.incoming.writer
        elided = writer.get_extra_info("sslcontext") if writer is not None else None
        if sslcontext and not elided:
            transport: Any = self._make_ssl_transport(
                options,
                protocol,
                sslcontext,
                waiter,
                server_side=True,
                ssl_handshake_timeout=ssl_handshake_timeout,
                ssl_shutdown_timeout=ssl_shutdown_timeout,
            )
        else:
            extra = {"sslcontext": elided} if elided else {}
            transport = StreamTransport(self, protocol, extra=extra, waiter=waiter, **options)
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        return transport  # type: ignore[no-any-return]

    def _start_serving(
        self,
        protocol_factory: Any,
        sock: SimSocket,
        sslcontext: Any = None,
        server: Any = None,
        backlog: int = 100,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> None:
        owner = self.network.current()
        listener = Listener(
            sock,
            protocol_factory,
            sslcontext,
            server,
            copy_context(),
            ssl_handshake_timeout,
            ssl_shutdown_timeout,
        )
        table = owner.listening(sock.getsockname())
        before = table.get(sock.getsockname())
        table[sock.getsockname()] = listener
        sock.transport = Bound(owner)
        if before is not None and before.backlog is not None:
            # The program listened on this socket by itself before it gave it to a server.
            for incoming, outgoing, client, address in before.backlog.take_all():
                self._accept(owner, listener, incoming, outgoing, client, address)

    def _stop_serving(self, sock: SimSocket) -> None:
        if sock.transport is not None:
            owner, name = sock.transport.owner, sock.getsockname()
            listener = owner.listening(name).get(name)
            # Of a Unix socket another server may have taken the path meanwhile.
            if listener is not None and listener.sock is sock:
                owner.forget(name)
                if sock.removes_path:
                    owner.unix_listeners.pop(name, None)
        sock.close()

    def _accept(
        self,
        host: Host,
        listener: Listener,
        incoming: Pipe,
        outgoing: Pipe,
        client: Any,
        address: Any,
    ) -> None:
        """Hand a new connection to the server; called as an arrival."""
        name = listener.sock.getsockname()
        current = host.listening(name).get(name)
        if current is not listener and (current is None or listener.backlog is None):
            incoming.closed = True
            outgoing.send_reset(incoming)
            return
        if current.backlog is not None:
            current.backlog.add((incoming, outgoing, client, address))
            return
        context: Context = current.context.copy()
        self.call_soon(
            self._accepted, current, incoming, outgoing, client, address, context=context
        )

    def _accepted(
        self,
        listener: Listener,
        incoming: Pipe,
        outgoing: Pipe,
        client: Any,
        address: Any,
    ) -> None:
        protocol = listener.protocol_factory()
        options: dict[str, Any] = {
            "incoming": incoming,
            "outgoing": outgoing,
            "context": copy_context(),
            "sock": SimSocket(address, client),
            "server": listener.server,
        }
        if listener.sslcontext is not None:
            self._make_ssl_transport(
                options,
                protocol,
                listener.sslcontext,
                None,
                server_side=True,
                ssl_handshake_timeout=listener.handshake_timeout,
                ssl_shutdown_timeout=listener.shutdown_timeout,
            )
            return
        writer = incoming.writer
        elided = writer.get_extra_info("sslcontext") if writer is not None else None
        StreamTransport(self, protocol, extra={"sslcontext": elided} if elided else {}, **options)

    def _make_ssl_transport(
        self,
        transport_options: dict[str, Any],
        protocol: asyncio.BaseProtocol,
        sslcontext: Any,
        waiter: asyncio.Future[None] | None = None,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> asyncio.Transport:
        ssl_protocol: Any = sslproto.SSLProtocol(
            self,
            protocol,
            sslcontext,
            waiter,  # type: ignore[arg-type]
            server_side,
            server_hostname,
            ssl_handshake_timeout=ssl_handshake_timeout,  # type: ignore[arg-type]
            ssl_shutdown_timeout=ssl_shutdown_timeout,
        )
        StreamTransport(self, ssl_protocol, extra={}, **transport_options)
        transport: asyncio.Transport = ssl_protocol._app_transport
        return transport


class Bound:
    """Where a listening socket is bound."""

    def __init__(self, owner: Host) -> None:
        self.owner = owner

    def polls_readable(self) -> bool:
        """Return False: who accepts is not asked to."""
        return False

    def write_eof(self) -> None:
        """Refuse: nothing is connected."""
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")
