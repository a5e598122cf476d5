"""Where the bridge listens: a URL on this machine, checked."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from .errors import BridgeError

_EXPECTED = "expected http://127.0.0.1:PORT, with the path of its voice webhook if it has another"


@dataclass(frozen=True)
class BridgeAddress:
    """Where a bridge listens on this machine, behind what is its public URL."""

    host: str
    port: int
    path: str = ""
    """Of its voice webhook; empty where nobody said."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{self.path}"


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by its name or address.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "example.com")]
    [True, True, True, False]
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bridge_address(url: str) -> BridgeAddress:
    """Read where a bridge listens.

    Raises:
        BridgeError: no http URL of this machine.

    >>> bridge_address("http://127.0.0.1:3000/incoming-call")
    BridgeAddress(host='127.0.0.1', port=3000, path='/incoming-call')
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:  # a port that is none, half an IPv6 address
        raise BridgeError(f"bridge {url!r}: {error}; {_EXPECTED}") from None
    if parts.scheme != "http":
        hint = "; TLS is its proxy's, and left out" if parts.scheme == "https" else ""
        raise BridgeError(f"bridge {url!r}: not an http URL{hint}; {_EXPECTED}")
    if not host:
        raise BridgeError(f"bridge {url!r}: no host; {_EXPECTED}")
    if not is_loopback(host):
        raise BridgeError(
            f"bridge {url!r}: {host} is not this machine, and nothing leaves it; {_EXPECTED}"
        )
    if parts.query or parts.fragment or parts.username is not None:
        raise BridgeError(f"bridge {url!r}: only host, port and path count; {_EXPECTED}")
    if port == 0:
        raise BridgeError(f"bridge {url!r}: port 0 is nobody's; {_EXPECTED}")
    return BridgeAddress(host, port or 80, "" if parts.path == "/" else parts.path)
