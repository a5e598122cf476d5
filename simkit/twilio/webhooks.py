"""Webhooks: the signed requests that Twilio makes, tried again where Twilio does."""

from __future__ import annotations

import base64
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from ..timeline import Clock, Timeline
from ..wire import signatures
from ..wire.http import Headers, HttpError, HttpResponse, fetch
from ..wire.websocket import address_of
from . import overrides
from .overrides import OverrideError, Overrides
from .settings import TwilioSettings
from .twiml import summary

_SHOWN = (
    "CallStatus",
    "StreamEvent",
    "StreamError",
    "ErrorCode",
    "Digits",
    "SpeechResult",
    "CallDuration",
)
FORM = "application/x-www-form-urlencoded; charset=UTF-8"


class WebhookError(Exception):
    """A request was not answered, or not with success; ``code`` is Twilio's error code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class Ask:
    """A request to make."""

    url: str
    method: str = "POST"
    params: dict[str, str] = field(default_factory=dict)
    """Parameters besides those that every request of a call has."""

    def where(self) -> tuple[str, dict[str, str]]:
        """Return the whole URL, and what is left for a form: with GET, all is in the URL."""
        if self.method == "GET" and self.params:
            return with_query(self.url, self.params), {}
        return self.url, self.params


@dataclass(frozen=True)
class Sent:
    """A request as it was made."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Webhooks:
    """Asks a bridge's URLs, signed with the account's token."""

    def __init__(
        self,
        *,
        clock: Clock,
        timeline: Timeline,
        settings: TwilioSettings,
        auth_token: str,
        draw: random.Random,
        ssl: Any,
    ) -> None:
        self._clock = clock
        self._timeline = timeline
        self._settings = settings
        self._auth_token = auth_token
        self._draw = draw
        self._ssl = ssl
        self.first: Sent | None = None
        """The first request of the call."""

    def sign(self, url: str, params: dict[str, str] | None = None, *, slash: bool = False) -> str:
        """Return the signature of a request; see :func:`simkit.wire.signatures.as_signed`."""
        return signatures.sign(self._auth_token, signatures.as_signed(url, slash=slash), params)

    async def request(
        self,
        ask: Ask,
        params: dict[str, str],
        *,
        call: int,
        signature: str | None = None,
        wanted: Callable[[], bool] = lambda: True,
    ) -> HttpResponse:
        """Make a request, again where its overrides say so, and return an answer of 2xx.

        Args:
            ask: what to request.
            params: all parameters.
            call: the call's number in the timeline.
            signature: another one than the right one.
            wanted: asked before another attempt, whether anybody still waits for it.

        Raises:
            WebhookError: 11100 not a URL, 11200 no success or no HTTP, 11205 no connection or no
                answer in time, 11210 no such host, 11220 TLS.
        """
        url, how = self._overrides(ask.url, call)
        try:
            address_of(url)
        except ValueError as error:
            raise WebhookError(11100, str(error)) from None
        url, params = Ask(url, ask.method, params).where()
        deadline_ns = self._clock.now_ns + round(min(how.total, overrides.HARD_LIMIT) * 1e9)
        for attempt in range(how.retries + 1):
            left = (deadline_ns - self._clock.now_ns) / 1e9
            try:
                response = await self._attempt(
                    ask.method, url, params, how, left, call=call, signature=signature
                )
            except HttpError as error:
                code, kind, reason = _code(error), _kind(error), str(error)
            else:
                if 200 <= response.status < 300:
                    return response
                code, kind = 11200, f"{response.status // 100}xx"
                path = url.partition("?")[0]
                reason = f"{ask.method} {path} was answered with HTTP {response.status}"
            last = attempt == how.retries or self._clock.now_ns >= deadline_ns
            if last or not how.retries_on(kind) or not wanted():
                break
            self._timeline.record("retry", "twilio", call=call, attempt=attempt + 2, after=reason)
        raise WebhookError(code, reason)

    def _overrides(self, url: str, call: int) -> tuple[str, Overrides]:
        settings = self._settings
        total = settings.webhook_timeout
        defaults = Overrides(settings.connect_timeout, total, total)
        try:
            return overrides.of_url(url, defaults)
        except OverrideError as error:
            self._timeline.record("warning", "twilio", call=call, reason=str(error))
            return url.partition("#")[0], defaults

    async def _attempt(
        self,
        method: str,
        url: str,
        params: dict[str, str],
        how: Overrides,
        seconds: float,
        *,
        call: int,
        signature: str | None,
    ) -> HttpResponse:
        token = uuid.UUID(int=self._draw.getrandbits(128), version=4)
        posts = method == "POST"
        headers: Headers = [("User-Agent", "TwilioProxy/1.1"), ("Accept", "*/*")]
        if posts:
            headers.append(("Content-Type", FORM))
        headers += [
            ("I-Twilio-Idempotency-Token", str(token)),
            ("X-Twilio-Signature", self.sign(url, params) if signature is None else signature),
            ("X-Home-Region", "us1"),
            *_authorization(url),
            ("Connection", "close"),
        ]
        body = urlencode(params).encode() if posts else b""
        self.first = self.first or Sent(method, url, tuple(headers), body)
        sent_ns = self._clock.now_ns
        shown = params if posts else _query(url)
        asked = self._timeline.record(
            "request",
            "twilio",
            "bridge",
            call=call,
            sent_ns=sent_ns,
            method=method,
            path=urlsplit(url).path or "/",
            shown={key: shown[key] for key in _SHOWN if key in shown},
        )
        response = await fetch(
            method,
            url,
            headers=headers,
            body=body,
            connect_seconds=how.connect,
            read_seconds=how.read,
            total_seconds=seconds,
            ssl=self._ssl,
        )
        now_ns = self._clock.now_ns
        self._timeline.redate(asked, response.request_arrived_ns)
        self._timeline.record(
            "response",
            "bridge",
            "twilio",
            t_ns=response.sent_ns,
            call=call,
            sent_ns=response.sent_ns,
            arrived_ns=now_ns,
            status=response.status,
            summary=_summary(response),
            took_ns=now_ns - sent_ns,
        )
        return response


def media_type(response: HttpResponse) -> str:
    """Return an answer's type without parameters, in lower case."""
    return response.header("content-type").partition(";")[0].strip().lower()


def with_query(url: str, params: dict[str, str]) -> str:
    """Return a URL with parameters behind those that it has."""
    return url + ("&" if "?" in url else "?") + urlencode(params)


def _query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def _authorization(url: str) -> Headers:
    """Return Basic credentials that a URL carries, as a header."""
    parts = urlsplit(url)
    if parts.username is None:
        return []
    both = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return [("Authorization", "Basic " + base64.b64encode(both.encode()).decode())]


def _code(error: HttpError) -> int:
    by_cause = {"name": 11210, "tls": 11220, "timeout": 11205}
    return by_cause.get(error.cause, 11205 if error.stage == "connect" else 11200)


def _kind(error: HttpError) -> str:
    """Name a failure as the ``rp`` override does."""
    return "ct" if error.stage == "connect" else "rt"


def _summary(response: HttpResponse) -> str:
    """Name the verbs of a TwiML answer, or its type."""
    kind = media_type(response)
    if not response.body:
        return "empty"
    if kind in ("text/xml", "application/xml", "text/html") and b"<Response" in response.body:
        return summary(response.body)
    return kind or "no content type"
