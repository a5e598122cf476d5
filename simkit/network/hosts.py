"""Hosts: the machines of a simulation, their names, addresses, ports and links."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Coroutine, Iterable
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .knobs import checked, delay, wrong
from .link import Link
from .sockets import Address, SimSocket

if TYPE_CHECKING:
    from .datagram import DatagramPort
    from .names import NamingLoop
    from .serve import AppServer

LOOPBACK = ("localhost", "127.0.0.1", "::1", "ip6-localhost")
WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104 - names of addresses, nothing is bound

DNS_FAILURES = {
    "EAI_AGAIN": (socket.EAI_AGAIN, "Temporary failure in name resolution"),
    "NXDOMAIN": (socket.EAI_NONAME, "Name or service not known"),
}

_FIRST_EPHEMERAL_PORT = 49152
_LAST_PORT = 65535

current_host: ContextVar[Host | None] = ContextVar("simkit_current_host", default=None)


class UnknownHostError(socket.gaierror):
    """A name was looked up that is not part of the simulation."""


@dataclass
class Listener:
    """A listening socket and what to do with a connection to it."""

    sock: SimSocket
    protocol_factory: Any
    sslcontext: Any
    server: Any
    context: Context
    handshake_timeout: float | None
    shutdown_timeout: float | None
    backlog: Any = None
    """Where connections wait that the program accepts by itself, with ``sock_accept``."""


class Host:
    """A machine: code that it runs listens on its ports and connects from its address.

    Attributes:
        name: the first of its names; timelines call it that.
        address: its IPv4 address.
    """

    def __init__(self, network: Network, name: str, address: str) -> None:
        self.network = network
        self.name = name
        self.address = address
        self.listeners: dict[Address, Listener] = {}
        self.unix_listeners: dict[str, Listener | None] = {}
        """By path; None: the socket's file is there, and nobody listens."""
        self.datagrams: dict[Address, DatagramPort] = {}
        self.access_latency = 0.0
        """Seconds between this machine and the middle of the internet: a link that nobody has
        configured takes what both ends' add up to."""
        self._dns_delay = 0.0
        self._dns_failure: str | None = None
        self._next_port = _FIRST_EPHEMERAL_PORT

    def __repr__(self) -> str:
        return f"<Host {self.name} {self.address}>"

    @property
    def dns_delay(self) -> float:
        """Seconds that it takes to look up one of this host's names, default 0."""
        return self._dns_delay

    @dns_delay.setter
    def dns_delay(self, value: float) -> None:
        checked(f"host {self.name}", "dns_delay", "in seconds, 0 or more", delay, value)
        self._dns_delay = value

    @property
    def dns_failure(self) -> str | None:
        """How looking up this host's names fails, after ``dns_delay``; None, the default: not.

        ``"EAI_AGAIN"``: the name server does not answer. ``"NXDOMAIN"``: it knows of no such name.
        Either is a ``socket.gaierror``, as the C library would raise it.
        """
        return self._dns_failure

    @dns_failure.setter
    def dns_failure(self, value: str | None) -> None:
        if value is not None and value not in tuple(DNS_FAILURES):
            allowed = f"None or one of {', '.join(DNS_FAILURES)}"
            raise wrong(f"host {self.name}", "dns_failure", allowed, value)
        self._dns_failure = value

    def context(self) -> Context:
        """Return a context in which code runs on this host."""
        context = copy_context()
        context.run(current_host.set, self)
        return context

    def spawn(
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None
    ) -> asyncio.Task[Any]:
        """Run a coroutine on this host, as a task of the simulation's loop."""
        return self.network.loop.create_task(coro, name=name, context=self.context())

    def serve(self, app: Any, port: int = 443) -> AppServer:
        """Serve an ASGI application here, by uvicorn, as if behind TLS on port 443.

        Args:
            app: an ASGI application, a function that makes one, ``async def main()``, or where to
                find it: ``"package.module:attribute"``.
            port: where it listens, unless ``app`` is a ``main`` that listens by itself.

        Raises:
            AppError: there is no such application.
        """
        from .serve import AppServer

        server = AppServer(self, app, port)
        self.network.servers.append(server)
        return server

    def free_port(self, table: Iterable[Address] | None = None) -> int:
        """Return the next ephemeral port that nothing listens on, or that is not in ``table``.

        Raises:
            OSError: there is none.
        """
        taken = {port for _, port in (self.listeners if table is None else table)}
        for _ in range(_FIRST_EPHEMERAL_PORT, _LAST_PORT + 1):
            port, self._next_port = self._next_port, self._next_port + 1
            if self._next_port > _LAST_PORT:
                self._next_port = _FIRST_EPHEMERAL_PORT
            if port not in taken:
                return port
        raise OSError(errno.EADDRNOTAVAIL, f"host {self.name!r} has no port left")

    def bind(self, address: str, port: int, table: Iterable[Address] | None = None) -> Address:
        """Check that (address, port) is free on this host, and return it.

        Args:
            table: what is taken; None: what listens to TCP.

        Raises:
            OSError: the address is taken, or belongs to another machine.
        """
        address = self.network.to_address(address, self)
        if address not in ("0.0.0.0", "127.0.0.1", self.address):  # noqa: S104
            raise OSError(
                errno.EADDRNOTAVAIL,
                f"could not bind on any address out of [({address!r}, {port})]: "
                f"host {self.name!r} has {self.address} and 127.0.0.1",
            )
        table = self.listeners if table is None else table
        if port == 0:
            port = self.free_port(table)
        for taken, taken_port in table:
            if taken_port == port and (taken == address or "0.0.0.0" in (taken, address)):  # noqa: S104
                raise OSError(
                    errno.EADDRINUSE,
                    f"error while attempting to bind on address {(address, port)!r}: "
                    f"address already in use on host {self.name!r}",
                )
        return address, port

    def listening(self, name: Address | str) -> dict[Any, Any]:
        """Return the table that a listener of this name, a path or (address, port), is in."""
        return self.unix_listeners if isinstance(name, str) else self.listeners

    def listener_at(self, name: Address | str) -> Listener | None:
        """Return what accepts connections to a path or to (address, port)."""
        return self.unix_listeners.get(name) if isinstance(name, str) else self.listener(*name)

    def forget(self, name: Address | str) -> None:
        """Listen there no longer; of a Unix socket the file stays."""
        if not isinstance(name, str):
            self.listeners.pop(name, None)
        elif name in self.unix_listeners:
            self.unix_listeners[name] = None

    def listener(self, address: str, port: int) -> Listener | None:
        """Return what accepts connections to ``address:port``."""
        return self.listeners.get((address, port)) or self.listeners.get(("0.0.0.0", port))  # noqa: S104


class Network:
    """All hosts, their names and the links between them.

    A name that is not part of it fails to resolve, with an error that says how to add it: no
    packet ever leaves.
    """

    def __init__(self, loop: NamingLoop) -> None:
        self.loop = loop
        self._by_name: dict[str, Host] = {}
        self._by_address: dict[str, Host] = {}
        self._links: dict[frozenset[Host], Link] = {}
        self.find_host: Callable[[str], Host | None] = lambda name: None
        """Asked for a host when a name is not known here."""
        self.servers: list[AppServer] = []
        """What :meth:`Host.serve` was asked for, in order."""
        self.on_refused: Callable[[str], object] = lambda name: None
        """Told of every name that was looked up and is not here."""
        self.home = self.host("home")
        """The host of code that was not started on any other."""

    def host(self, name: str, *aliases: str) -> Host:
        """Return the host called ``name``; make it, with its aliases, when it is new."""
        found = self._by_name.get(name.lower())
        if found is None:
            number = len(self._by_address) + 1
            address = f"10.0.{number // 250}.{number % 250 + 1}"
            found = Host(self, name.lower(), address)
            self._by_address[address] = found
            self._by_name[found.name] = found
        for alias in aliases:
            self._by_name[alias.lower()] = found
        return found

    def link(self, a: str | Host, b: str | Host) -> Link:
        """Return the link between two hosts.

        Raises:
            ValueError: one of them is not part of the simulation.
        """
        first, second = self._known(a), self._known(b)
        key = frozenset((first, second))
        found = self._links.get(key)
        if found is None:
            latency = 0.0 if first is second else first.access_latency + second.access_latency
            found = self._links[key] = Link(
                first.name, second.name, latency=latency, loop=self.loop
            )
        return found

    def listen(
        self, host: Host, port: int, protocol_factory: Callable[[], asyncio.BaseProtocol]
    ) -> None:
        """Accept connections to a port of ``host`` at once, without a server to start and stop."""
        address = host.bind("0.0.0.0", port)  # noqa: S104
        sock = SimSocket(address)
        host.listeners[address] = Listener(
            sock, protocol_factory, None, None, host.context(), None, None
        )

    def current(self) -> Host:
        """Return the host on which the calling code runs."""
        return current_host.get() or self.home

    def resolve(self, name: str, source: Host) -> Host:
        """Return the host that ``name``, a host name or an address, means to ``source``.

        Raises:
            UnknownHostError: it means none.
        """
        name = name.rstrip(".").lower()
        if name in LOOPBACK or name in WILDCARDS:
            return source
        found = self._by_name.get(name) or self._by_address.get(name) or self.find_host(name)
        if found is None:
            self.on_refused(name)
            known = ", ".join(sorted(self._by_name))
            raise UnknownHostError(
                socket.EAI_NONAME,
                f"{name!r} is not part of this simulation, and nothing leaves it (hosts here: "
                f"{known}). Add it with sim.host({name!r}).serve(app), or stub its HTTP with "
                "sim.http",
            )
        return found

    async def look_up(self, name: str) -> None:
        """Take the time that looking up a name takes, and fail as it fails.

        Addresses and the names of this machine itself are not asked for anywhere.

        Raises:
            socket.gaierror: the host of that name has a ``dns_failure``.
            UnknownHostError: it is the name of none.
        """
        name = name.rstrip(".").lower()
        if name in LOOPBACK or name in WILDCARDS or name in self._by_address:
            return
        host = self.resolve(name, self.current())
        if host._dns_delay:
            await asyncio.sleep(host._dns_delay)
        if host._dns_failure is not None:
            raise socket.gaierror(*DNS_FAILURES[host._dns_failure])

    def to_address(self, name: str, source: Host) -> str:
        """Return the IPv4 address for a name, with loopback and wildcard kept as they are."""
        if name in WILDCARDS:
            return "0.0.0.0"  # noqa: S104
        if name.lower() in LOOPBACK:
            return "127.0.0.1"
        return self.resolve(name, source).address

    def speaks_tls(self, name: str | None) -> bool:
        """Tell whether the host called ``name`` has a listener with a certificate of its own."""
        if name is None:
            return False
        try:
            host = self.resolve(name, self.current())
        except UnknownHostError:
            return True
        return any(listener.sslcontext for listener in host.listeners.values())

    def _known(self, host: str | Host) -> Host:
        if isinstance(host, Host):
            return host
        found = self._by_name.get(host.lower())
        if found is None:
            known = ", ".join(sorted(self._by_name))
            raise ValueError(f"no host {host!r} in this simulation; there are: {known}")
        return found
