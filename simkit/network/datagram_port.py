"""Datagram ports: bound UDP sockets, and how a datagram gets from one to another."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from .addresses import (
    ANY4,
    ANY6,
    LOOPBACK4,
    LOOPBACK6,
    Address,
    family_of,
    is_ipv6,
    mapped,
    sockaddr,
    unmapped,
)
from .ports import Binding
from .waiters import Waiters, not_ready

if TYPE_CHECKING:
    from .names import NamingLoop

MAX_DATAGRAM = 65_507
"""Bytes that fit into one IPv4 datagram behind the headers of IP and UDP."""
MAX_DATAGRAM6 = 65_527
"""The same in IPv6, whose own header does not count."""

RECEIVE_BUFFER = 212_992
"""Bytes that wait at a port at most, as on Linux; what does not fit is lost."""


class DatagramPort:
    """One bound UDP socket.

    Attributes:
        local: (address, port) that it is bound to.
        peer: where it is connected to, or None.
    """

    def __init__(self, loop: NamingLoop, binding: Binding) -> None:
        self._loop = loop
        self._host = binding.ports.host
        self._binding = binding
        self.local = binding.name
        self.peer: Address | None = None
        self.readers = Waiters(loop)
        self.on_ready: Callable[[], object] = self.readers.wake
        """Called as something arrives: a datagram, or an error."""
        self._queue: deque[tuple[bytes, Address]] = deque()
        self._queued = 0
        self._error: OSError | None = None
        self._host.datagrams[self.local] = self

    def connect(self, peer: Address) -> None:
        """Send to ``peer``, and hear nobody else.

        Raises:
            UnknownHostError: it is not part of the simulation.
            OSError: ENETUNREACH, there is no way from here to an address of that family.
        """
        plain = self._plain(peer[0])
        source = self._source(plain)
        if self.local[0] in (ANY4, ANY6):
            self.local = self._shown(source, self.local[1])
        self.peer = self._shown(plain, peer[1])

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
        plain = self._plain(to[0])
        if len(data) > (MAX_DATAGRAM6 if is_ipv6(plain) else MAX_DATAGRAM):
            raise OSError(errno.EMSGSIZE, "Message too long")
        source = sockaddr(self._source(plain), self.local[1])
        target = self._loop.network.resolve(plain, self._host)
        address = sockaddr(plain, to[1])
        link = self._loop.network.link(self._host, target)
        there, back = link.towards(target.name), link.towards(self._host.name)
        calendar = self._loop.calendar

        def arrive() -> None:
            port = target.datagram_port_at(address)
            if port is None:
                calendar.at(calendar._now + back.latency_ns, lambda: self._refused(to))
            else:
                port._arrived(data, port._shown(*source[:2]))

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
        self._binding.release()
        if self._host.datagrams.get(self._binding.name) is self:
            del self._host.datagrams[self._binding.name]

    @property
    def both(self) -> bool:
        """Bound to ``::``, and takes IPv4, too."""
        return self._binding.both

    def _plain(self, name: str) -> str:
        """Return the address that a name, or an address as this socket writes it, means."""
        host = self._host
        there = name if host.has_ipv6 else host.own_form(name)
        family = family_of(self._binding.name[0])
        [there, *_] = self._loop.network.addresses_of(there, host, family)
        there = unmapped(there)
        return {ANY4: LOOPBACK4, ANY6: LOOPBACK6}.get(there, there)

    def _source(self, plain: str) -> str:
        """Return the address that a datagram to another comes from."""
        bound = unmapped(self.local[0])
        if bound == ANY4 or (bound == ANY6 and (self.both or is_ipv6(plain))):
            return self._host.source_for(plain)
        if is_ipv6(bound) != is_ipv6(plain):
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        return bound

    def _shown(self, address: str, port: int) -> Address:
        """Return an address as this socket shows it."""
        six = is_ipv6(self._binding.name[0])
        return sockaddr(mapped(address) if six else address, port)

    def _arrived(self, data: bytes, sender: Address) -> None:
        if self.peer not in (None, sender) or self._queued + len(data) > RECEIVE_BUFFER:
            return
        self._queue.append((data, sender))
        self._queued += len(data)
        self.on_ready()

    def _refused(self, by: Address) -> None:
        """ICMP says that the port is closed; only a connected socket gets to know."""
        if self.peer is not None and self.peer[:2] == by[:2]:
            self._error = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
            self.on_ready()
