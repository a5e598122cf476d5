"""Forgeries: what strangers may try, and Twilio would never do: requests, and media sockets."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple
from urllib.parse import urlencode, urlsplit, urlunsplit

from ..audio import Samples
from ..timeline import Clock, Timeline
from ..wire import signatures
from ..wire.http import Headers, HttpError, HttpResponse, fetch
from .forged_stream import ForgedStream, StreamForgery
from .streams import Streaming
from .webhooks import FORM, Ask, Sent, with_query

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
(``other-query``: for one without its query), or with another form; or a request of Twilio's own
once more, byte for byte."""

_SIGNED: dict[str, Callable[[str], str]] = {
    "other-host": lambda url: _with(url, netloc="127.0.0.1:3000"),
    "other-scheme": lambda url: _with(url, scheme="http"),
    "other-port": lambda url: _with(url, netloc=f"{urlsplit(url).hostname}:8443"),
    "other-path": lambda url: _with(url, path=f"{urlsplit(url).path}/status"),
    "other-query": lambda url: _with(url, query=""),
}
"""What is signed in place of the URL that is asked."""


def _with(url: str, **parts: str) -> str:
    return urlunsplit(urlsplit(url)._replace(**parts))


class _Answer(NamedTuple):
    sent_ns: int
    """When it was asked for."""
    response: HttpResponse


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

    def request(self, how: Forgery, ask: Ask) -> Sent:
        """Return a forged request, of any kind but ``replayed``."""
        token = f"not {self.token}" if how == "wrong-token" else self.token
        signed, params = ask.where()
        if how == "other-query":
            ask = replace(ask, url=with_query(ask.url, {"tenant": "b"}))
        signature = signatures.sign(token, _SIGNED.get(how, str)(signed), params)
        if how == "changed-form":
            ask = replace(ask, params=ask.params | {"From": "+15550666"})
        url, params = ask.where()
        headers: Headers = [("Content-Type", FORM)] if ask.method == "POST" else []
        if how != "unsigned":
            headers.append(("X-Twilio-Signature", signature))
        return Sent(ask.method, url, tuple(headers), urlencode(params).encode())

    async def make(self, how: Forgery, request: Sent, sid: str, another: Ask) -> int:
        """Make a request and record it as ``forged``; returns the status of the answer.

        Where that is success, anybody's request for another call follows, which is recorded, too.
        When it is answered alike, both are ``static``: nobody has got anything by it.

        Args:
            how: what is wrong with it.
            request: from :meth:`request`, or one of Twilio's own.
            sid: of the call that it is for.
            another: for another call.

        Raises:
            HttpError: there was no answer.
        """
        answer = await self._ask(request)
        made = [(how, request, answer)]
        if 200 <= answer.response.status < 300:
            other = self.request("unsigned", another)
            with contextlib.suppress(HttpError):
                made.append(("unsigned", other, await self._ask(other)))
        said = {
            (one.response.status, one.response.body.replace(of.encode(), b"CallSid"))
            for (_, _, one), of in zip(made, (sid, another.params["CallSid"]), strict=False)
        }
        known = {"static": True} if len(made) == 2 and len(said) == 1 else {}
        for kind, asked, one in made:
            arrived_ns = one.response.request_arrived_ns
            self._record(kind, asked.url, one.response.status, one.sent_ns, arrived_ns, **known)
        return answer.response.status

    async def _ask(self, request: Sent) -> _Answer:
        sent_ns = self.clock.now_ns
        response = await fetch(
            request.method, request.url, headers=list(request.headers), body=request.body,
            ssl=self.ssl,
        )  # fmt: skip
        return _Answer(sent_ns, response)

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
        self,
        how: str,
        url: str,
        status: int,
        sent_ns: int,
        arrived_ns: int | None,
        **known: bool,
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
            **known,
        )
