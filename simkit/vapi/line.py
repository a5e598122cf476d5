"""The line: what a conversation needs of its client's socket, whichever dialect that speaks."""

from __future__ import annotations

from typing import Protocol

from ..wire import vapi


class Line(Protocol):
    """The client's end of a conversation, in whichever dialect it speaks."""

    audio: vapi.AudioFormat

    def send_audio(self, sound: bytes) -> None:
        """Send one frame."""

    def tell(self, message: vapi.ServerMessage) -> None:
        """Send a message."""

    def end(self, reason: str) -> None:
        """End the call from Vapi's side: tell the reason, then close."""

    @property
    def arrival_ns(self) -> int:
        """When what was sent last reaches the client."""
