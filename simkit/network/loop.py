"""The loop with a network: what asyncio programs call to connect and to serve."""

from __future__ import annotations

import asyncio
import socket
import ssl
import warnings
from collections.abc import Callable, Iterable
from contextvars import Context
from typing import Any

from ..kernel.inner import InnerLoop
from ..kernel.realm import EPOCH_NS
from .adopted import adopt
from .datagram import DatagramLoop
from .datagram_port import DatagramPort
from .hosts import current_host
from .names import port_number
from .openings import LeftOpenWarning, describe_left_open
from .sockets import SimSocket
from .starttls import start_tls
from .unix import UnixLoop
from .wrapping import wrapping


class SimLoop(UnixLoop, DatagramLoop):
    """A virtual-time loop whose connections run through an in-memory :class:`Network`."""

    def __init__(self, seed: int = 0, *, epoch_ns: int = EPOCH_NS, trail: bool = False) -> None:
        super().__init__(seed, epoch_ns=epoch_ns, trail=trail)
        self.realm.sockets = self
        self.threads.new_context = self._thread_context
        self.threads.new_loop = lambda: ThreadLoop(self)
        self.realm.wrap_bio = wrapping(self)

    def _thread_context(self) -> Context:
        """Return an empty context, as a thread has, on the host that starts the thread."""
        context = Context()
        context.run(current_host.set, self.network.current())
        return context

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
        if not isinstance(sslcontext, ssl.SSLContext):
            raise TypeError(
                f"sslcontext is expected to be an instance of ssl.SSLContext, got {sslcontext!r}"
            )
        if not getattr(transport, "_start_tls_compatible", False):
            raise TypeError(f"transport {transport!r} is not supported by start_tls()")
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
        flags: int = socket.AI_PASSIVE,
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
        _check_server(host, port, sock, ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
        if sock is not None:
            sockets = [self._listening_face(sock)]
        else:
            names = [host] if host is None or isinstance(host, str) else list(host)
            sockets = self._bound_faces(names, port, family, flags, reuse_address is not False)
            options = {
                socket.SO_REUSEADDR: reuse_address is not False,
                socket.SO_REUSEPORT: bool(reuse_port),
                socket.SO_KEEPALIVE: bool(keep_alive),
            }
            for made in sockets:
                for option, value in options.items():
                    made.setsockopt(socket.SOL_SOCKET, option, int(value))
        return await self._server(
            sockets,
            protocol_factory,
            ssl,
            backlog,
            ssl_handshake_timeout,
            ssl_shutdown_timeout,
            start_serving,
        )

    def _bound_faces(
        self, names: list[Any], port: Any, family: int, flags: int, shares: bool
    ) -> list[SimSocket]:
        """Bind a socket to each address that the names mean; IPv6 ones take IPv6 only."""
        owner = self.network.current()
        number = port_number(port)
        addresses = dict.fromkeys(
            address
            for name in names
            for address in self.network.addresses_of(name, owner, family, flags)
        )
        made: list[SimSocket] = []
        try:
            for address in addresses:
                binding = owner.ports.bind(address, number, shares=shares)
                made.append(SimSocket(binding.name, binding=binding))
        except OSError:
            for sock in made:
                sock.close()
            raise
        return made

    def _datagram_port(self, sock: socket.socket) -> DatagramPort:
        return adopt(self, sock).datagrams()

    def close(self) -> None:
        """Close the loop and forget everything scheduled.

        Warns:
            LeftOpenWarning: in debug mode, when something was left open.
        """
        ends = self._debug and not self.is_closed() and not self.is_running()
        left = self.network.openings.programs() if ends else []
        super().close()
        if left:
            warnings.warn(describe_left_open(left), LeftOpenWarning, stacklevel=2)


class ThreadLoop(InnerLoop, SimLoop):
    """A loop that a program runs in a thread, in the network of the first."""

    def __init__(self, outer: SimLoop) -> None:
        super().__init__(outer)
        self.network = outer.network


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


def _check_server(
    host: Any,
    port: Any,
    sock: Any,
    ssl: Any,
    handshake_timeout: float | None,
    shutdown_timeout: float | None,
) -> None:
    """Check what ``create_server`` was called with; asyncio's own words.

    Raises:
        TypeError: ``ssl`` is True or False.
        ValueError: the arguments contradict each other.
    """
    if isinstance(ssl, bool):
        raise TypeError("ssl argument must be an SSLContext or None")
    if handshake_timeout is not None and ssl is None:
        raise ValueError("ssl_handshake_timeout is only meaningful with ssl")
    if shutdown_timeout is not None and ssl is None:
        raise ValueError("ssl_shutdown_timeout is only meaningful with ssl")
    if sock is None:
        if host is None and port is None:
            raise ValueError("Neither host/port nor sock were specified")
    elif host is not None or port is not None:
        raise ValueError("host/port and sock can not be specified at the same time")
