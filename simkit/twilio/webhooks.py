"""Webhooks: the signed form posts that Twilio makes."""

from __future__ import annotations

import random
import uuid
from typing import Any
from urllib.parse import urlencode, urlsplit

from ..timeline import Clock, Timeline
from ..wire import signatures
from ..wire.http import HttpError, HttpResponse, fetch
from .settings import TwilioSettings

_SHOWN = ("CallStatus", "StreamEvent", "ErrorCode", "Digits")


class Webhooks:
    """Posts to a bridge's URLs, signed with the account's token."""

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

    def sign(self, url: str, params: dict[str, str] | None = None, *, slash: bool = False) -> str:
        """Return the signature of a request; see :func:`simkit.wire.signatures.as_signed`."""
        return signatures.sign(self._auth_token, signatures.as_signed(url, slash=slash), params)

    async def post(
        self, url: str, params: dict[str, str], *, call: int, signature: str | None = None
    ) -> HttpResponse:
        """Post a form and return the answer.

        Raises:
            HttpError: no answer came.
        """
        url = url.partition("#")[0]
        token = uuid.UUID(int=self._draw.getrandbits(128), version=4)
        headers = [
            ("User-Agent", "TwilioProxy/1.1"),
            ("Accept", "*/*"),
            ("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8"),
            ("I-Twilio-Idempotency-Token", str(token)),
            ("X-Twilio-Signature", self.sign(url, params) if signature is None else signature),
            ("X-Home-Region", "us1"),
            ("Connection", "close"),
        ]
        sent_ns = self._clock.now_ns
        asked = self._timeline.record(
            "request",
            "twilio",
            "bridge",
            call=call,
            sent_ns=sent_ns,
            method="POST",
            path=urlsplit(url).path or "/",
            shown={key: params[key] for key in _SHOWN if key in params},
        )
        try:
            response = await fetch(
                "POST",
                url,
                headers=headers,
                body=urlencode(params).encode(),
                connect_seconds=self._settings.connect_timeout,
                total_seconds=self._settings.webhook_timeout,
                ssl=self._ssl,
            )
        except HttpError as error:
            self._timeline.record(
                "error", "twilio", call=call, code=_code(error), reason=str(error)
            )
            raise
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


def _code(error: HttpError) -> int:
    return 11205 if error.stage == "connect" else 11200


def _summary(response: HttpResponse) -> str:
    """Name the verbs of a TwiML answer, or its type."""
    kind = response.header("content-type").partition(";")[0]
    if not response.body:
        return "empty"
    if kind in ("text/xml", "application/xml", "text/html") and b"<Response" in response.body:
        text = response.body.decode("utf-8", "replace")
        url = text.partition("<Stream")[2].partition('url="')[2].partition('"')[0]
        return f"TwiML Connect Stream {url}" if url else "TwiML"
    return kind or "no content type"
