"""Limits: how often something may happen, by source, in bounded memory. No clock of its own."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

_MAX_SOURCES = 10_000
_MAX_HOPS = 20


class Rate:
    """A token bucket, kept as the instant at which it will be full again.

    Args:
        per_second: how many may come per second, in the long run.
        burst: how many may come at once.
    """

    __slots__ = ("_full_at_ns", "_interval_ns", "_room_ns")

    def __init__(self, per_second: float, burst: int) -> None:
        self._interval_ns = round(1e9 / per_second)
        self._room_ns = self._interval_ns * burst
        self._full_at_ns = 0

    def take(self, now_ns: int) -> bool:
        """Count one; False when it is one too many."""
        full_at = self._full_at_ns
        if full_at < now_ns:
            full_at = now_ns
        if full_at + self._interval_ns - now_ns > self._room_ns:
            return False
        self._full_at_ns = full_at + self._interval_ns
        return True


class Limiter:
    """A token bucket per source.

    Sources beyond a bound push out those that were quiet for longest, whose buckets are the
    fullest.

    Args:
        per_second: how many may come per second and source, in the long run.
        burst: how many may come at once.
    """

    def __init__(self, per_second: float, burst: int) -> None:
        self._interval_ns = round(1e9 / per_second)
        self._room_ns = self._interval_ns * burst
        self._full_at_ns: OrderedDict[str, int] = OrderedDict()

    def has_room(self, source: str, now_ns: int) -> bool:
        """Tell whether :meth:`take` would succeed."""
        full_at = max(self._full_at_ns.get(source, 0), now_ns)
        return full_at + self._interval_ns - now_ns <= self._room_ns

    def take(self, source: str, now_ns: int) -> bool:
        """Count one; False when it is one too many."""
        if not self.has_room(source, now_ns):
            return False
        full_at = max(self._full_at_ns.get(source, 0), now_ns)
        self._full_at_ns[source] = full_at + self._interval_ns
        self._full_at_ns.move_to_end(source)
        if len(self._full_at_ns) > _MAX_SOURCES:
            self._full_at_ns.popitem(last=False)
        return True

    def __len__(self) -> int:
        return len(self._full_at_ns)


def source_of(peer: str, forwarded_for: Sequence[str], trusted: Iterable[Network]) -> str:
    """Return who counts as the source of a request.

    A proxy that is trusted is believed in who came to it, and so on towards the source; what
    stands further left anybody may have written.

    Args:
        peer: the address that the connection comes from.
        forwarded_for: the values of ``X-Forwarded-For``, in their order.
        trusted: the proxies.

    Returns:
        An IPv4 address, or the /64 network of an IPv6 address: one customer has all of it.

    >>> source_of("127.0.0.1", ["1.2.3.4, 203.0.113.9"], [ip_network("127.0.0.1")])
    '203.0.113.9'
    >>> source_of("2001:db8::1", [], [])
    '2001:db8::/64'
    """
    address = _address(peer)
    if address is None:
        return "unknown"
    proxies = list(trusted)
    hops = [hop for value in forwarded_for for hop in value.split(",")][-_MAX_HOPS:]
    for hop in reversed(hops):
        if not any(address in network for network in proxies):
            break
        before = _address(hop.strip())
        if before is None:
            break
        address = before
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address without port and zone; IPv4 in IPv6's clothes as what it is."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
