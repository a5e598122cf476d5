"""Ways out of a simulation: real sockets, the machine's resolver, TLS. Closed, or led to memory."""

from __future__ import annotations

import ipaddress
import select
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .errors import OutsideWorldError
from .inside import get_ident, realms

if TYPE_CHECKING:
    from .realm import Realm

_REAL_WRAP_BIO = ssl.SSLContext.wrap_bio
_REAL_WRAP_SOCKET = ssl.SSLContext.wrap_socket


def _refusing(name: str) -> Callable[..., Any]:
    """Wrap a method of real sockets so that it refuses inside a simulation without a network."""
    real = getattr(socket.socket, name)

    def guarded(sock: socket.socket, *args: Any) -> Any:
        realm = realms.get(get_ident())
        if realm is not None:
            if realm.sockets is not None and name != "sendmsg" and _in_worker(realm):
                return getattr(realm.sockets, name)(sock, *args)
            raise OutsideWorldError(
                f"socket.{name}{args!r} would leave the simulation through a real socket: only "
                "asyncio connections to simulated hosts exist here. Use the loop's own "
                "create_connection, give blocking calls to asyncio.to_thread, or stub the "
                "service with sim.http or sim.host(name)"
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
    """Wrap a look-up of the machine's resolver: a worker thread asks the simulated network."""
    real = getattr(socket, name)

    def guarded(host: Any, *args: Any, **options: Any) -> Any:
        realm = realms.get(get_ident())
        if realm is not None and realm.sockets is not None and _in_worker(realm):
            return realm.sockets.look_up(name, (host, *args), options)
        if realm is not None and host is not None and not _is_literal(host):
            raise OutsideWorldError(
                f"socket.{name}({host!r}) would ask the machine's resolver: names exist in the "
                "simulation for await loop.getaddrinfo(), for asyncio connections and for "
                "asyncio.to_thread"
            )
        return real(host, *args, **options)

    return guarded


def _polling(name: str) -> Callable[..., Any]:
    """Wrap a function of :mod:`select` so that it knows of sockets in memory."""
    real = getattr(select, name)

    def guarded(*args: Any) -> Any:
        realm = realms.get(get_ident())
        if realm is None or realm.sockets is None or not _in_worker(realm):
            return real(*args)
        return getattr(realm.sockets, name)(real, *args)

    return guarded


def _in_worker(realm: Realm) -> bool:
    """Tell whether the calling thread may block: it is not the loop's own."""
    return realm.threads is not None and realm.threads.running() is not None


def _is_literal(host: Any) -> bool:
    try:
        ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host)
    except ValueError:
        return False
    return True


def _wrap_socket(context: ssl.SSLContext, sock: Any, *args: Any, **options: Any) -> Any:
    realm = realms.get(get_ident())
    if realm is None or realm.sockets is None or not realm.sockets.is_adopted(sock):
        return _REAL_WRAP_SOCKET(context, sock, *args, **options)
    return realm.sockets.wrap_socket(context, sock, *args, **options)


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
    (ssl.SSLContext, "wrap_socket", _wrap_socket),
    *((select, name, _polling(name)) for name in ("select", "poll") if hasattr(select, name)),
]
