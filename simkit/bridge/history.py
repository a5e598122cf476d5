"""What was said before a call at Vapi was lost, for the one that takes its place."""

from __future__ import annotations

from typing import Any

from ..wire import WireError, vapi

MAX_LINES = 40
"""The last so many utterances are handed on."""
MAX_LETTERS = 500
"""Of an utterance."""

_KIND = b"conversation-update"
_SPEAKERS = {"user": "Caller", "assistant": "You", "bot": "You"}
_BEGINNING = (
    "The connection to the caller was lost for a moment, and the same phone call goes on now. "
    "Do not greet again. This was said before:"
)


class History:
    """Listens to Vapi's conversation updates; each tells the whole of its call anew."""

    def __init__(self) -> None:
        self._lines: list[str] = []  # of calls before this one
        self._update = b""

    def hear(self, message: bytes) -> None:
        """Take a text message of any type."""
        if _KIND in message:
            self._update = message

    @property
    def is_unanswered(self) -> bool:
        """True when the caller has spoken last, by what was handed on."""
        return bool(self._lines) and self._lines[-1].startswith(_SPEAKERS["user"])

    def hand_on(self) -> str:
        """Return what the next call has to know; empty when nobody has spoken."""
        self._lines = (self._lines + _lines(self._update))[-MAX_LINES:]
        self._update = b""
        return "\n".join([_BEGINNING, *self._lines]) if self._lines else ""


def _lines(message: bytes) -> list[str]:
    if not message:
        return []
    try:
        said = vapi.decode(message)
    except WireError:
        return []
    if not isinstance(said, vapi.ConversationUpdate):
        return []
    entries = said.conversation or said.messages_open_ai_formatted or []
    return [line for entry in entries if (line := _line(entry))]


def _line(entry: dict[str, Any]) -> str:
    speaker, text = _SPEAKERS.get(str(entry.get("role"))), entry.get("content")
    if speaker is None or not isinstance(text, str) or not text.strip():
        return ""
    return f"{speaker}: {' '.join(text.split())[:MAX_LETTERS]}"
