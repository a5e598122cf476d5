"""The seam: what an upstream author writes, for one socket of a service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from websockets.http11 import Request

from ..audio import Speech
from ..wire.vapi import AudioFormat

if TYPE_CHECKING:
    from .session import Session

Message = bytes | str | dict[str, Any]
"""Binary, text, or an object that is sent as JSON text."""
Messages = Message | Sequence[Message] | None
"""What to send: any number of messages."""

MULAW = AudioFormat("mulaw", "raw", 8000)


@dataclass
class Said:
    """One thing that the agent says."""

    number: int
    """From 1, in this session."""
    speech: Speech
    ids: dict[str, Any] = field(default_factory=dict)
    """For the dialect to keep what it calls this on the wire."""
    utterance: int | None = None
    """Its key in the timeline, once its first audio was sent."""
    sent_ns: int = 0
    """How much was sent, in ns of audio."""
    is_over: bool = False
    """Nothing more of it will be sent."""
    kept_ns: int | None = None
    """How much the client has said was heard; None: it has not said."""

    @property
    def text(self) -> str:
        """All of its words."""
        return self.speech.text

    def words(self, until_ns: int, from_ns: int = 0) -> str:
        """Return the words that are over between two instants of it."""
        return " ".join(
            word.text for word in self.speech.words if from_ns < word.end * 125_000 <= until_ns
        )

    @property
    def known_text(self) -> str:
        """What the model believes was said: all that was sent, or as much as the client said."""
        sent_ns = self.sent_ns if self.kept_ns is None else self.kept_ns
        return self.text if sent_ns >= self.speech.spoken * 125_000 else self.words(sent_ns)


class Dialect:
    """What an upstream says on one socket; subclasses override what they need.

    One is made for each connection. :attr:`session` is there from :meth:`opened` on: what the
    client asks for is done by calling it. The methods of the second half are told what happens,
    and return what to send.
    """

    name: ClassVar[str] = "upstream"
    """The lane of this service in timelines."""
    input: AudioFormat = MULAW
    """What :meth:`Session.hear` gets; changed by :meth:`Session.use`."""
    output: AudioFormat = MULAW
    """What :meth:`audio` gets; changed by :meth:`Session.use`."""

    session: Session

    # From the client

    def refuse(self, request: Request) -> tuple[int, str] | None:
        """Return the HTTP status and body that refuse a request, or None to accept it."""
        return None

    def opened(self) -> None:
        """The socket is open."""
        if self.session.agent.first_message is not None:
            self.session.reply()

    def text(self, data: bytes) -> None:
        """A text message from the client."""
        self.session.warn(f"text message of {len(data)} bytes, expected none")

    def binary(self, data: bytes) -> None:
        """A binary message from the client: audio, unless overridden."""
        self.session.hear(data)

    # To the client

    def speech_started(self, at_ms: int) -> Messages:
        """The caller began to speak, so many ms into the audio that arrived."""

    def speech_stopped(self, at_ms: int) -> Messages:
        """The caller's turn is over."""

    def transcript(self, text: str) -> Messages:
        """These words were in the caller's turn; never empty."""

    def thinks(self, said: Said) -> Messages:
        """An answer is being made."""

    def begins(self, said: Said) -> Messages:
        """The first audio of it follows."""

    def audio(self, said: Said, sound: bytes, words: str) -> Messages:
        """Some audio, and the words that end in it."""
        return sound

    def ends(self, said: Said, reason: str) -> Messages:
        """Nothing more of it is sent: ``completed``, ``interrupted`` (by the caller) or what
        :meth:`Session.stop_reply` was given. Without :meth:`begins` before it, none of it was
        sent.
        """

    def interrupted(self, said: Said) -> Messages:
        """The caller speaks while this is sent, or while it would still be playing."""
