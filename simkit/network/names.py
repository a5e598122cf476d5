"""Names: a loop that knows its network, and resolves there."""

from __future__ import annotations

import socket
import weakref
from typing import TYPE_CHECKING

from ..kernel.realm import EPOCH_NS
from .addresses import Address, family_of, sockaddr
from .internet import Network
from .refused import RefusingLoop

if TYPE_CHECKING:
    from .stream import StreamTransport
    from .wrapping import Wrapped

AddressInfo = tuple[int, int, int, str, Address]


class NamingLoop(RefusingLoop):
    """A loop with a :class:`Network`, whose names it resolves."""

    def __init__(self, seed: int = 0, *, epoch_ns: int = EPOCH_NS, trail: bool = False) -> None:
        super().__init__(seed, epoch_ns=epoch_ns, trail=trail)
        self.network = Network(self)
        self.undecided: dict[bytes, weakref.ref[Wrapped]] = {}
        """SSL objects of which it is not known yet to which connection they belong."""
        self.undecided_number = 0

    def decided(self, data: bytes, transport: StreamTransport | None = None) -> bytes:
        """Return what is sent for ``data``, which may be the token of an undecided SSL object."""
        found = self.undecided.pop(data, None)
        wrapped = None if found is None else found()
        return data if wrapped is None else wrapped.decide(transport)

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
        """Resolve a name of this network: one entry for each address.

        Raises:
            UnknownHostError: the name is not part of the simulation.
            socket.gaierror: its host has a ``dns_failure``, or no address of that family.
        """
        if family not in (0, socket.AF_INET, socket.AF_INET6):
            raise socket.gaierror(socket.EAI_FAMILY, "ai_family not supported")
        name = host.decode("ascii") if isinstance(host, bytes) else (host or "")
        if not flags & socket.AI_NUMERICHOST:
            await self.network.look_up(name)
        source = self.network.current()
        addresses = self.network.addresses_of(name, source, family, flags)
        kind = type or socket.SOCK_STREAM
        proto = proto or (socket.IPPROTO_UDP if kind == socket.SOCK_DGRAM else socket.IPPROTO_TCP)
        number = port_number(port)
        infos: list[AddressInfo] = [
            (family_of(address), kind, proto, "", sockaddr(address, number))
            for address in addresses
        ]
        if flags & socket.AI_CANONNAME:
            canonical = self.network.resolve(name, source).name
            infos[0] = (*infos[0][:3], canonical, infos[0][4])
        return infos

    async def getnameinfo(self, sockaddr: Address, flags: int = 0) -> tuple[str, str]:
        """Return the name of an address, and its port."""
        if flags & socket.NI_NUMERICHOST:
            return sockaddr[0], str(sockaddr[1])
        host = self.network.resolve(sockaddr[0], self.network.current())
        return host.name, str(sockaddr[1])


def port_number(port: str | bytes | int | None) -> int:
    """Return a port, given as a number or by the name of its service; 0 for none.

    Raises:
        socket.gaierror: there is no such service.
    """
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
