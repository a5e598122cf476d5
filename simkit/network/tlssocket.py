"""Blocking TLS on a socket in memory: elided where its other end is, or for real."""

from __future__ import annotations

import socket
import ssl
from asyncio import sslproto
from collections.abc import Callable
from typing import Any, TypeVar

from .adopted import AdoptedSocket, hand_over
from .connections import Opened
from .stream import StreamTransport
from .tls import REAL_WRAP_BIO, ElidedSSLObject

T = TypeVar("T")

_READ = 65_536


def elides_for_socket(opened: Opened, server_side: bool) -> bool:
    """Tell whether TLS is to be elided on a connection that a socket has.

    As for transports, its other end decides; between two sockets it is real.
    """
    peer = opened.incoming.writer
    if isinstance(peer, StreamTransport):
        has_records = isinstance(peer.get_protocol(), sslproto.SSLProtocol)
        return not has_records and (not server_side or bool(peer.get_extra_info("sslcontext")))
    return not server_side and opened.listener.backlog is None and not opened.listener.sslcontext


class TLSSocket(ssl.SSLSocket):
    """What ``SSLContext.wrap_socket`` returns for a socket in memory.

    Its records are made by an ``ssl.SSLObject`` and travel through the simulated connection.
    """

    # SSLSocket's own, which the type stubs do not tell of.
    _context: ssl.SSLContext
    _session: Any
    _closed: bool
    _connected: bool
    _checkClosed: Callable[[], None]  # noqa: N815
    do_handshake_on_connect: bool
    suppress_ragged_eofs: bool

    _object: Any
    _incoming: ssl.MemoryBIO
    _outgoing: ssl.MemoryBIO

    @classmethod
    def wrap(
        cls,
        context: ssl.SSLContext,
        sock: socket.socket,
        *,
        elided: bool,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | None = None,
        session: Any = None,
    ) -> TLSSocket:
        """Take over a connected socket.

        Raises:
            ssl.SSLError: the handshake failed.
            OSError: the socket is not connected.
        """
        sock.getpeername()
        if context.check_hostname and not server_hostname and not server_side:
            raise ValueError("check_hostname requires server_hostname")
        timeout = sock.gettimeout()
        self = cls.__new__(cls)
        socket.socket.__init__(
            self, family=sock.family, type=sock.type, proto=sock.proto, fileno=sock.fileno()
        )
        hand_over(sock, self)
        sock.detach()
        self.settimeout(timeout)
        self._context = context
        self._session = session
        self._closed = False
        self._connected = True
        self.server_side = server_side
        self.server_hostname = server_hostname
        self.do_handshake_on_connect = do_handshake_on_connect
        self.suppress_ragged_eofs = suppress_ragged_eofs
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        bios = self._incoming, self._outgoing
        if elided:
            self._object = ElidedSSLObject(context, *bios, server_hostname)
            self._object.server_side = server_side
        else:
            self._object = REAL_WRAP_BIO(context, *bios, server_side, server_hostname, session)
        self._sslobj = self._object
        if do_handshake_on_connect:
            try:
                self.do_handshake()
            except BaseException:
                self.close()
                raise
        return self

    # Below the records

    getsockname = AdoptedSocket.getsockname
    getpeername = AdoptedSocket.getpeername
    _now = AdoptedSocket._now

    def _drive(self, action: Callable[[], T]) -> T:
        """Do something of TLS, with as many records as it takes."""
        while True:
            try:
                done = action()
            except ssl.SSLWantReadError:
                self._flush()
                try:
                    data = AdoptedSocket.recv(self, _READ)  # type: ignore[arg-type]
                except BlockingIOError:
                    raise ssl.SSLWantReadError(
                        ssl.SSL_ERROR_WANT_READ, "The operation did not complete (read)"
                    ) from None
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
                continue
            self._flush()
            return done

    def _flush(self) -> None:
        data = memoryview(self._outgoing.read())
        while data:
            data = data[AdoptedSocket.send(self, data) :]  # type: ignore[arg-type]

    # What SSLSocket does on a descriptor

    def do_handshake(self, block: bool = False) -> None:
        """Perform the handshake."""
        self._drive(self._object.do_handshake)

    def read(self, len: int = 1024, buffer: Any = None) -> Any:  # noqa: A002
        """Return what has arrived, or how much of it was read into ``buffer``."""
        self._checkClosed()
        try:
            if buffer is None:
                return self._drive(lambda: self._object.read(len))
            return self._drive(lambda: self._object.read(len, buffer))
        except ssl.SSLEOFError:
            if not self.suppress_ragged_eofs:
                raise
            return b"" if buffer is None else 0

    def write(self, data: Any) -> int:
        """Send, and return how much."""
        self._checkClosed()
        return self._drive(lambda: self._object.write(data))  # type: ignore[no-any-return]

    def send(self, data: Any, flags: int = 0) -> int:
        """Send, and return how much."""
        return self.write(data)

    def unwrap(self) -> Any:
        """Say goodbye to the other end, and go on without TLS."""
        self._drive(self._object.unwrap)
        return self

    def shutdown(self, how: int) -> None:
        """Close the sending direction, without a goodbye."""
        self._checkClosed()
        AdoptedSocket.shutdown(self, how)  # type: ignore[arg-type]

    def _real_close(self) -> None:
        self._sslobj = None
        AdoptedSocket._real_close(self)  # type: ignore[arg-type]
