"""Twilio's status callbacks: what it tells of a call's course and of its stream.

A call's socket may stay half-open when the call is over; Twilio's word ends its session then.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .deliveries import Deliveries

if TYPE_CHECKING:
    from .server import Bridge

log = logging.getLogger("simkit.bridge")

_PROGRESS = {"queued": 0, "initiated": 1, "ringing": 2, "in-progress": 3}
_OVER = ("completed", "busy", "failed", "no-answer", "canceled")
_STREAM_OVER = ("stream-stopped", "stream-error")


class StatusCallbacks:
    """Answers ``POST /voice/status`` and ``POST /voice/stream-status``."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._deliveries = Deliveries()

    async def call(self, request: Request) -> Response:
        """Take a callback of a call; the same of one call counts once."""
        form = await self._bridge.signed_form(request)
        sid, status = _one(form, "CallSid"), _one(form, "CallStatus")
        number = _one(form, "SequenceNumber")
        over = status in _OVER
        news = self._deliveries.take(
            sid, f"call {number or status}", 4 if over else _PROGRESS.get(status, -1)
        )
        return self._note(sid, f"call {_shown(status)}", news, over=over)

    async def stream(self, request: Request) -> Response:
        """Take a callback of a stream."""
        form = await self._bridge.signed_form(request)
        sid, event = _one(form, "CallSid"), _one(form, "StreamEvent")
        error = _one(form, "StreamError")
        news = self._deliveries.take(sid, f"{_one(form, 'StreamSid')} {event}")
        what = f"{_shown(event)} {_shown(error)}".rstrip()
        return self._note(sid, what, news, over=event in _STREAM_OVER)

    def _note(self, sid: str, what: str, news: str, *, over: bool) -> Response:
        self._bridge.metrics.count("twilio_callbacks", news=news)
        session = self._bridge.session_of(sid)
        told = "" if news == "new" else f", {news}: ignored"
        log.info("call %s: Twilio: %s%s", _shown(sid), what, told)
        if session is not None and over and news == "new":
            session.end(f"Twilio: {what}")
        return Response(status_code=204)


def _one(form: dict[str, str | list[str]], name: str) -> str:
    found = form.get(name, "")
    return found if isinstance(found, str) else found[-1]


def _shown(text: str) -> str:
    return "".join(letter for letter in text[:80] if letter.isprintable())


def routes(bridge: Bridge) -> list[Route]:
    """Return what is served."""
    if not bridge.config.status_callbacks:
        return []
    callbacks = StatusCallbacks(bridge)
    return [
        bridge.route("/voice/status", callbacks.call),
        bridge.route("/voice/stream-status", callbacks.stream),
    ]
