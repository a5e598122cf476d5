"""The seed dialect: ``wss://api.vapi.ai/ws``, JSON both ways, mu-law at 8 kHz.

Kept apart from the real transport: no official document knows it. Audio is numbered here, so this
is where a sender can emit it out of order and a bridge can tell.
"""

from __future__ import annotations

import binascii
from typing import Any

from ..wire import WireError, seed_dialect, vapi
from ..wire.disorder import Disorder
from .transport import TransportSocket, describe


class SeedSocket(TransportSocket):
    """Vapi's end of a socket in the seed dialect."""

    disorder: Disorder[bytes] | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._sequence = 0
        self._frame_ns = 0

    def send_audio(self, sound: bytes) -> None:
        """Send a numbered audio message."""
        if not self.is_open:
            return
        self._sequence += 1
        data = binascii.b2a_base64(sound, newline=False).decode()
        message = seed_dialect.encode(seed_dialect.Audio(data=data, sequence=self._sequence))
        emitted = [message] if self.disorder is None else self.disorder.emit(message)
        self._frame_ns = round(len(sound) * self._frame_ns_per_byte)
        self._send_all(emitted, in_order=emitted == [message])

    def _send_all(self, messages: list[bytes], *, in_order: bool) -> None:
        for message in messages:
            self.send_text(message)
            self._timeline.frame(
                "vapi",
                "bridge",
                self.arrival_ns,
                self._frame_ns,
                session=self.session,
                in_order=in_order,
            )

    def tell(self, message: vapi.ServerMessage) -> None:
        """Send what this dialect has a word for."""
        said: seed_dialect.FromVapi
        if (
            isinstance(message, vapi.SpeechUpdate)
            and (message.role, message.status) == ("assistant", "stopped")
            and self.disorder is not None
            and self.is_open
        ):
            # Nothing follows for a while: what waited for a successor goes out now.
            held = self.disorder.flush()
            self._send_all(held, in_order=len(held) == 1)
            return
        if isinstance(message, vapi.UserInterrupted):
            said = seed_dialect.Interrupt()
        elif isinstance(message, vapi.Transcript) and message.role == "user":
            said = seed_dialect.Transcript(
                message.transcript, partial=message.transcript_type == "partial"
            )
        else:
            return
        if self.is_open:
            self.send_text(seed_dialect.encode(said))
            self._record(str(said.__struct_config__.tag), describe(message), from_client=False)

    def on_text(self, data: bytes) -> None:
        """Audio or a command from the client."""
        try:
            message = seed_dialect.decode_for_vapi(data)
            sound = (
                binascii.a2b_base64(message.payload, strict_mode=True)
                if isinstance(message, seed_dialect.Audio)
                else b""
            )
        except (WireError, ValueError) as error:
            self._timeline.record("warning", "vapi", session=self.session, reason=str(error))
            return
        if sound:
            self._count("bridge", "vapi", self._sent_ns, len(sound))
            if self.conversation is not None:
                self.conversation.hearing.feed(sound)
        else:
            self._record(str(message.__struct_config__.tag), {}, from_client=True)

    def on_binary(self, data: bytes) -> None:
        """This dialect has no binary frames."""
        self._timeline.record(
            "warning", "vapi", session=self.session, reason=f"binary frame of {len(data)} bytes"
        )
