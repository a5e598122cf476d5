"""Telling a call's server what happens: which events, in which envelope, and when."""

from __future__ import annotations

from typing import Any

import msgspec

from ..timeline import Clock
from ..wire import vapi
from .account import AccountSettings
from .artifact import Artifact
from .calls import VapiCall
from .resources import Dates, call_json
from .servers import Server, problems_of
from .storage import Storage
from .webhooks import Spawn, VapiForgery, Webhooks

SERVER_MESSAGES = (
    "conversation-update",
    "end-of-call-report",
    "function-call",
    "hang",
    "speech-update",
    "status-update",
    "tool-calls",
    "transfer-destination-request",
    "handoff-destination-request",
    "user-interrupted",
    "assistant.started",
)
"""What an assistant tells its server unless its ``serverMessages`` say otherwise."""

_FINALS = ('transcript[transcriptType="final"]', "transcript[transcriptType='final']")


class Telling:
    """Turns what happens in calls into webhooks.

    Args:
        storage: where recordings are, for the report.
        urls: returns the addresses of a call's recordings and log.
    """

    def __init__(
        self,
        webhooks: Webhooks,
        settings: AccountSettings,
        *,
        clock: Clock,
        dates: Dates,
        spawn: Spawn,
        storage: Storage,
    ) -> None:
        self._webhooks = webhooks
        self._settings = settings
        self._clock = clock
        self._dates = dates
        self._spawn = spawn
        self._storage = storage
        self._account_server: dict[str, Any] | None = None

    @property
    def account_server(self) -> dict[str, Any] | None:
        """The account's server object, for calls whose assistant has none.

        Raises:
            ValueError: on assignment, what Vapi would refuse.
        """
        return self._account_server

    @account_server.setter
    def account_server(self, found: dict[str, Any] | None) -> None:
        wrong = [] if found is None else problems_of(found, "server")
        if wrong:
            raise ValueError(f"vapi.server: {'; '.join(wrong)}; found {found!r}")
        self._account_server = found

    def server_of(self, call: VapiCall | None, tool: dict[str, Any] | None = None) -> Server | None:
        """Return who is told: a tool's server, else the assistant's, else the account's."""
        for found in (
            (tool or {}).get("server"),
            None if call is None else call.setting("server"),
            None if call is None else _older(call),
            self._account_server,
        ):
            server = Server.of(found) if isinstance(found, dict) else None
            if server is not None:
                return server
        return None

    def hear(self, call: VapiCall, message: vapi.ServerMessage) -> None:
        """Tell of a server message as it is made, if somebody wants to know."""
        server = self.server_of(call)
        if server is None or isinstance(message, vapi.ToolCalls):
            return
        if isinstance(message, vapi.StatusUpdate) and message.status == "ended":
            return
        if not _is_wanted(call, message):
            return
        told = msgspec.to_builtins(message)
        if isinstance(message, vapi.ConversationUpdate):
            artifact = Artifact(call, self._dates)
            told = {
                "type": told["type"],
                "messages": artifact.messages(),
                "messagesOpenAIFormatted": artifact.openai_messages(),
            }
        self._tell(server, call, told)

    def end(self, call: VapiCall) -> None:
        """Tell that a call ended, and report on it, each in its time."""
        server = self.server_of(call)
        if server is None:
            return
        settings = self._settings
        ended = vapi.StatusUpdate("ended", ended_reason=call.ended_reason)
        if _is_wanted(call, ended):
            self._spawn(
                self._tell_later(server, call, settings.ended_delay, report=False),
                f"vapi call {call.session} ended",
            )
        if "end-of-call-report" in _wanted(call):
            self._spawn(
                self._tell_later(server, call, settings.report_delay, report=True),
                f"vapi call {call.session} report",
            )

    async def _tell_later(
        self, server: Server, call: VapiCall, delay: float, *, report: bool
    ) -> None:
        await self._clock.sleep_until((call.ended_ns or 0) + round(delay * 1e9))
        told: dict[str, Any]
        if report:
            told = self._report(call)
        else:
            told = {"type": "status-update", "status": "ended", "endedReason": call.ended_reason}
        self._tell(server, call, told)

    def _tell(self, server: Server, call: VapiCall, told: dict[str, Any]) -> None:
        message = self.envelope(call, told)
        self._webhooks.tell(server, message, call_id=call.id, session=call.session)

    async def forge_end(self, how: VapiForgery, call: VapiCall) -> int:
        """Tell of the end of a call as Vapi never would; returns the status of the answer.

        Raises:
            HttpError: there was no answer.
            ValueError: nobody is told of this call.
        """
        server = self.server_of(call)
        if server is None:
            raise ValueError("forges: nobody is told of the call: set sim.vapi.server")
        told = {"type": "status-update", "status": "ended", "endedReason": "customer-ended-call"}
        message = self.envelope(call, told)
        return await self._webhooks.forge(how, server, message, call_id=call.id)

    def envelope(self, call: VapiCall, told: dict[str, Any]) -> dict[str, Any]:
        """Return what the body's ``message`` holds, as of now."""
        found = {
            "timestamp": self._dates.ms(self._clock.now_ns),
            **told,
            "call": call_json(call, self._dates, monitor=True),
        }
        if call.config:
            found["assistant"] = call.config
        if "artifact" not in found:
            found["artifact"] = Artifact(call, self._dates).spoken_json()
        return found

    def _report(self, call: VapiCall) -> dict[str, Any]:
        start_ns = call.created_ns if call.started_ns is None else call.started_ns
        end_ns = start_ns if call.ended_ns is None else call.ended_ns
        ms = self._dates.ms(end_ns) - self._dates.ms(start_ns)
        found = Artifact(call, self._dates).call_json(self._storage.urls_of(call))
        return {
            "type": "end-of-call-report",
            "endedReason": call.ended_reason,
            "startedAt": self._dates.iso(start_ns),
            "endedAt": self._dates.iso(end_ns),
            "durationMs": ms,
            "durationSeconds": ms / 1000,
            "durationMinutes": round(ms / 60_000, 4),
            "summary": "",
            **found,
        }


def _older(call: VapiCall) -> dict[str, Any] | None:
    """Return the server of an assistant that is configured as it was done before."""
    url = call.setting("serverUrl")
    return None if url is None else {"url": url, "secret": call.setting("serverUrlSecret")}


def _wanted(call: VapiCall) -> list[str]:
    found: list[str] = call.setting("serverMessages", default=list(SERVER_MESSAGES))
    return found


def _is_wanted(call: VapiCall, message: vapi.ServerMessage) -> bool:
    wanted = _wanted(call)
    if str(message.__struct_config__.tag) in wanted:
        return True
    return (
        isinstance(message, vapi.Transcript)
        and message.transcript_type == "final"
        and any(final in wanted for final in _FINALS)
    )
