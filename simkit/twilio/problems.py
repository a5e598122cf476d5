"""What can go wrong with a stream, in Twilio's words: the 319xx family of errors and warnings."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from websockets.exceptions import InvalidURI
from websockets.uri import parse_uri

from ..wire.errors import shorten


@dataclass(frozen=True)
class Problem:
    """A code of Twilio's error dictionary."""

    level: str
    """``error``: there is no stream, or not any more. ``warning``: it goes on."""
    name: str

    @property
    def stream_error(self) -> str:
        """``StreamError`` of the status callback, as one was observed."""
        return f"Stream - {self.name.replace('WebSocket', 'Websocket')}"


PROBLEMS = {
    31901: Problem("error", "WebSocket - Connection Timeout"),
    31902: Problem("error", "WebSocket - Connection Refused"),
    31903: Problem("error", "WebSocket - Connection Broken Pipe"),
    31910: Problem("error", "WebSocket - SSL Protocol Error"),
    31920: Problem("error", "WebSocket - Handshake Error"),
    31921: Problem("error", "WebSocket - Close Error"),
    31922: Problem("error", "URL Schema Not Supported"),
    31923: Problem("error", "Malformed URL"),
    31924: Problem("error", "Websocket - Protocol Error"),
    31930: Problem("warning", "Media - Buffer Overflow"),
    31931: Problem("warning", "Media - Media Discarded"),
    31950: Problem("warning", "Protocol - Malformed Message"),
    31951: Problem("warning", "Protocol - Invalid Message"),
}
"""Everything that Twilio documents of a stream (https://www.twilio.com/docs/api/errors)."""


class StreamUrlError(ValueError):
    """The URL of a stream is one that Twilio does not connect to; ``code`` says why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def checked_url(url: str, *, plain: bool = False) -> str:
    """Return the URL that is connected to: as given, without its fragment.

    ``plain`` takes ``ws``, too.

    Raises:
        StreamUrlError: 31922 not ``wss``, 31923 malformed, 31920 with a query string, which
            streams do not support.
    """
    url = url.partition("#")[0]
    try:
        parts = urlsplit(url)
        if parts.scheme != "wss" and not (plain and parts.scheme == "ws"):
            raise StreamUrlError(31922, f"<Stream url>: expected wss, found {shorten(url)}")
        if not parts.hostname:
            raise StreamUrlError(31923, f"<Stream url>: no host in {shorten(url)}")
        if "?" in url:
            raise StreamUrlError(
                31920,
                "<Stream url>: query strings are not supported, use <Parameter>; "
                f"found {shorten(url)}",
            )
        if not url.isprintable() or " " in url:
            raise StreamUrlError(31923, f"<Stream url>: white space in {shorten(url)}")
        parse_uri(url)
    except StreamUrlError:
        raise
    except (InvalidURI, ValueError) as error:  # a port that is none, half an IPv6 address
        raise StreamUrlError(31923, f"<Stream url>: {error}; found {shorten(url)}") from None
    return url


def of_connecting(error: Exception) -> int:
    """Return the code for what went wrong before an upgrade could be asked for.

    No answer at all is 31901, a certificate or a server that does not speak TLS 31910, and
    everything else, an unknown host too, 31902.
    """
    if isinstance(error, TimeoutError):
        return 31901
    if isinstance(error, ssl.SSLError):
        return 31910
    return 31902
