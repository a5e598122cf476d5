"""Ports: which addresses and port numbers of a host are taken, and by whom."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from .addresses import ANY4, ANY6, LOOPBACK4, LOOPBACK6, Address, is_ipv6, sockaddr

if TYPE_CHECKING:
    from .hosts import Host


class Binding:
    """What one socket is bound to.

    Attributes:
        name: address and port.
        both: an IPv6 socket that is bound to ``::`` takes IPv4, too.
        shares: SO_REUSEADDR: others that say so may be bound there, while nobody listens.
        listens: it takes connections.
    """

    __slots__ = ("both", "listens", "name", "ports", "shares")

    def __init__(self, ports: Ports, name: Address, both: bool, shares: bool) -> None:
        self.ports = ports
        self.name = name
        self.both = both
        self.shares = shares
        self.listens = False

    def overlaps(self, other: Binding) -> bool:
        """Tell whether something could be sent to both."""
        if self.name[1] != other.name[1]:
            return False
        return self.name[0] == other.name[0] or self._covers(other) or other._covers(self)

    def _covers(self, other: Binding) -> bool:
        if self.name[0] == ANY4:
            return not is_ipv6(other.name[0])
        return self.name[0] == ANY6 and (self.both or is_ipv6(other.name[0]) or other.both)

    def listen(self) -> None:
        """Take connections.

        Raises:
            OSError: somebody does so already.
        """
        for other in self.ports.bindings:
            if other is not self and other.listens and other.overlaps(self):
                raise OSError(errno.EADDRINUSE, "Address already in use")
        self.listens = True

    def release(self) -> None:
        """Let others have the port; again has no effect."""
        self.ports.bindings.pop(self, None)


class Ports:
    """The ports of one host, of TCP or of UDP."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.bindings: dict[Binding, None] = {}

    def bind(self, address: str, port: int, *, both: bool = False, shares: bool = False) -> Binding:
        """Take a port, 0 for any, of an address or of a wildcard.

        Raises:
            OSError: it is taken, or the address belongs to another machine.
        """
        host = self.host
        address = host.own_form(address)
        if address not in (ANY4, ANY6, LOOPBACK4, LOOPBACK6, *host.addresses):
            own = ", ".join(host.addresses)
            raise OSError(
                errno.EADDRNOTAVAIL,
                f"could not bind on any address out of [{sockaddr(address, port)!r}]: "
                f"host {host.name!r} has {own} and {LOOPBACK4}",
            )
        if port == 0:
            port = host.free_port({binding.name[1] for binding in self.bindings})
        return self.take(sockaddr(address, port), both=both, shares=shares)

    def take(self, name: Address, *, both: bool = False, shares: bool = False) -> Binding:
        """Take a port of an address, whether or not it is the host's.

        Raises:
            OSError: it is taken.
        """
        new = Binding(self, name, both, shares)
        for taken in self.bindings:
            if taken.overlaps(new) and not (taken.shares and shares and not taken.listens):
                raise OSError(
                    errno.EADDRINUSE,
                    f"error while attempting to bind on address {name!r}: "
                    f"address already in use on host {self.host.name!r}",
                )
        self.bindings[new] = None
        return new
