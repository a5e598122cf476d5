"""Asking a server: requests whose answer counts, and what counts as an answer."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

import msgspec

from ..timeline import Clock, Timeline
from ..wire import vapi
from ..wire.http import HttpResponse
from .account import AccountSettings
from .calls import VapiCall
from .create import config_problems
from .resources import ORG_ID, Dates
from .telling import Telling
from .webhooks import Webhooks

ASSISTANT_LIMIT = 7.5
"""Seconds for the answer to ``assistant-request``, connecting included; nothing changes it."""

NO_RESULT = "No result returned."
"""What the model gets where a tool's answer does not count; the words are not documented."""


@dataclass(frozen=True)
class ToolResult:
    """What came of one tool call."""

    tool_call_id: str
    name: str
    result: str
    problem: str = ""
    """Why there is no result; empty where there is one."""


@dataclass(frozen=True)
class AssistantAnswer:
    """What a server answered to ``assistant-request``."""

    kind: Literal["assistant", "assistantId", "squad", "squadId", "destination", "none"]
    value: Any = None
    ended_reason: str = ""
    """Why there is no call; empty where there is one."""


class Asking:
    """Asks servers for tools' results and for assistants."""

    def __init__(
        self,
        webhooks: Webhooks,
        telling: Telling,
        settings: AccountSettings,
        *,
        clock: Clock,
        timeline: Timeline,
        dates: Dates,
        draw: Random,
    ) -> None:
        self._webhooks = webhooks
        self._telling = telling
        self._settings = settings
        self._clock = clock
        self._timeline = timeline
        self._dates = dates
        self._draw = draw

    def _id(self) -> str:
        return str(uuid.UUID(int=self._draw.getrandbits(128), version=4))

    async def tool(
        self, call: VapiCall, name: str, arguments: dict[str, Any], tool: dict[str, Any]
    ) -> ToolResult:
        """Have a tool called, as the model does; returns what the model gets.

        The client is told too. Nothing is waited for where the tool is ``async``.
        """
        tool_call = {
            "id": f"call_{self._id()}",
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }
        known = {"type": "function", "function": {"name": name}} | tool
        told = {
            "type": "tool-calls",
            "toolCallList": [tool_call],
            "toolWithToolCallList": [known | {"toolCall": tool_call}],
        }
        text = msgspec.json.encode(arguments).decode()
        shown = tool_call | {"function": {"name": name, "arguments": text}}
        entry = {"role": "tool_calls", "toolCalls": [shown], "message": ""}
        call.tools.append((self._clock.now_ns, entry))
        if call.socket is not None and call.socket.conversation is not None:
            call.socket.conversation.tell(
                vapi.ToolCalls([tool_call], told["toolWithToolCallList"])  # type: ignore[arg-type]
            )
        result = await self._result(call, tool_call["id"], name, told, known)  # type: ignore[arg-type]
        if result.problem:
            reason = f"tool {name}: {result.problem}"
            self._timeline.record("warning", "vapi", session=call.session, reason=reason)
        entry = {
            "role": "tool_call_result",
            "toolCallId": result.tool_call_id,
            "name": name,
            "result": result.result,
        }
        call.tools.append((self._clock.now_ns, entry))
        return result

    async def _result(
        self, call: VapiCall, key: str, name: str, told: dict[str, Any], tool: dict[str, Any]
    ) -> ToolResult:
        server = self._telling.server_of(call, tool)
        if server is None:
            return ToolResult(key, name, NO_RESULT, "there is no server to ask")
        message = self._telling.envelope(call, told)
        if tool.get("async") is True:
            self._webhooks.tell(server, message, call_id=call.id, session=call.session)
            return ToolResult(key, name, "Success.")
        response = await self._webhooks.ask(server, message, call_id=call.id, session=call.session)
        if response is None:
            return ToolResult(key, name, NO_RESULT, "the server did not answer")
        if response.status != 200 and self._settings.tool_error_bodies == "ignored":
            problem = f"HTTP {response.status} instead of 200"
            return ToolResult(key, name, NO_RESULT, problem)
        text, problem = _tool_text(response, key)
        return ToolResult(key, name, NO_RESULT if problem else text, problem)

    async def assistant(
        self, customer: dict[str, Any], phone_number: dict[str, Any]
    ) -> AssistantAnswer:
        """Ask the account's server which assistant takes a call that comes in."""
        server = self._telling.server_of(None)
        if server is None:
            return AssistantAnswer("none", None, "assistant-request-failed")
        now_ns, key = self._clock.now_ns, self._id()
        call = {
            "id": key,
            "orgId": ORG_ID,
            "type": "inboundPhoneCall",
            "status": "ringing",
            "createdAt": self._dates.iso(now_ns),
            "updatedAt": self._dates.iso(now_ns),
            "customer": customer,
        }
        message = {
            "timestamp": self._dates.ms(now_ns),
            "type": "assistant-request",
            "call": call,
            "customer": customer,
            "phoneNumber": phone_number,
        }
        response = await self._webhooks.ask(
            server, message, call_id=key, session=None, seconds=ASSISTANT_LIMIT
        )
        if response is None or not 200 <= response.status < 300:
            return AssistantAnswer("none", None, "assistant-request-failed")
        return _assistant_answer(response)


def _tool_text(response: HttpResponse, key: str) -> tuple[str, str]:
    """Return a tool's result, and what is wrong with it."""
    body = _object(response)
    results = None if body is None else body.get("results")
    if not isinstance(results, list):
        return "", 'the answer has no list of "results"'
    for entry in results:
        if isinstance(entry, dict) and entry.get("toolCallId") == key:
            found = entry.get("result")
            if found is None and isinstance(entry.get("error"), str):
                return str(entry["error"]), ""
            if isinstance(found, str):
                return found, ""
            kind = type(found).__name__
            return "", f"the result is no text, found {kind}: it is dropped"
    return "", f"no result has the toolCallId {key}"


def _assistant_answer(response: HttpResponse) -> AssistantAnswer:
    body = _object(response) or {}
    if isinstance(body.get("error"), str):
        return AssistantAnswer("none", body["error"], "assistant-request-returned-error")
    destination = body.get("destination")
    if isinstance(destination, dict):
        reason = "assistant-request-returned-forwarding-phone-number"
        return AssistantAnswer("destination", destination, reason)
    if isinstance(body.get("assistantId"), str):
        return AssistantAnswer("assistantId", body["assistantId"])
    assistant = body.get("assistant")
    if assistant is not None:
        if not isinstance(assistant, dict) or config_problems(assistant):
            reason = "assistant-request-returned-invalid-assistant"
            return AssistantAnswer("none", assistant, reason)
        return AssistantAnswer("assistant", assistant)
    if isinstance(body.get("squadId"), str):
        return AssistantAnswer("squadId", body["squadId"])
    if isinstance(body.get("squad"), dict):
        return AssistantAnswer("squad", body["squad"])
    return AssistantAnswer("none", None, "assistant-request-returned-no-assistant")


def _object(response: HttpResponse) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
