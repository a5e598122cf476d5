"""Addresses: IPv4 and IPv6, as programs write them and as sockets name them."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import Any

from .knobs import wrong

Address = tuple[str, int] | tuple[str, int, int, int]
"""Where a socket is: (address, port) in IPv4, (address, port, 0, 0) in IPv6."""

ANY4, ANY6 = "0.0.0.0", "::"  # noqa: S104 - names of addresses, nothing is bound
LOOPBACK4, LOOPBACK6 = "127.0.0.1", "::1"
LOOPBACK_NAMES = ("localhost", "ip6-localhost")
NOT_ASKED_FOR = (ANY4, ANY6, LOOPBACK4, LOOPBACK6)
"""Addresses that mean the machine itself."""

ALLOWED = (
    "a list of IPv4 and IPv6 addresses that a machine can have, such as "
    "['192.0.2.7', '2001:db8::7']"
)


def is_ipv6(address: str) -> bool:
    """Tell an IPv6 address from an IPv4 one."""
    return ":" in address


def family_of(address: str) -> socket.AddressFamily:
    """Return AF_INET6 or AF_INET."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def sockaddr(address: str, port: int) -> Address:
    """Return how a socket names an address and a port.

    >>> sockaddr("192.0.2.7", 80), sockaddr("2001:db8::7", 80)
    (('192.0.2.7', 80), ('2001:db8::7', 80, 0, 0))
    """
    return (address, port, 0, 0) if ":" in address else (address, port)


def literal(name: str) -> str | None:
    """Return an address in its usual form, None for what is a name.

    >>> literal("2001:DB8:0::7"), literal("192.0.2.7"), literal("bridge.example.com")
    ('2001:db8::7', '192.0.2.7', None)
    """
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return None


def mapped(address: str) -> str:
    """Return an address as an IPv6 socket shows it: IPv4 has a place within IPv6.

    >>> mapped("192.0.2.7"), mapped("2001:db8::7")
    ('::ffff:192.0.2.7', '2001:db8::7')
    """
    return address if ":" in address else f"::ffff:{address}"


def unmapped(address: str) -> str:
    """Return the address itself, of one that :func:`mapped` may have made.

    >>> unmapped("::ffff:192.0.2.7"), unmapped("::FFFF:c000:207"), unmapped("2001:DB8::7")
    ('192.0.2.7', '192.0.2.7', '2001:db8::7')
    """
    if ":" not in address:
        return address
    try:
        found = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    return str(found.ipv4_mapped or found)


def checked_addresses(where: str, value: Any) -> tuple[str, ...]:
    """Return addresses in their usual form.

    Raises:
        ValueError: one of them is none, or none that a machine can have; there is none, or one
            twice.
    """
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise wrong(where, "addresses", ALLOWED, value)
    found: list[str] = []
    for text in value:
        address = _machine_address(text)
        if address is None or address in found:
            raise wrong(where, "addresses", ALLOWED, text)
        found.append(address)
    if not found:
        raise wrong(where, "addresses", ALLOWED, value)
    return tuple(found)


def _machine_address(text: Any) -> str | None:
    if not isinstance(text, str):
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    unusable = address.is_unspecified or address.is_loopback or address.is_multicast
    if isinstance(address, ipaddress.IPv6Address):
        # Addresses of one link only need a zone, and nothing here has several links to one peer.
        unusable = unusable or address.is_link_local or address.ipv4_mapped is not None
    elif text == "255.255.255.255":
        unusable = True
    return None if unusable else str(address)
