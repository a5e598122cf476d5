"""The loop with a network: what asyncio programs call to connect and to serve."""

from __future__ import annotations

import asyncio
import socket
import ssl
from asyncio import base_events
from collections.abc import Callable, Iterable
from contextvars import Context
from typing import Any, NoReturn, TypeVarTuple

from ..kernel.realm import EPOCH_NS
from .adopted import adopt
from .arguments import check_client, check_server
from .datagram import DatagramLoop, DatagramPort
from .hosts import current_host
from .refused import not_simulated
from .sockets import Address, SimSocket
from .starttls import start_tls
from .stream import StreamTransport
from .tls import eliding
from .unix import UnixLoop

Ts = TypeVarTuple("Ts")


class SimLoop(UnixLoop, DatagramLoop):
    """A virtual-time loop whose connections run through an in-memory :class:`Network`."""

    def __init__(self, seed: int = 0, *, epoch_ns: int = EPOCH_NS, trail: bool = False) -> None:
        super().__init__(seed, epoch_ns=epoch_ns, trail=trail)
        self.realm.sockets = self
        self.threads.new_context = self._thread_context
        self.realm.wrap_bio = eliding(self.network.speaks_tls)

    def _thread_context(self) -> Context:
        """Return an empty context, as a thread has, on the host that starts the thread."""
        context = Context()
        context.run(current_host.set, self.network.current())
        return context

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
            OSError: EHOSTUNREACH or ETIMEDOUT, as the link has it; or ``local_addr`` is taken,
                or belongs to another host.
            socket.gaierror: the name was looked up in vain.
            UnknownHostError: the name is not part of the simulation.
        """
        check_client(
            host, port, sock, ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout
        )
        if sock is not None:
            opened, face, name = *self._claim(sock, "create_connection"), None
        else:
            infos = await self.getaddrinfo(host, port, family=family, proto=proto, flags=flags)
            address = infos[0][4]
            source = self.network.current()
            target = self.network.resolve(address[0], source)
            local = None if local_addr is None else source.bind(local_addr[0] or "", local_addr[1])
            opened = await self._open(source, target, address, local)
            face = SimSocket(opened.local, opened.remote)
            name = host.decode() if isinstance(host, bytes) else host
        protocol = protocol_factory()
        transport = await self._client_transport(
            opened,
            face,
            protocol,
            ssl,
            server_hostname or name,
            ssl_handshake_timeout,
            ssl_shutdown_timeout,
        )
        return transport, protocol

    async def start_tls(  # type: ignore[override]
        self,
        transport: asyncio.Transport,
        protocol: asyncio.BaseProtocol,
        sslcontext: ssl.SSLContext,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> asyncio.Transport | None:
        """Go on with TLS; elided where the other end does not begin a handshake.

        Raises:
            ssl.SSLError: the handshake failed.
        """
        if not isinstance(transport, StreamTransport):
            return await super().start_tls(
                transport,
                protocol,
                sslcontext,
                server_side=server_side,
                server_hostname=server_hostname,
                ssl_handshake_timeout=ssl_handshake_timeout,
                ssl_shutdown_timeout=ssl_shutdown_timeout,
            )
        if not isinstance(sslcontext, ssl.SSLContext):
            raise TypeError(
                f"sslcontext is expected to be an instance of ssl.SSLContext, got {sslcontext!r}"
            )
        return await start_tls(
            self,
            transport,
            protocol,
            sslcontext,
            server_side=server_side,
            server_hostname=server_hostname,
            handshake_timeout=ssl_handshake_timeout,
            shutdown_timeout=ssl_shutdown_timeout,
        )

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
            sockets = [self._listening_face(sock)]
        else:
            owner = self.network.current()
            names = [host] if host is None or isinstance(host, str) else list(host)
            addresses = dict.fromkeys(self.network.to_address(name or "", owner) for name in names)
            sockets = [SimSocket(owner.bind(address, port or 0)) for address in addresses]
            options = {
                socket.SO_REUSEADDR: reuse_address is not False,
                socket.SO_REUSEPORT: bool(reuse_port),
                socket.SO_KEEPALIVE: bool(keep_alive),
            }
            for made in sockets:
                for option, value in options.items():
                    made.setsockopt(socket.SOL_SOCKET, option, int(value))
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

    def _datagram_port(self, sock: socket.socket) -> DatagramPort:
        return adopt(self, sock).datagrams()

    # What would leave the simulation

    async def subprocess_shell(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: a process of the operating system has its own clock."""
        raise not_simulated("subprocess_shell", "a child process runs on the machine's clock")

    async def subprocess_exec(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: a process of the operating system has its own clock."""
        raise not_simulated("subprocess_exec", "a child process runs on the machine's clock")

    def add_reader(self, fd: Any, callback: Callable[[*Ts], Any], *args: *Ts) -> NoReturn:
        """Refuse: descriptors of the operating system become ready in real time."""
        raise not_simulated("add_reader", "descriptors become ready in real time")

    def add_writer(self, fd: Any, callback: Callable[[*Ts], Any], *args: *Ts) -> NoReturn:
        """Refuse: descriptors of the operating system become ready in real time."""
        raise not_simulated("add_writer", "descriptors become ready in real time")


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
