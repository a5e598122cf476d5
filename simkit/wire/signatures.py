"""Twilio's request signature, as documented on its page on webhook security.

HMAC-SHA1 under the auth token over the full URL, then each form parameter's name and value,
sorted by name; repeated names contribute their distinct values, sorted. A JSON body is signed
through its SHA-256 in the query string.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping

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


def as_signed(url: str, *, slash: bool = False) -> str:
    """Return the URL of a voice webhook or a stream as Twilio signs it.

    Without user:password and fragment, and over TLS without the port, which is kept over plain
    HTTP. The rest is signed as configured.

    Args:
        slash: put a ``/`` behind a path that does not end in one, as Twilio's documentation
            suggests to try for sockets.

    >>> as_signed("https://user:secret@bridge.example.com:8443/voice?a=1#rt=2000")
    'https://bridge.example.com/voice?a=1'
    """
    url = _bare(url)
    if _split(url)[0].lower() in ("https://", "wss://"):
        url = _without_port(url)
    if slash:
        path, mark, query = url.partition("?")
        url = (path if path.endswith("/") else path + "/") + mark + query
    return url


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


def _values(value: str | list[str]) -> Iterable[str]:
    return [value] if isinstance(value, str) else sorted(set(value))


def _split(url: str) -> tuple[str, str, str]:
    """Return scheme with ``://``, host with port, and the rest; all exactly as given.

    A signature is over the text of the URL: nothing may be normalised.
    """
    before, mark, after = url.partition("#")[0].partition("://")
    scheme, rest = (before + mark, after) if mark else ("", before)
    host = re.match("[^/?]*", rest)[0]  # type: ignore[index]
    return scheme, host.rpartition("@")[2], rest[len(host) :]


def _bare(url: str) -> str:
    return "".join(_split(url))


def _without_port(url: str) -> str:
    scheme, host, rest = _split(url)
    return scheme + (host.rpartition(":")[0] if _has_port(host) else host) + rest


def _with_port(url: str) -> str:
    scheme, host, rest = _split(url)
    if not _has_port(host):
        host += ":443" if scheme.lower() in ("https://", "wss://") else ":80"
    return scheme + host + rest


def _has_port(netloc: str) -> bool:
    return ":" in netloc.rpartition("]")[2]
