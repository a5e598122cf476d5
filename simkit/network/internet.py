"""The internet: all hosts, their names and the links between them."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .addresses import (
    ANY4,
    ANY6,
    LOOPBACK4,
    LOOPBACK6,
    LOOPBACK_NAMES,
    NOT_ASKED_FOR,
    checked_addresses,
    is_ipv6,
    literal,
    mapped,
    sockaddr,
    unmapped,
)
from .hosts import DNS_FAILURES, Host, Listener, current_host
from .knobs import wrong
from .link import Link
from .openings import Openings
from .sockets import SimSocket

if TYPE_CHECKING:
    from .names import NamingLoop
    from .serve import AppServer


_NAME = re.compile(r"[^\s/:@?#]+")


class UnknownHostError(socket.gaierror):
    """A name was looked up that is not part of the simulation."""


class Network:
    """All hosts, their names and the links between them.

    A name that is not part of it fails to resolve, with an error that says how to add it: no
    packet ever leaves.
    """

    def __init__(self, loop: NamingLoop) -> None:
        self.loop = loop
        self._by_name: dict[str, Host] = {}
        self._by_address: dict[str, Host] = {}
        self._numbered = 0
        self._links: dict[frozenset[Host], Link] = {}
        self.find_host: Callable[[str], Host | None] = lambda name: None
        """Asked for a host when a name is not known here."""
        self.servers: list[AppServer] = []
        """What :meth:`Host.serve` was asked for, in order."""
        self.openings = Openings(self)
        """What is open."""
        self.on_refused: Callable[[str], object] = lambda name: None
        """Told of every name that was looked up and is not here."""
        self.on_backlog: Callable[[asyncio.Transport, int], object] = lambda transport, size: None
        """Told how many bytes wait to be sent, where they are many; 0: none any more."""
        self.on_disturbed: Callable[[str, str, Any, int, int | None], object] = lambda *what: None
        """Told which link gets which knob turned to what, from when on, until when if that is
        known."""
        self.has_certificates = False
        """Some program here has begun to speak TLS as a server."""
        self.home = self.host("home")
        """The host of code that was not started on any other."""

    def host(self, name: str, *aliases: str, addresses: Sequence[str] | None = None) -> Host:
        """Return the host called ``name``; make it, with its aliases, when it is new.

        Args:
            addresses: its IPv4 and IPv6 addresses; None: those it has, and one IPv4 address for a
                new host.

        Raises:
            ValueError: a name is none; an address is none, or another host's.
        """
        for one in (name, *aliases):
            if not isinstance(one, str) or not _NAME.fullmatch(one):
                raise ValueError(
                    f"host {one!r}: expected a name as bridge.example.com, without scheme, port or "
                    "path"
                )
        found = self._by_name.get(name.lower())
        if found is None:
            found = Host(self, name.lower(), ())
            self._give(found, (self._next_address(),) if addresses is None else addresses)
            self._by_name[found.name] = found
        elif addresses is not None:
            self.readdress(found, addresses)
        for alias in aliases:
            self._by_name[alias.lower()] = found
        return found

    def _next_address(self) -> str:
        while True:
            self._numbered += 1
            address = f"10.0.{self._numbered // 250}.{self._numbered % 250 + 1}"
            if address not in self._by_address:
                return address

    def readdress(self, host: Host, addresses: Sequence[str]) -> None:
        """Give a host other addresses; see :attr:`Host.addresses`.

        Raises:
            ValueError: one is no address, or another host's; or a program is bound to one that
                would go.
        """
        where = f"host {host.name}"
        found = checked_addresses(where, addresses)
        gone = {*host.addresses} - {*found}
        for binding in (*host.ports.bindings, *host.datagram_ports.bindings):
            name, port = binding.name[:2]
            if name in gone:
                allowed = f"a list with {name}, to which a program is bound at port {port}"
                raise wrong(where, "addresses", allowed, list(found))
        self._give(host, found)

    def _give(self, host: Host, addresses: Sequence[str]) -> None:
        where = f"host {host.name}"
        found = checked_addresses(where, addresses)
        for address in found:
            owner = self._by_address.get(address, host)
            if owner is not host:
                allowed = f"a list of addresses that no other host has ({owner.name} has {address})"
                raise wrong(where, "addresses", allowed, list(found))
        for address in host.addresses:
            del self._by_address[address]
        for address in found:
            self._by_address[address] = host
        host._addresses = found

    def link(self, a: str | Host, b: str | Host) -> Link:
        """Return the link between two hosts.

        Raises:
            ValueError: one of them is not part of the simulation.
        """
        first, second = self.known(a), self.known(b)
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
        host.is_fake = True
        for name in (sockaddr(ANY4, port), sockaddr(ANY6, port)):
            sock = SimSocket(name, binding=host.ports.take(name))
            sock.listen()
            host.listeners[name] = Listener(
                sock, protocol_factory, None, None, host.context(), None, None, loop=self.loop
            )

    def current(self) -> Host:
        """Return the host on which the calling code runs."""
        return current_host.get() or self.home

    def describe(self, address: Any, source: Host) -> str:
        """Write (address, port) with the host's name, as ``source`` sees it; a path as it is."""
        if not isinstance(address, tuple):
            return str(address)
        plain = unmapped(address[0])
        host = source if plain in (LOOPBACK4, LOOPBACK6) else self._by_address.get(plain)
        return f"{host.name if host is not None else plain}:{address[1]}"

    def resolve(self, name: str, source: Host) -> Host:
        """Return the host that ``name``, a host name or an address, means to ``source``.

        Raises:
            UnknownHostError: it means none.
        """
        name = unmapped(name.rstrip(".").lower())
        if is_own(name):
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
        name = unmapped(name.rstrip(".").lower())
        if is_own(name) or name in self._by_address:
            return
        host = self.resolve(name, self.current())
        if host._dns_delay:
            await asyncio.sleep(host._dns_delay)
        if host._dns_failure is not None:
            raise socket.gaierror(*DNS_FAILURES[host._dns_failure])

    def addresses_of(
        self, name: str | None, source: Host, family: int = 0, flags: int = 0
    ) -> list[str]:
        """Return what ``getaddrinfo`` answers to ``source``, in its order.

        IPv6 comes before IPv4 where ``source`` has an IPv6 address, behind it where it has none.

        Args:
            name: a host name or an address; None or "": this machine, every address with
                AI_PASSIVE.
            family: AF_INET or AF_INET6; 0 for both.
            flags: AI_PASSIVE, AI_NUMERICHOST, AI_ADDRCONFIG and AI_V4MAPPED are known.

        Raises:
            UnknownHostError: it is the name of no host.
            socket.gaierror: there is no such address.
        """
        name = (name or "").rstrip(".").lower()
        written = literal(name)
        if written is not None:
            return [self._as_asked(written, source, family, flags)]
        if flags & socket.AI_NUMERICHOST and name:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if not name and flags & socket.AI_PASSIVE:
            found = [ANY4, ANY6]
        elif not name or name in LOOPBACK_NAMES:
            found = [LOOPBACK6, LOOPBACK4]
        else:
            host = self.resolve(name, source)
            found = sorted(host.addresses, key=lambda address: is_ipv6(address) != source.has_ipv6)
            if flags & socket.AI_ADDRCONFIG:
                own = {is_ipv6(address) for address in source.addresses}
                found = [address for address in found if is_ipv6(address) in own]
            return self._of_family(host, found, family, flags)
        if not source.has_ipv6:
            return [address for address in found if not is_ipv6(address)]
        return self._of_family(source, found, family, flags)

    def _as_asked(self, written: str, source: Host, family: int, flags: int) -> str:
        """Return an address in the family that was asked for."""
        self.resolve(written, source)
        address = source.own_form(written) if unmapped(written) == written else written
        if family == socket.AF_INET6 and not is_ipv6(written):
            if flags & socket.AI_V4MAPPED:
                return mapped(written)
        elif family != socket.AF_INET or not is_ipv6(written):
            return address
        raise socket.gaierror(socket.EAI_ADDRFAMILY, "Address family for hostname not supported")

    def _of_family(self, host: Host, found: list[str], family: int, flags: int) -> list[str]:
        if family:
            wanted = family == socket.AF_INET6
            fitting = [address for address in found if is_ipv6(address) == wanted]
            if wanted and not fitting and flags & socket.AI_V4MAPPED:
                fitting = [mapped(address) for address in found]
            found = fitting
        if not found:
            raise socket.gaierror(
                socket.EAI_NODATA,
                f"No address associated with hostname, of the family that was asked for: host "
                f"{host.name!r} has {', '.join(host.addresses)}. Give it others with "
                f"sim.host({host.name!r}, addresses=[...])",
            )
        return found

    def speaks_tls(self, name: str | None) -> bool:
        """Tell whether the host called ``name`` has a listener with a certificate of its own."""
        if name is None:
            return False
        try:
            host = self.resolve(name, self.current())
        except UnknownHostError:
            return True
        return any(listener.sslcontext for listener in host.listeners.values())

    def known(self, host: str | Host) -> Host:
        """Return the host of that name.

        Raises:
            ValueError: there is none.
        """
        if isinstance(host, Host):
            return host
        found = self._by_name.get(host.lower())
        if found is None:
            known = ", ".join(sorted(self._by_name))
            raise ValueError(f"no host {host!r} in this simulation; there are: {known}")
        return found


def is_own(name: str) -> bool:
    """Tell a name or an address by which every machine means itself."""
    return name == "" or name in LOOPBACK_NAMES or name in NOT_ASKED_FOR
