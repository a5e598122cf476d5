"""Blocking sockets, in the program's worker threads: what ``requests`` and ``urllib`` stand on.

A call that blocks an operating system's thread waits in the simulation as the loop's own
``sock_*`` methods do, while the thread has given its turn back. In the loop's own thread nothing
could arrive meanwhile, so it is refused there.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from typing import Any

from ..kernel import OutsideWorldError
from .adopted import adopt, adopted
from .polling import Poll, select_in
from .raw import RawLoop
from .tlssocket import TLSSocket, elides_for_socket
from .waiters import block


class BlockingLoop(RawLoop):
    """The part of a loop that worker threads block on; called by the realm, in such a thread."""

    def connect(self, sock: socket.socket, address: Any) -> None:
        """Do what ``socket.connect`` does."""
        call = f"socket.connect({address!r})"
        if sock.gettimeout() == 0:
            raise OutsideWorldError(
                f"{call} on a non-blocking socket ends when a descriptor becomes writable, in "
                "real time: await loop.sock_connect() instead, or let it block in a thread"
            )
        block(self, call, lambda: self.sock_connect(sock, address), sock.gettimeout())

    def connect_ex(self, sock: socket.socket, address: Any) -> int:
        """Do what ``socket.connect_ex`` does."""
        try:
            self.connect(sock, address)
        except OutsideWorldError:
            raise
        except TimeoutError as error:
            return error.errno or errno.EAGAIN
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def sendto(self, sock: socket.socket, data: Any, *flags_and_address: Any) -> int:
        """Do what ``socket.sendto`` does: a datagram leaves at once."""
        return adopt(self, sock).datagrams().send(bytes(data), flags_and_address[-1])

    def look_up(self, name: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Do what a function of :mod:`socket` does that resolves names."""
        call = f"socket.{name}({args[0]!r})" if args else f"socket.{name}()"

        def ask(
            host: Any,
            port: Any,
            family: int = 0,
            type: int = 0,  # noqa: A002 - socket's own name
            proto: int = 0,
            flags: int = 0,
        ) -> Any:
            return block(
                self,
                call,
                lambda: self.getaddrinfo(
                    host, port, family=family, type=type, proto=proto, flags=flags
                ),
            )

        if name == "getaddrinfo":
            return [
                (
                    socket.AddressFamily(family),
                    socket.SocketKind(kind),
                    proto,
                    canonical,
                    address,
                )
                for family, kind, proto, canonical, address in ask(*args, **options)
            ]
        [host] = args
        found = ask(host, None, socket.AF_INET, socket.SOCK_STREAM)
        addresses = [address[0] for *_, address in found]
        if name == "gethostbyname":
            return addresses[0]
        asked = os.fsdecode(host)
        return (self.network.resolve(asked, self.network.current()).name, [], addresses)

    def is_adopted(self, sock: Any) -> bool:
        """Tell whether a socket has its other end in memory."""
        return isinstance(sock, socket.socket) and adopted(sock) is not None

    def wrap_socket(
        self, context: ssl.SSLContext, sock: socket.socket, **options: Any
    ) -> TLSSocket:
        """Do what ``ssl.SSLContext.wrap_socket`` does."""
        self.threads.catch_up()
        opened = adopt(self, sock).stream().opened
        elided = elides_for_socket(opened, bool(options.get("server_side")))
        return TLSSocket.wrap(context, sock, elided=elided, **options)

    def select(self, real: Any, *args: Any) -> Any:
        """Do what ``select.select`` does."""
        return select_in(self, real, *args)

    def poll(self, real: Any) -> Poll:
        """Do what ``select.poll`` does."""
        return Poll(self, real())
