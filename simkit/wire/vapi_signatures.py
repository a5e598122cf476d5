"""How Vapi's webhooks prove where they come from: credentials that the account keeps for servers.

Fields and defaults are those of Vapi's OpenAPI description. The unit of the timestamp is not
documented; it is seconds here, as in other schemes of this kind.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from typing import Literal

Algorithm = Literal["sha256", "sha512", "sha1"]


@dataclass(frozen=True)
class Bearer:
    """A token in a header: ``Authorization: Bearer <token>``, or any other header."""

    token: str
    header_name: str = "Authorization"
    prefix: str = "Bearer "

    def headers(self, method: str, url: str, body: bytes, *, at: int, key: str) -> dict[str, str]:
        """Return the headers of a request."""
        return {self.header_name: self.prefix + self.token}


@dataclass(frozen=True)
class Hmac:
    """A signature over the request, with its time.

    >>> key = Hmac("secret")
    >>> key.headers("POST", "https://host/hook", b"{}", at=1700000000, key="")["x-timestamp"]
    '1700000000'
    """

    secret_key: str
    algorithm: Algorithm = "sha256"
    signature_header: str = "x-signature"
    timestamp_header: str = "x-timestamp"
    signature_prefix: str = ""
    include_timestamp: bool = True
    payload_format: str = "{timestamp}.{body}"
    """May also hold ``{method}``, ``{url}`` and ``{svix-id}``."""
    message_id_header: str = ""
    signature_encoding: Literal["hex", "base64"] = "hex"
    secret_is_base64: bool = False

    def headers(self, method: str, url: str, body: bytes, *, at: int, key: str) -> dict[str, str]:
        """Return the headers of a request.

        Args:
            method: ``POST``.
            url: as configured.
            body: as sent.
            at: epoch seconds.
            key: identity of the message.
        """
        found = {
            self.signature_header: self.signature_prefix
            + self._sign(method, url, body, timestamp=str(at), key=key)
        }
        if self.include_timestamp:
            found[self.timestamp_header] = str(at)
        if self.message_id_header:
            found[self.message_id_header] = key
        return found

    def is_valid(
        self,
        headers: dict[str, str],
        body: bytes,
        *,
        now: float,
        window: float = 300.0,
        method: str = "POST",
        url: str = "",
    ) -> bool:
        """Check a request as its server should: its signature, and that it is no replay.

        Args:
            headers: names in lower case.
            body: as received.
            now: epoch seconds.
            window: how far the timestamp may be from now, either way, where there is one.
            method: of the request.
            url: as configured.
        """
        timestamp = headers.get(self.timestamp_header.lower(), "")
        key = headers.get(self.message_id_header.lower(), "")
        given = headers.get(self.signature_header.lower(), "").removeprefix(self.signature_prefix)
        right = self._sign(method, url, body, timestamp=timestamp, key=key)
        if not hmac.compare_digest(given.encode("utf-8", "replace"), right.encode()):
            return False
        if not self.include_timestamp:
            return True
        return timestamp.isdecimal() and len(timestamp) < 15 and abs(now - int(timestamp)) <= window

    def _sign(self, method: str, url: str, body: bytes, *, timestamp: str, key: str) -> str:
        parts = {
            "timestamp": timestamp.encode("utf-8", "replace"),
            "method": method.encode(),
            "url": url.encode(),
            "svix-id": key.encode("utf-8", "replace"),
            "body": body,
        }
        # Each once and from left to right: a body may hold what looks like a placeholder.
        payload, rest = b"", self.payload_format.encode()
        while rest:
            before, opened, after = rest.partition(b"{")
            name, closed, left = after.partition(b"}")
            payload += before
            if not opened:
                break
            known = parts.get(name.decode("utf-8", "replace")) if closed else None
            payload += b"{" if known is None else known
            rest = after if known is None else left
        encoded = self.secret_key.encode()
        secret = base64.b64decode(encoded) if self.secret_is_base64 else encoded
        digest = hmac.new(secret, payload, self.algorithm).digest()
        if self.signature_encoding == "base64":
            return base64.b64encode(digest).decode()
        return digest.hex()


Credential = Bearer | Hmac

SEED_DIALECT = {
    "signature_header": "x-vapi-signature",
    "include_timestamp": False,
    "payload_format": "{url}{body}",
}
"""What :class:`Hmac` needs to sign as the seed articles expect: the URL and then the body."""
