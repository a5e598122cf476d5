"""The loop with a network: what asyncio programs call to connect and to serve."""

from __future__ import annotations

import asyncio
import errno
import socket
from asyncio import base_events, sslproto
from collections.abc import Callable, Iterable
from contextvars import Context, copy_context
from typing import Any, NoReturn, TypeVarTuple

from ..kernel import OutsideWorldError
from ..kernel.realm import EPOCH_NS
from .arguments import check_client, check_server
from .connecting import connect
from .hosts import Host, Listener, Network
from .pipe import Pipe
from .refused import RefusingLoop, not_simulated
from .sockets import Address, SimSocket
from .stream import StreamTransport
from .tls import eliding

Ts = TypeVarTuple("Ts")

AddressInfo = tuple[int, int, int, str, Address]


class SimLoop(RefusingLoop):
    """A virtual-time loop whose connections run through an in-memory :class:`Network`."""

    def __init__(self, seed: int = 0, *, epoch_ns: int = EPOCH_NS, trail: bool = False) -> None:
        super().__init__(seed, epoch_ns=epoch_ns, trail=trail)
        self.network = Network(self)
        self.realm.wrap_bio = eliding(self.network.speaks_tls)

    # Names

    async def getaddrinfo(  # type: ignore[override]
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - asyncio's own name
        proto: int = 0,
        flags: int = 0,
    ) -> list[AddressInfo]:
        """Resolve a name of this network.

        Raises:
            UnknownHostError: the name is not part of the simulation.
            socket.gaierror: its host has a ``dns_failure``.
        """
        name = host.decode("ascii") if isinstance(host, bytes) else (host or "localhost")
        await self.network.look_up(name)
        address = self.network.to_address(name, self.network.current())
        kind = type or socket.SOCK_STREAM
        return [(socket.AF_INET, kind, proto or socket.IPPROTO_TCP, "", (address, _port(port)))]

    async def getnameinfo(  # type: ignore[override]
        self, sockaddr: Address, flags: int = 0
    ) -> tuple[str, str]:
        """Return the name of an address, and its port."""
        if flags & socket.NI_NUMERICHOST:
            return sockaddr[0], str(sockaddr[1])
        host = self.network.resolve(sockaddr[0], self.network.current())
        return host.name, str(sockaddr[1])

    # Clients

    async def create_connection(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | bytes | None = None,
        port: int | str | None = None,
        *,
        ssl: Any = None,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        sock: Any = None,
        local_addr: Address | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        happy_eyeballs_delay: float | None = None,
        interleave: int | None = None,
        all_errors: bool = False,
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """Open a connection to a host of this network.

        Raises:
            ConnectionRefusedError: nothing listens there, or the link refuses.
            OSError: EHOSTUNREACH or ETIMEDOUT, as the link has it.
            socket.gaierror: the name was looked up in vain.
            UnknownHostError: the name is not part of the simulation.
        """
        check_client(
            host, port, sock, ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout
        )
        if sock is not None:
            raise OutsideWorldError(
                f"create_connection(sock={sock!r}): a socket of the operating system cannot "
                "take part in a simulation; pass host and port instead"
            )
        infos = await self.getaddrinfo(host, port, family=family, proto=proto, flags=flags)
        address = infos[0][4]
        source = self.network.current()
        target = self.network.resolve(address[0], source)
        listener, transport_options = await self._handshake(source, target, address, local_addr)
        protocol = protocol_factory()
        waiter: asyncio.Future[None] = self.create_future()
        elided = bool(ssl) and listener.sslcontext is None
        if ssl and not elided:
            name = server_hostname or (host.decode() if isinstance(host, bytes) else host)
            transport: Any = self._make_ssl_transport(
                transport_options,
                protocol,
                None if ssl is True else ssl,
                waiter,
                server_hostname=name,
                ssl_handshake_timeout=ssl_handshake_timeout,
                ssl_shutdown_timeout=ssl_shutdown_timeout,
            )
        else:
            extra = {"sslcontext": ssl} if elided else {}
            transport = StreamTransport(
                self, protocol, extra=extra, waiter=waiter, **transport_options
            )
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        return transport, protocol

    async def _handshake(
        self, source: Host, target: Host, address: Address, local_addr: Address | None
    ) -> tuple[Listener, dict[str, Any]]:
        def accept(listener: Listener, there: Pipe, back: Pipe, client: Address) -> None:
            self._accept(target, listener, there, back, client, address)

        listener, there, back, local = await connect(
            self, source, target, address, accept, local_addr
        )
        return listener, {
            "incoming": back,
            "outgoing": there,
            "context": copy_context(),
            "sock": SimSocket(local, address),
        }

    # Servers

    async def create_server(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | Iterable[str] | None = None,
        port: int | None = None,
        *,
        family: int = 0,
        flags: int = 0,
        sock: Any = None,
        backlog: int = 100,
        ssl: Any = None,
        reuse_address: bool | None = None,
        reuse_port: bool | None = None,
        keep_alive: bool | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
    ) -> asyncio.Server:
        """Listen on the host that the calling code runs on.

        Raises:
            OSError: the port is taken, or the address belongs to another host.
        """
        check_server(host, port, sock, ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
        if sock is not None:
            raise OutsideWorldError(
                f"create_server(sock={sock!r}): a socket of the operating system cannot take "
                "part in a simulation; pass host and port instead"
            )
        owner = self.network.current()
        names = [host] if host is None or isinstance(host, str) else list(host)
        addresses = dict.fromkeys(self.network.to_address(name or "", owner) for name in names)
        sockets = [SimSocket(owner.bind(address, port or 0)) for address in addresses]
        for made in sockets:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse_address is not False))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(bool(reuse_port)))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(bool(keep_alive)))
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
        owner = self.network.current()
        owner.listeners[sock.getsockname()] = Listener(
            sock,
            protocol_factory,
            sslcontext,
            server,
            copy_context(),
            ssl_handshake_timeout,
            ssl_shutdown_timeout,
        )
        sock.transport = _Bound(owner)

    def _stop_serving(self, sock: SimSocket) -> None:
        if sock.transport is not None:
            sock.transport.owner.listeners.pop(sock.getsockname(), None)
        sock.close()

    def _accept(
        self,
        host: Host,
        listener: Listener,
        incoming: Pipe,
        outgoing: Pipe,
        client: Address,
        address: Address,
    ) -> None:
        """Hand a new connection to the server; called as an arrival."""
        if host.listeners.get(listener.sock.getsockname()) is not listener:
            incoming.closed = True
            outgoing.send_reset(incoming)
            return
        context: Context = listener.context.copy()
        self.call_soon(
            self._accepted, listener, incoming, outgoing, client, address, context=context
        )

    def _accepted(
        self,
        listener: Listener,
        incoming: Pipe,
        outgoing: Pipe,
        client: Address,
        address: Address,
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

    # What would leave the simulation

    async def subprocess_shell(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: a process of the operating system has its own clock."""
        raise not_simulated("subprocess_shell", "a child process runs on the machine's clock")

    async def subprocess_exec(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: a process of the operating system has its own clock."""
        raise not_simulated("subprocess_exec", "a child process runs on the machine's clock")

    async def create_datagram_endpoint(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: only TCP is simulated."""
        raise not_simulated("create_datagram_endpoint", "only TCP is simulated")

    async def create_unix_connection(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: the far end is a process of the operating system."""
        raise not_simulated("create_unix_connection", "the far end would be a real process")

    async def create_unix_server(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: the far end is a process of the operating system."""
        raise not_simulated("create_unix_server", "the far end would be a real process")

    def add_reader(self, fd: Any, callback: Callable[[*Ts], Any], *args: *Ts) -> NoReturn:
        """Refuse: descriptors of the operating system become ready in real time."""
        raise not_simulated("add_reader", "descriptors become ready in real time")

    def add_writer(self, fd: Any, callback: Callable[[*Ts], Any], *args: *Ts) -> NoReturn:
        """Refuse: descriptors of the operating system become ready in real time."""
        raise not_simulated("add_writer", "descriptors become ready in real time")


class _Bound:
    """Where a listening socket is bound."""

    def __init__(self, owner: Host) -> None:
        self.owner = owner

    def polls_readable(self) -> bool:
        return False

    def write_eof(self) -> None:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")


def _port(port: str | bytes | int | None) -> int:
    if port is None or port == "":
        return 0
    named = {"http": 80, "https": 443, "ws": 80, "wss": 443}
    text = port.decode() if isinstance(port, bytes) else port
    if text in named:
        return named[text]
    try:
        return int(text)
    except ValueError:
        raise socket.gaierror(
            socket.EAI_SERVICE, f"port {text!r}: expected a number or one of {', '.join(named)}"
        ) from None


def new_event_loop(seed: int = 0) -> SimLoop:
    """Make an in-memory, virtual-time asyncio loop.

    It works wherever asyncio takes a loop factory: ``asyncio.Runner(loop_factory=...)``,
    ``uvicorn.Config(loop="simkit:new_event_loop")``.

    >>> import asyncio
    >>> with asyncio.Runner(loop_factory=new_event_loop) as runner:
    ...     runner.run(asyncio.sleep(3600, "an hour passed"))
    'an hour passed'
    """
    return SimLoop(seed)
