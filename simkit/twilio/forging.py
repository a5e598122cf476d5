"""Forgeries: what strangers may try, and Twilio would never do: requests, and media sockets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit, urlunsplit

from ..audio import Samples
from ..timeline import Clock, Timeline
from ..wire import signatures
from ..wire.http import Headers, fetch
from .forged_stream import ForgedStream, StreamForgery
from .streams import Streaming
from .webhooks import FORM, Sent

Forgery = Literal[
    "unsigned",
    "wrong-token",
    "other-host",
    "other-scheme",
    "other-port",
    "other-path",
    "other-query",
    "changed-form",
    "replayed",
]
"""Signed by nobody, or with another account's token; signed for another URL than is asked
(``other-query``: for one without a query), or with another form; or a request of Twilio's own once
more, byte for byte."""

_SIGNED: dict[str, Callable[[str], str]] = {
    "other-host": lambda url: _with(url, netloc="127.0.0.1:3000"),
    "other-scheme": lambda url: _with(url, scheme="http"),
    "other-port": lambda url: _with(url, netloc=f"{urlsplit(url).hostname}:8443"),
    "other-path": lambda url: _with(url, path=f"{urlsplit(url).path}/status"),
}
"""What is signed in place of the URL that is asked."""


def _with(url: str, **parts: str) -> str:
    return urlunsplit(urlsplit(url)._replace(**parts))


@dataclass
class Forger:
    """Somebody who is not Twilio, and knows how it asks.

    Args:
        token: with which Twilio signs.
        ssl: passed to connections over TLS.
    """

    clock: Clock
    timeline: Timeline
    token: str
    ssl: Any = True

    def request(self, how: Forgery, url: str, params: dict[str, str]) -> Sent:
        """Return a forged request for ``url``, of any kind but ``replayed``."""
        token = f"not {self.token}" if how == "wrong-token" else self.token
        signature = signatures.sign(token, _SIGNED.get(how, str)(url), params)
        if how == "changed-form":
            params = params | {"From": "+15550666"}
        if how == "other-query":
            url = _with(url, query="tenant=b")
        headers: Headers = [("Content-Type", FORM)]
        if how != "unsigned":
            headers.append(("X-Twilio-Signature", signature))
        return Sent("POST", url, tuple(headers), urlencode(params).encode())

    async def make(self, how: Forgery, request: Sent) -> int:
        """Make a request and record it as ``forged``; returns the status of the answer.

        Raises:
            HttpError: there was no answer.
        """
        sent_ns = self.clock.now_ns
        response = await fetch(
            request.method, request.url, headers=list(request.headers), body=request.body,
            ssl=self.ssl,
        )  # fmt: skip
        self._record(how, request.url, response.status, sent_ns, response.request_arrived_ns)
        return response.status

    async def open(self, how: StreamForgery, stream: Streaming, samples: Samples) -> int:
        """Come to the media socket of a stream and record it as ``forged``; returns its outcome.

        Args:
            how: what is wrong with it.
            stream: one of Twilio's.
            samples: what is spoken, at 8 kHz.

        Raises:
            OSError: there was nobody to connect to.
        """
        sent_ns, url = self.clock.now_ns, stream.order.url
        forged = ForgedStream(how, url, self.token, stream.identity)
        status = await forged.attempt(samples, self.ssl)
        self._record(how, url, status, sent_ns, forged.arrived_ns or sent_ns)
        return status

    def _record(
        self, how: str, url: str, status: int, sent_ns: int, arrived_ns: int | None
    ) -> None:
        self.timeline.record(
            "forged",
            "stranger",
            "bridge",
            t_ns=arrived_ns,
            sent_ns=sent_ns,
            arrived_ns=arrived_ns,
            how=how,
            path=urlsplit(url).path or "/",
            status=status,
        )
