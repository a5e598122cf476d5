"""Hosts: the machines of a simulation, their addresses, ports and programs."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Container, Coroutine, Sequence
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .addresses import ANY4, ANY6, LOOPBACK4, LOOPBACK6, Address, is_ipv6, sockaddr, unmapped
from .knobs import Knob, checked, delay, switch, wrong
from .ports import Ports
from .sockets import SimSocket

if TYPE_CHECKING:
    from .datagram_port import DatagramPort
    from .internet import Network
    from .serve import AppServer

DNS_FAILURES = {
    "EAI_AGAIN": (socket.EAI_AGAIN, "Temporary failure in name resolution"),
    "NXDOMAIN": (socket.EAI_NONAME, "Name or service not known"),
}

_FIRST_EPHEMERAL_PORT = 49152
_LAST_PORT = 65535

current_host: ContextVar[Host | None] = ContextVar("simkit_current_host", default=None)


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
    both: bool = False
    """Bound to ``::``, and takes IPv4 connections, too."""
    loop: Any = None
    """The loop that serves, where it is another than that of whoever connects."""


class AddressFaults:
    """What is wrong with one address of a host, while others of its addresses may work.

    A program that tries them in turn waits for the bad one first; one that has learnt of "happy
    eyeballs" goes on with the next after a quarter of a second. A wrong value is refused with
    ``ValueError`` where it is assigned.
    """

    refuse = Knob[bool](False, "True or False", switch)
    """While True whoever connects to this address gets ``ConnectionRefusedError`` after a round
    trip."""

    unreachable = Knob[bool](False, "True or False", switch)
    """While True whoever connects to this address gets ``OSError`` (EHOSTUNREACH) after a round
    trip."""

    unanswered = Knob[bool](False, "True or False", switch)
    """While True whoever connects to this address gets no answer: ``TimeoutError`` (ETIMEDOUT)
    after 127 s, unless the program has given up before."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.turned: dict[str, Any] = {}

    def turn(self, name: str, value: Any) -> None:
        """Note what a knob was set to."""
        self.turned[name] = value


class Host:
    """A machine: code that it runs listens on its ports and connects from its addresses.

    Attributes:
        name: the first of its names; timelines call it that.
    """

    def __init__(self, network: Network, name: str, addresses: tuple[str, ...]) -> None:
        self.network = network
        self.name = name
        self._addresses = addresses
        self._faults: dict[str, AddressFaults] = {}
        self.ports = Ports(self)
        """What is bound to TCP."""
        self.listeners: dict[Address, Listener] = {}
        self.behind_443: int | None = None
        """Port of a program to which a proxy on this machine hands what comes to 443."""
        self.unix_listeners: dict[str, Listener | None] = {}
        """By path; None: the socket's file is there, and nobody listens."""
        self.datagram_ports = Ports(self)
        """What is bound to UDP."""
        self.datagrams: dict[Address, DatagramPort] = {}
        self.is_fake = False
        """What it opens is the simulation's own, and no program has to close it."""
        self.access_latency = 0.0
        """Seconds between this machine and the middle of the internet: a link that nobody has
        configured takes what both ends' add up to."""
        self._dns_delay = 0.0
        self._dns_failure: str | None = None
        self._next_port = _FIRST_EPHEMERAL_PORT

    def __repr__(self) -> str:
        return f"<Host {self.name} {' '.join(self._addresses)}>"

    @property
    def address(self) -> str:
        """Its IPv4 address, the first if it has several; without one, its IPv6 address."""
        return next((text for text in self._addresses if not is_ipv6(text)), self._addresses[0])

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its addresses, IPv4 and IPv6; by default one IPv4 address that the network chose.

        Assigning gives it others. Servers that listen everywhere are reached there from then on;
        open connections go on.

        Raises:
            ValueError: one is no address, or another host's; or a program is bound to one that
                would go.
        """
        return self._addresses

    @addresses.setter
    def addresses(self, value: Sequence[str]) -> None:
        self.network.readdress(self, value)

    @property
    def has_ipv6(self) -> bool:
        """It has an IPv6 address."""
        return any(map(is_ipv6, self._addresses))

    def at(self, address: str) -> AddressFaults:
        """Return what can go wrong with one of its addresses.

        Raises:
            ValueError: it is none of its addresses.
        """
        found = unmapped(address) if isinstance(address, str) else address
        if found not in self._addresses:
            raise wrong(f"host {self.name}", "at", f"one of {', '.join(self._addresses)}", address)
        return self._faults.setdefault(found, AddressFaults(f"host {self.name} at {found}"))

    def faults_at(self, name: Address | str) -> AddressFaults | None:
        """Return what is wrong with the address of a listener, None for nothing."""
        return self._faults.get(name[0]) if self._faults else None

    def own_form(self, address: str) -> str:
        """Return what an address means here.

        Without IPv6, ``::`` and ``::1`` mean the same in IPv4, so that a program that binds them
        is reached.
        """
        address = unmapped(address)
        if is_ipv6(address) and not self.has_ipv6:
            return {ANY6: ANY4, LOOPBACK6: LOOPBACK4}.get(address, address)
        return address

    def source_for(self, address: str) -> str:
        """Return the address from which this host sends to another.

        Raises:
            OSError: ENETUNREACH, it has none of that family.
        """
        if address in (LOOPBACK4, LOOPBACK6) or address in self._addresses:
            return address
        for own in self._addresses:
            if is_ipv6(own) == is_ipv6(address):
                return own
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

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
        """Serve an application here, as if behind TLS on port 443: ASGI by uvicorn, or aiohttp's.

        An application that is deployed under settings of its own says so in ``app.state.uvicorn``,
        as in ``{"ws": "wsproto"}``: it is served under them.

        Args:
            app: an ASGI application or aiohttp's, a function that makes one, ``async def main()``,
                or where to find it: ``"package.module:attribute"``.
            port: where it listens. A ``main`` listens by itself: what comes to port 443 is handed
                to this one, as by the proxy that stands before it in a deployment.

        Raises:
            AppError: there is no such application.
        """
        from .serve import AppServer

        server = AppServer(self, app, port)
        self.network.servers.append(server)
        return server

    def free_port(self, taken: Container[int] | None = None) -> int:
        """Return the next ephemeral port that no socket is bound to, or that is not in ``taken``.

        Raises:
            OSError: there is none.
        """
        if taken is None:
            taken = {binding.name[1] for binding in self.ports.bindings}
        for _ in range(_FIRST_EPHEMERAL_PORT, _LAST_PORT + 1):
            port, self._next_port = self._next_port, self._next_port + 1
            if self._next_port > _LAST_PORT:
                self._next_port = _FIRST_EPHEMERAL_PORT
            if port not in taken:
                return port
        raise OSError(errno.EADDRNOTAVAIL, f"host {self.name!r} has no port left")

    def listening(self, name: Address | str) -> dict[Any, Any]:
        """Return the table that a listener of this name, a path or (address, port), is in."""
        return self.unix_listeners if isinstance(name, str) else self.listeners

    def listener_at(self, name: Address | str) -> Listener | None:
        """Return what accepts connections to a path or to (address, port)."""
        if isinstance(name, str):
            return self.unix_listeners.get(name)
        found = self.listeners.get(name) or self._listens_everywhere(name)
        behind = self.behind_443
        if found is None and name[1] == 443 and behind is not None:
            return self.listener_at((name[0], behind)) or self.listener_at((LOOPBACK4, behind))
        return found

    def _listens_everywhere(self, name: Address) -> Listener | None:
        port = name[1]
        if not is_ipv6(name[0]):
            found = self.listeners.get((ANY4, port))
            if found is not None:
                return found
        found = self.listeners.get(sockaddr(ANY6, port))
        return found if found is None or found.both or is_ipv6(name[0]) else None

    def datagram_port_at(self, name: Address) -> DatagramPort | None:
        """Return what hears datagrams to (address, port)."""
        found = self.datagrams.get(name)
        if found is None and not is_ipv6(name[0]):
            found = self.datagrams.get((ANY4, name[1]))
        if found is None:
            found = self.datagrams.get(sockaddr(ANY6, name[1]))
            if found is not None and not found.both and not is_ipv6(name[0]):
                return None
        return found

    def forget(self, name: Address | str) -> None:
        """Listen there no longer; of a Unix socket the file stays."""
        if not isinstance(name, str):
            self.listeners.pop(name, None)
        elif name in self.unix_listeners:
            self.unix_listeners[name] = None
