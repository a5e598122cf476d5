"""Ways out of a simulation, closed: real sockets, the machine's resolver, TLS to fakes."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable
from typing import Any

from .errors import OutsideWorldError
from .inside import get_ident, realms

_REAL_WRAP_BIO = ssl.SSLContext.wrap_bio


def _refusing(name: str) -> Callable[..., Any]:
    """Wrap a method of real sockets so that it refuses inside a simulation."""
    real = getattr(socket.socket, name)

    def guarded(sock: socket.socket, *args: Any) -> Any:
        if get_ident() in realms:
            raise OutsideWorldError(
                f"socket.{name}{args!r} would leave the simulation through a real socket: only "
                "asyncio connections to simulated hosts exist here. Use the loop's own "
                "create_connection, or stub the service with sim.http or sim.host(name)"
            )
        return real(sock, *args)

    return guarded


def _in_memory(name: str) -> Callable[..., Any]:
    """Wrap a method of real sockets so that the simulated network does it inside a simulation."""
    real = getattr(socket.socket, name)

    def guarded(sock: socket.socket, *args: Any) -> Any:
        realm = realms.get(get_ident())
        if realm is None or realm.sockets is None:
            return real(sock, *args)
        return getattr(realm.sockets, name)(sock, *args)

    return guarded


def _not_asking(name: str) -> Callable[..., Any]:
    """Wrap a look-up of the machine's resolver so that it refuses inside a simulation."""
    real = getattr(socket, name)

    def guarded(host: Any, *args: Any, **options: Any) -> Any:
        if get_ident() in realms and host is not None and not _is_literal(host):
            raise OutsideWorldError(
                f"socket.{name}({host!r}) would ask the machine's resolver: names exist in the "
                "simulation only for await loop.getaddrinfo() and for asyncio connections"
            )
        return real(host, *args, **options)

    return guarded


def _is_literal(host: Any) -> bool:
    try:
        ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host)
    except ValueError:
        return False
    return True


def _elided_wrap_bio(context: ssl.SSLContext, *args: Any, **options: Any) -> Any:
    real = _REAL_WRAP_BIO
    realm = realms.get(get_ident())
    if realm is None or realm.wrap_bio is None:
        return real(context, *args, **options)
    return realm.wrap_bio(real, context, *args, **options)


PATCHES: list[tuple[Any, str, Any]] = [
    *(
        (socket.socket, name, _refusing(name))
        for name in ("connect", "connect_ex", "sendto", "sendmsg")
        if hasattr(socket.socket, name)
    ),
    *((socket.socket, name, _in_memory(name)) for name in ("bind", "listen")),
    *(
        (socket, name, _not_asking(name))
        for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr")
    ),
    (ssl.SSLContext, "wrap_bio", _elided_wrap_bio),
]
