"""Polling: the last resort once Vapi's socket was given up.

``GET /call/{id}`` tells whether Vapi's call goes on or has ended and why, and what was said in it.
It gives no audio and takes none: the caller hears nothing of what the agent says meanwhile, and
Vapi hears nothing of the caller. Messages are written down with a delay of seconds, partly only
after the call, and what the agent said is transcribed from its speech.
"""

from __future__ import annotations

from typing import Any

from .events import PolledCall
from .vapi_rest import VapiRest
from .vapi_socket import VapiError

MAX_MESSAGES = 200
"""Of a call; the last ones are kept."""

_SPEAKERS = {"user": "user", "bot": "assistant", "assistant": "assistant"}


async def poll(rest: VapiRest, call_id: str) -> PolledCall:
    """Look at a call once; its status is empty when nobody answered as they should."""
    try:
        found = await rest.show(call_id)
    except VapiError:
        return PolledCall("")
    return PolledCall(_text(found, "status"), _messages(found), _text(found, "endedReason"))


def _messages(found: dict[str, Any]) -> tuple[str, ...]:
    """Return what was said, as ``role: words``; the artifact has the same list once it is made."""
    artifact = found.get("artifact")
    entries = found.get("messages") or (
        artifact.get("messages") if isinstance(artifact, dict) else None
    )
    if not isinstance(entries, list):
        return ()
    return tuple(
        f"{speaker}: {_text(entry, 'message')}"
        for entry in entries[-MAX_MESSAGES:]
        if isinstance(entry, dict) and (speaker := _SPEAKERS.get(_text(entry, "role")))
    )


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""
