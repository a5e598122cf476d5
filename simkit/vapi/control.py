"""The control URL of a call: say, add a message, mute, end, transfer.

200 says that a command was accepted, not that it was carried out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ..timeline import Clock, Timeline
from ..wire import WireError, vapi
from ..wire.http import HttpRequest, HttpResponse
from .account import AccountSettings
from .calls import VapiCall
from .commands import obey
from .resources import answer, problem

_ACCEPTED = (vapi.Say, vapi.AddMessage, vapi.Control, vapi.EndCall, vapi.Transfer, vapi.Handoff)


class ControlUrl:
    """Answers ``POST https://<host>/<call id>/control``.

    Args:
        find: returns the call with an id.
        public_key: returns the key that is needed where ``controlAuthenticationEnabled``; None
            accepts any.
    """

    def __init__(
        self,
        find: Callable[[str], VapiCall | None],
        public_key: Callable[[], str | None],
        settings: AccountSettings,
        *,
        clock: Clock,
        timeline: Timeline,
    ) -> None:
        self._find = find
        self._public_key = public_key
        self._settings = settings
        self._clock = clock
        self._timeline = timeline

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        sent_ns = self._clock.now_ns if request.sent_ns is None else request.sent_ns
        arrived_ns = self._clock.now_ns
        parts = request.path.strip("/").split("/")
        call = self._find(parts[0])
        shown: dict[str, Any] = {}
        if len(parts) != 2 or parts[1] != "control" or request.method != "POST":
            response = problem(404, f"Cannot {request.method} {request.path}")
        else:
            response = self._command(call, request, shown)
        self._timeline.record(
            "request",
            "bridge",
            "vapi",
            t_ns=sent_ns,
            session=None if call is None else call.session,
            sent_ns=sent_ns,
            arrived_ns=arrived_ns,
            method=request.method,
            path=request.path if call is None else f"/call {call.session}/control",
            shown=shown | {"status": response.status},
        )
        if self._settings.control_delay:
            await asyncio.sleep(self._settings.control_delay)
        return response

    def _command(
        self, call: VapiCall | None, request: HttpRequest, shown: dict[str, Any]
    ) -> HttpResponse:
        if call is None or not call.setting("monitorPlan", "controlEnabled", default=True):
            return problem(404, "Call not found")
        if call.setting("monitorPlan", "controlAuthenticationEnabled", default=False):
            kind, _, key = request.headers.get("authorization", "").partition(" ")
            if kind != "Bearer" or not key or self._public_key() not in (None, key):
                return problem(401, "Invalid Key.")
        try:
            message = vapi.decode_for_vapi(request.body)
        except WireError as error:
            return problem(400, [str(error)])
        shown["type"] = str(message.__struct_config__.tag)
        if not isinstance(message, _ACCEPTED):
            return problem(400, [f"type {shown['type']} is not a command of a control URL"])
        conversation = None if call.socket is None else call.socket.conversation
        if call.status != "in-progress" or conversation is None:
            return problem(400, f"Call is {call.status}, not in progress")
        wrong = _wrong(message)
        if wrong:
            return problem(400, [wrong])
        obey(conversation, message)
        call.commands.append((self._clock.now_ns, shown["type"]))
        return answer(200, {"success": True})


def _wrong(message: vapi.ClientMessage) -> str:
    """Return what is wrong with a command beyond its types; empty when nothing is."""
    if isinstance(message, vapi.Say) and not message.text.split():
        return "content must be a text with words in it"
    if isinstance(message, vapi.Transfer):
        destination = message.destination
        name = {"number": "number", "sip": "sipUri"}.get(str(destination.get("type")))
        if name is None or not isinstance(destination.get(name), str):
            return "destination must have the type number with a number, or sip with a sipUri"
    return ""
