"""Calls: what is known of each, from ``POST /call`` to its artifact."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..wire import vapi
from .assistant import Assistant
from .origins import Origins
from .tapes import Tapes
from .transport import TransportSocket

LOGGED = (vapi.StatusUpdate, vapi.SpeechUpdate, vapi.Transcript, vapi.UserInterrupted)
"""Messages that an artifact is made of. A history told anew after each turn is not kept."""

LIMIT_REACHED = "call.start.error-subscription-concurrency-limit-reached"


@dataclass(frozen=True)
class Logged:
    """A server message and when it was made."""

    t_ns: int
    message: vapi.ServerMessage
    speech_end_ns: int = 0
    """For a final transcript of the user: when the last word had arrived."""


@dataclass
class VapiCall:
    """A call that was created."""

    id: str
    session: int
    audio: vapi.AudioFormat
    created_at: str
    origins: Origins = field(default_factory=Origins)
    """Where it is reached."""
    socket: TransportSocket | None = None
    created_ns: int = 0
    started_ns: int | None = None
    """When its socket opened."""
    ended_ns: int | None = None
    ended_reason: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    """The assistant as the client configured it, overrides included."""
    assistant_id: str | None = None
    name: str | None = None
    metadata: dict[str, Any] | None = None
    assistant: Assistant | None = None
    """The assistant that answers, once it does."""
    log: list[Logged] = field(default_factory=list)
    """Server messages of the kinds in ``LOGGED``, in order."""
    commands: list[tuple[int, str]] = field(default_factory=list)
    """What was asked of its control URL, and when."""
    tools: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    """Messages about tools, as the artifact has them, and when."""
    tapes: Tapes | None = None
    destination: dict[str, Any] | None = None

    @property
    def status(self) -> str:
        """``queued`` until its socket opens, then ``in-progress``, then ``ended``."""
        if self.ended_reason:
            return "ended"
        return "queued" if self.socket is None else "in-progress"

    def setting(self, *path: str, default: Any = None) -> Any:
        """Return what the client's configuration of the assistant says, or the default."""
        found: Any = self.config
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return default if found is None else found


def is_user_final(message: vapi.ServerMessage) -> bool:
    """Tell whether a message is a final transcript of the user's words."""
    return (
        isinstance(message, vapi.Transcript)
        and message.role == "user"
        and message.transcript_type == "final"
    )
