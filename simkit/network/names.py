"""Names: a loop that knows its network, and resolves there."""

from __future__ import annotations

import socket

from ..kernel.realm import EPOCH_NS
from .hosts import Network
from .refused import RefusingLoop
from .sockets import Address

AddressInfo = tuple[int, int, int, str, Address]


class NamingLoop(RefusingLoop):
    """A loop with a :class:`Network`, whose names it resolves."""

    def __init__(self, seed: int = 0, *, epoch_ns: int = EPOCH_NS, trail: bool = False) -> None:
        super().__init__(seed, epoch_ns=epoch_ns, trail=trail)
        self.network = Network(self)

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
