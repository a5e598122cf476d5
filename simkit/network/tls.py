"""TLS, elided where the far end is a fake.

A client may ask for TLS; if what listens there was not given a certificate, both ends agree to
skip the records, so that timing stays exact and no certificates are needed. A server that brings
its own certificate gets a real handshake.
"""

from __future__ import annotations

import ssl
from typing import Any

REAL_WRAP_BIO = ssl.SSLContext.wrap_bio


class ElidedSSLObject:
    """Looks like an ``ssl.SSLObject`` and passes bytes through unchanged."""

    server_side = False

    def __init__(
        self,
        context: ssl.SSLContext,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_hostname: str | None,
    ) -> None:
        self.context = context
        self.server_hostname = server_hostname
        self.session = None
        self.session_reused = False
        self._incoming = incoming
        self._outgoing = outgoing

    def do_handshake(self) -> None:
        """Agree at once."""

    def read(self, size: int = 1024, buffer: Any = None) -> Any:
        """Return bytes, or their number when a buffer is given.

        Raises:
            ssl.SSLWantReadError: nothing has arrived yet.
        """
        data = self._incoming.read(size)
        if not data and not self._incoming.eof:
            raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "The operation did not complete")
        if buffer is None:
            return data
        buffer[: len(data)] = data
        return len(data)

    def write(self, data: Any) -> int:
        """Pass bytes on."""
        return self._outgoing.write(data)

    def unwrap(self) -> None:
        """Say goodbye silently."""

    def pending(self) -> int:
        """Return the number of bytes that can be read at once."""
        return self._incoming.pending

    def version(self) -> str:
        """Return the version a real peer would most likely speak."""
        return "TLSv1.3"

    def cipher(self) -> tuple[str, str, int]:
        """Return a cipher that goes with the version."""
        return ("TLS_AES_128_GCM_SHA256", "TLSv1.3", 128)

    def shared_ciphers(self) -> list[tuple[str, str, int]]:
        """Return the one cipher."""
        return [self.cipher()]

    def compression(self) -> None:
        """Return None: no compression."""

    def selected_alpn_protocol(self) -> None:
        """Return None: HTTP/1.1."""

    def selected_npn_protocol(self) -> None:
        """Return None."""

    def getpeercert(self, binary_form: bool = False) -> dict[str, Any] | None:
        """Return no certificate."""
        return None if binary_form else {}

    def get_channel_binding(self, cb_type: str = "tls-unique") -> None:
        """Return None."""


class Decided:
    """Stands for an SSL context for one connection of which it is known whether TLS is elided."""

    def __init__(self, context: ssl.SSLContext, elide: bool) -> None:
        self._context = context
        self._elide = elide

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | None = None,
    ) -> Any:
        """Make the object that was decided on; see ``ssl.SSLContext.wrap_bio``."""
        if not self._elide:
            return REAL_WRAP_BIO(self._context, incoming, outgoing, server_side, server_hostname)
        elided = ElidedSSLObject(self._context, incoming, outgoing, server_hostname)
        elided.server_side = server_side
        return elided
