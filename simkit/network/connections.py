"""Connections: how one is opened and accepted, and gets its transport at each end."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl as tls_module
from asyncio import base_events, sslproto
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any

from .addresses import (
    ANY4,
    ANY6,
    LOOPBACK4,
    LOOPBACK6,
    Address,
    is_ipv6,
    mapped,
    sockaddr,
    unmapped,
)
from .connecting import connect
from .hosts import Host, Listener
from .names import AddressInfo, NamingLoop
from .pipe import Pipe
from .ports import Binding
from .sockets import SimSocket
from .stream import StreamTransport
from .tls import Decided


@dataclass
class Opened:
    """An end of a connection: as the client has it when connecting has succeeded, or a server
    that has accepted it by itself."""

    listener: Listener
    incoming: Pipe
    outgoing: Pipe
    local: Any
    remote: Any


class ConnectedSocket(SimSocket):
    """The face of a socket that is connected, and has no transport yet."""

    def __init__(
        self,
        opened: Opened,
        owned: socket.socket | None = None,
        binding: Binding | None = None,
    ) -> None:
        super().__init__(opened.local, opened.remote, owned, binding)
        self.opened = opened


class ConnectingLoop(NamingLoop):
    """The part of a loop that joins two ends.

    ``create_connection`` itself is asyncio's own: it tries the addresses of a name in turn, or
    together with ``happy_eyeballs_delay``.
    """

    async def _connect_sock(
        self,
        exceptions: list[list[OSError]],
        addr_info: AddressInfo,
        local_addr_infos: list[AddressInfo] | None = None,
    ) -> ConnectedSocket:
        """Connect the calling host to one address; asyncio calls this for each.

        Raises:
            ConnectionRefusedError: nothing listens there, or the link refuses.
            OSError: EHOSTUNREACH, ETIMEDOUT or ENETUNREACH; or the local address is taken, or
                belongs to another host.
            UnknownHostError: the address is not part of the simulation.
        """
        mine: list[OSError] = []
        exceptions.append(mine)
        binding: Binding | None = None
        source = self.network.current()
        try:
            if local_addr_infos is not None:
                binding = _bind_one(source, addr_info[0], local_addr_infos, mine)
            local = None if binding is None else binding.name
            opened = await self._open(source, addr_info[4], local)
            return ConnectedSocket(opened, binding=binding)
        except BaseException as error:
            if binding is not None:
                binding.release()
            if isinstance(error, OSError):
                mine.append(error)
            raise
        finally:
            del exceptions, mine  # they refer to this frame

    async def _open(
        self, source: Host, address: Address, local: Any = None, ack_after_ns: int = 0
    ) -> Opened:
        """Exchange SYN, SYN-ACK and ACK; what follows the ACK arrives behind it.

        Args:
            local: where the client is bound; None: at an ephemeral port.
            ack_after_ns: how long after it was sent the ACK arrives at least.
        """
        there = source.own_form(address[0])
        there = {ANY4: LOOPBACK4, ANY6: LOOPBACK6}.get(there, there)
        target = self.network.resolve(there, source)
        opened = await self._open_at(
            source, target, sockaddr(there, address[1]), local, ack_after_ns
        )
        if unmapped(address[0]) != address[0] and not is_ipv6(there):
            opened.local, opened.remote = _mapped(opened.local), _mapped(opened.remote)
        return opened

    async def _open_at(
        self, source: Host, target: Host, address: Any, local: Any, ack_after_ns: int = 0
    ) -> Opened:
        """Open a connection to where a host listens: an address or a path."""

        def accept(listener: Listener, there: Pipe, back: Pipe, client: Any) -> None:
            self._accept(target, listener, there, back, client, address)

        listener, there, back, local = await connect(
            self, source, target, address, accept, local, ack_after_ns
        )
        return Opened(listener, back, there, local, address)

    async def _open_unix(self, host: Host, path: Any) -> Opened:
        """Open a connection to a path of ``host``."""
        raise NotImplementedError

    def _claim(self, sock: socket.socket, asked: str) -> ConnectedSocket:
        """Give the connection of a program's own socket to a transport."""
        raise NotImplementedError

    async def _create_connection_transport(
        self,
        sock: Any,
        protocol_factory: Any,
        ssl: Any,
        server_hostname: Any,
        server_side: bool = False,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> tuple[Any, Any]:
        """Give an end its transport, and wait until it is connected; asyncio calls this."""
        if not isinstance(sock, ConnectedSocket):
            sock = self._claim(
                sock, "connect_accepted_socket" if server_side else "create_connection"
            )
        protocol = protocol_factory()
        opened = sock.opened
        if server_side:
            elided = _elided_by_client(opened.incoming)
        else:
            elided = ssl if opened.listener.sslcontext is None else None
        waiter: asyncio.Future[None] = self.create_future()
        transport = self._transport(
            opened.incoming,
            opened.outgoing,
            sock,
            protocol,
            tls=ssl,
            elided=elided,
            waiter=waiter,
            server_side=server_side,
            server_hostname=(
                server_hostname.decode() if isinstance(server_hostname, bytes) else server_hostname
            ),
            ssl_handshake_timeout=ssl_handshake_timeout,
            ssl_shutdown_timeout=ssl_shutdown_timeout,
        )
        if isinstance(transport, StreamTransport):
            transport.meets_certificate = not server_side and bool(opened.listener.sslcontext)
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        return transport, protocol

    async def _server(
        self,
        sockets: list[SimSocket],
        protocol_factory: Any,
        ssl: Any,
        backlog: int,
        ssl_handshake_timeout: float | None,
        ssl_shutdown_timeout: float | None,
        start_serving: bool,
    ) -> asyncio.Server:
        """Make a server of bound sockets, as asyncio does at the end of ``create_server``."""
        server = base_events.Server(
            self,
            sockets,  # type: ignore[arg-type]
            protocol_factory,
            ssl,
            backlog,
            ssl_handshake_timeout,
            ssl_shutdown_timeout,
        )
        if start_serving:
            server._start_serving()  # type: ignore[attr-defined]
            await asyncio.sleep(0)
        return server

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
        self.network.has_certificates |= sslcontext is not None
        owner = sock.binding.ports.host if sock.binding else self.network.current()
        listener = Listener(
            sock,
            protocol_factory,
            sslcontext,
            server,
            copy_context(),
            ssl_handshake_timeout,
            ssl_shutdown_timeout,
            both=sock.binding is not None and sock.binding.both,
            loop=self,
        )
        self.network.openings.add("server", sock, None, sock.getsockname(), None)
        table = owner.listening(sock.getsockname())
        before = table.get(sock.getsockname())
        table[sock.getsockname()] = listener
        sock.transport = Bound(owner)
        if before is not None and before.backlog is not None:
            # The program listened on this socket by itself before it gave it to a server.
            for incoming, outgoing, client, address in before.backlog.take_all():
                self._accept(owner, listener, incoming, outgoing, client, address)

    def _stop_serving(self, sock: SimSocket) -> None:
        self.network.openings.remove(sock)
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
        if listener.sock.family == socket.AF_INET6:
            client, address = _mapped(client), _mapped(address)
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
        loop: Any = current.loop or self
        loop.call_soon(
            loop._accepted, current, incoming, outgoing, client, address, context=context
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
        self._transport(
            incoming,
            outgoing,
            SimSocket(address, client),
            protocol,
            tls=listener.sslcontext,
            elided=_elided_by_client(incoming),
            server=listener.server,
            server_side=True,
            ssl_handshake_timeout=listener.handshake_timeout,
            ssl_shutdown_timeout=listener.shutdown_timeout,
        )

    def _transport(
        self,
        incoming: Pipe,
        outgoing: Pipe,
        sock: SimSocket,
        protocol: asyncio.BaseProtocol,
        *,
        tls: Any,
        elided: Any,
        waiter: asyncio.Future[None] | None = None,
        server: Any = None,
        **tls_options: Any,
    ) -> Any:
        """Make the transport of one end.

        Args:
            tls: an SSL context, or True for asyncio's own; none: no TLS.
            elided: what ``tls`` would be if it were not elided; none: it is not.
            tls_options: of :class:`asyncio.sslproto.SSLProtocol`.
        """
        real = bool(tls) and not elided
        heard: Any = protocol
        if real:
            self.network.has_certificates |= bool(tls_options.get("server_side"))
            context = tls_module.create_default_context() if tls is True else tls
            heard = sslproto.SSLProtocol(
                self,
                protocol,
                Decided(context, elide=False),  # type: ignore[arg-type]
                waiter,  # type: ignore[arg-type]
                **tls_options,
            )
            heard._extra["sslcontext"] = context
        transport = StreamTransport(
            self,
            heard,
            incoming=incoming,
            outgoing=outgoing,
            context=copy_context(),
            sock=sock,
            extra={"sslcontext": elided} if elided else {},
            server=server,
            waiter=None if real else waiter,
            accepted=bool(tls_options.get("server_side")),
        )
        return heard._app_transport if real else transport


def _bind_one(
    source: Host, family: int, infos: list[AddressInfo], failures: list[OSError]
) -> Binding:
    """Bind to the first local address of a family that can be had, as asyncio does."""
    for local_family, _, _, _, local in infos:
        if local_family == family:
            try:
                return source.ports.bind(local[0], local[1])
            except OSError as error:
                failures.append(error)
    if failures:
        raise failures.pop()
    raise OSError(f"no matching local address with {family=} found")


def _elided_by_client(incoming: Pipe) -> Any:
    """Return the SSL context of a client whose TLS was elided when it connected, else None."""
    writer = incoming.writer
    return None if writer is None else writer.get_extra_info("sslcontext")


def _mapped(name: Any) -> Any:
    return name if isinstance(name, str) else sockaddr(mapped(name[0]), name[1])


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
