"""TLS of libraries that make the records by themselves, as anyio and httpcore do.

Such a library asks an SSL context for an object between two buffers of bytes, and only it knows
which connection the bytes belong to. So the object begins with a token in place of its first
record; the transport that is to send the token is the connection. What stands at its other end
decides whether TLS is elided there, as with ``start_tls``.
"""

from __future__ import annotations

import ssl
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .internet import UnknownHostError
from .starttls import elides
from .stream import StreamTransport
from .tls import REAL_WRAP_BIO, ElidedSSLObject

if TYPE_CHECKING:
    from .names import NamingLoop

_HANDSHAKE_RECORD = b"\x16\x03"
"""What every TLS connection begins with."""


class Wrapped:
    """Stands for an ``ssl.SSLObject`` until it is known whether TLS is elided."""

    def __init__(
        self,
        loop: NamingLoop,
        elided: ElidedSSLObject,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        make_real: Callable[[], ssl.SSLObject],
    ) -> None:
        self._loop = loop
        self._elided = elided
        self._incoming = incoming
        self._outgoing = outgoing
        self._make_real = make_real
        self._object: Any = None
        self._token: bytes | None = None
        self._failure: ssl.SSLError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._elided if self._object is None else self._object, name)

    def __del__(self) -> None:
        if self._token is not None:
            self._loop.undecided.pop(self._token, None)

    def do_handshake(self) -> None:
        """Find out what to do, then do it.

        Raises:
            ssl.SSLWantReadError: something has to arrive first.
            ssl.SSLWantWriteError: something has to be sent first.
            ssl.SSLError: the handshake failed.
        """
        if self._failure is not None:
            raise self._failure
        if self._object is None:
            if self._elided.server_side:
                self._look_at_the_client()
            else:
                self._ask()
        self._object.do_handshake()

    def write(self, data: Any) -> int:
        """Send bytes; the token of another object, of TLS within TLS, gets no further."""
        if self._loop.undecided:
            rest = self._loop.decided(bytes(data))
            return self._object.write(rest) if rest else len(data)
        return self._object.write(data)  # type: ignore[no-any-return]

    def _ask(self) -> None:
        if self._token is None:
            self._loop.undecided_number += 1
            self._token = b"simkit: which connection carries %d?" % self._loop.undecided_number
            self._loop.undecided[self._token] = weakref.ref(self)
            self._outgoing.write(self._token)
            raise ssl.SSLWantWriteError(
                ssl.SSL_ERROR_WANT_WRITE, "The operation did not complete (write)"
            )
        if self._incoming.eof:
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "EOF occurred in violation of protocol")
        raise _want_read()

    def _look_at_the_client(self) -> None:
        """Choose what the client chose: a server hears of it in the first bytes."""
        begin = self._loop.decided(self._incoming.read())
        if not begin and not self._incoming.eof:
            raise _want_read()
        self._incoming.write(begin)
        is_real = begin.startswith(_HANDSHAKE_RECORD)
        self._object = self._make_real() if is_real else self._elided

    def decide(self, transport: StreamTransport | None) -> bytes:
        """Choose, and return what is sent in place of the token.

        Args:
            transport: the connection; None where it is not known.
        """
        network = self._loop.network
        name = self._elided.server_hostname
        if transport is None or self._leads_further(transport):
            elide = not network.speaks_tls(name)
        else:
            elide = elides(transport, server_side=False)
            transport.tls_is_elided = elide
        if elide:
            self._object = self._elided
            return b""
        try:
            self._object = self._make_real()
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self._failure = error
        return self._outgoing.read()

    def _leads_further(self, transport: StreamTransport) -> bool:
        """Tell whether the connection leads to a proxy, and the TLS through it to somebody else."""
        network, here = self._loop.network, self._loop.network.current()
        peer = transport.get_extra_info("peername")
        try:
            named = network.resolve(self._elided.server_hostname or "", here)
        except UnknownHostError:
            return False
        return bool(
            self._elided.server_hostname and peer and named is not network.resolve(peer[0], here)
        )


def wrapping(loop: NamingLoop) -> Callable[..., Any]:
    """Make a replacement for ``SSLContext.wrap_bio``, for programs on ``loop``."""

    def wrap_bio(
        real: Callable[..., Any],
        context: ssl.SSLContext,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: Any = None,
    ) -> Any:
        name = server_hostname.decode() if isinstance(server_hostname, bytes) else server_hostname
        elided = ElidedSSLObject(context, incoming, outgoing, name)
        elided.server_side = server_side
        if server_side:
            loop.network.has_certificates = True
        elif not loop.network.has_certificates:
            return elided  # nobody can be at the other end who speaks TLS

        def make_real() -> Any:
            return REAL_WRAP_BIO(context, incoming, outgoing, server_side, name, session)

        return Wrapped(loop, elided, incoming, outgoing, make_real)

    return wrap_bio


def _want_read() -> ssl.SSLWantReadError:
    return ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "The operation did not complete (read)")
