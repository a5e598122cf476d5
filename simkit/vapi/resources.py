"""REST resources as JSON: a call, its artifact's addresses, errors."""

from __future__ import annotations

import datetime
import time
from typing import Any

import msgspec

from ..timeline import Clock
from ..wire.http import HttpResponse
from .calls import VapiCall

ORG_ID = "00000000-0000-4000-8000-000000000000"
KINDS = ("mono", "stereo", "customer", "assistant")
"""Of recordings."""

_ERRORS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Dates:
    """Turns instants of the clock into dates as Vapi writes them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def ms(self, at_ns: int) -> int:
        """Return epoch milliseconds."""
        return (time.time_ns() - self._clock.now_ns + at_ns) // 1_000_000

    def iso(self, at_ns: int) -> str:
        """Return ``2029-01-01T00:00:00.030Z``."""
        seconds, ms = divmod(self.ms(at_ns), 1000)
        date = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
        return f"{date:%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"


def call_json(
    call: VapiCall, dates: Dates, *, monitor: bool, limits: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return a Call resource, without its artifact.

    Args:
        call: the call.
        dates: writes instants.
        monitor: whether it says where to listen and control: not when it is created.
        limits: of the account, when it is created.
    """
    instants = [call.created_ns, call.started_ns, call.ended_ns]
    found: dict[str, Any] = {
        "id": call.id,
        "orgId": ORG_ID,
        "type": "vapi.websocketCall",
        "createdAt": call.created_at,
        "updatedAt": dates.iso(max(ns for ns in instants if ns is not None)),
        "status": call.status,
        "cost": 0,
        "transport": {
            "provider": "vapi.websocket",
            "websocketCallUrl": f"{call.origins.api_socket}/{call.id}/transport",
        },
    }
    known = {
        "name": call.name,
        "assistantId": call.assistant_id,
        "metadata": call.metadata,
        "endedReason": call.ended_reason or None,
        "startedAt": None if call.started_ns is None else dates.iso(call.started_ns),
        "endedAt": None if call.ended_ns is None else dates.iso(call.ended_ns),
        "destination": call.destination,
        "subscriptionLimits": limits,
    }
    found |= {name: value for name, value in known.items() if value is not None}
    if call.assistant_id is None and call.config:
        found["assistant"] = call.config
    if monitor:
        found["monitor"] = monitor_json(call)
    return found


def monitor_json(call: VapiCall) -> dict[str, str]:
    """Return where a call can be listened to and controlled, as far as its plan allows."""
    found = {}
    if call.setting("monitorPlan", "listenEnabled", default=True):
        found["listenUrl"] = f"{call.origins.control_socket}/{call.id}/listen"
    if call.setting("monitorPlan", "controlEnabled", default=True):
        found["controlUrl"] = f"{call.origins.control}/{call.id}/control"
    return found


def answer(status: int, body: object) -> HttpResponse:
    """Answer with JSON."""
    headers = [("Content-Type", "application/json; charset=utf-8")]
    return HttpResponse(status, headers, msgspec.json.encode(body))


def problem(status: int, message: str | list[str]) -> HttpResponse:
    """Answer as NestJS does."""
    error = _ERRORS.get(status, "Error")
    return answer(status, {"message": message, "error": error, "statusCode": status})
