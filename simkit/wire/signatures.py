"""Twilio's request signature, as documented on its page on webhook security.

HMAC-SHA1 under the auth token over the full URL, then each form parameter's name and value,
sorted by name; repeated names contribute their distinct values, sorted. A JSON body is signed
through its SHA-256 in the query string.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, urlsplit, urlunsplit

Params = Mapping[str, str | list[str]]


def sign(token: str, url: str, params: Params | None = None) -> str:
    """Return the ``X-Twilio-Signature`` of a request.

    Args:
        token: the account's primary auth token.
        url: the URL as configured, query string included; a fragment and user:password are
            dropped.
        params: form parameters of a POST, decoded; None or empty for GET, JSON and sockets.

    >>> sign("12345", "wss://mycompany.com/media")
    'okykUWKkAOgQseVjzERZh4soLeU='
    """
    text = _bare(url) + "".join(
        name + value for name in sorted(params or ()) for value in _values((params or {})[name])
    )
    digest = hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def is_valid(token: str, url: str, params: Params | None, signature: str) -> bool:
    """Check a signature in constant time, with and without the port in the URL.

    Twilio leaves the port out where it is the scheme's own and over HTTPS; frameworks and proxies
    put it in.
    """
    given = signature.encode("utf-8", "replace")
    candidates = (_without_port(url), _with_port(url), url)
    # All are compared, whichever matches.
    matches = [
        hmac.compare_digest(sign(token, candidate, params).encode(), given)
        for candidate in candidates
    ]
    return any(matches)


def is_valid_body(url: str, body: bytes) -> bool:
    """Check a JSON body against the ``bodySHA256`` that its signed URL carries."""
    query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    found = query.get("bodySHA256", "").encode("utf-8", "replace")
    return hmac.compare_digest(found, hashlib.sha256(body).hexdigest().encode())


def with_body_hash(url: str, body: bytes) -> str:
    """Return the URL with the hash of a JSON body appended to its query."""
    joint = "&" if urlsplit(url).query else "?"
    return f"{url}{joint}bodySHA256={hashlib.sha256(body).hexdigest()}"


def _values(value: str | list[str]) -> Iterable[str]:
    return [value] if isinstance(value, str) else sorted(set(value))


def _bare(url: str) -> str:
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))


def _without_port(url: str) -> str:
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    host = netloc.rpartition(":")[0] if _has_port(netloc) else netloc
    return urlunsplit((parts.scheme, host, parts.path, parts.query, ""))


def _with_port(url: str) -> str:
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    if not _has_port(netloc):
        netloc += ":443" if parts.scheme in ("https", "wss") else ":80"
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))


def _has_port(netloc: str) -> bool:
    return ":" in netloc.rpartition("]")[2]
