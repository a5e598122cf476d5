"""The seed dialect: ``wss://api.vapi.ai/ws``, JSON both ways, mu-law at 8 kHz.

Kept apart from the real transport: no official document knows it. Audio is numbered here, so this
is where a sender can emit it out of order and a bridge can tell.
"""

from __future__ import annotations

import binascii
from typing import Any

import numpy as np
from msgspec import UNSET

from ..audio import RATE, mulaw
from ..audio.resample import Linear
from ..wire import WireError, seed_dialect, vapi
from ..wire.disorder import Disorder
from .transport import TransportSocket, describe

_FRAME = 160
_HIGHEST = 192_000
"""Hz of PCM that is taken."""


class SeedSocket(TransportSocket):
    """Vapi's end of a socket in the seed dialect."""

    disorder: Disorder[bytes] | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._sequence = 0
        self.inherited = b""
        """Audio that the last call left."""
        self.left = b""
        """Audio that this call left when it ended without a flush."""
        self._is_flushed = False
        self._pcm: tuple[int, Linear] | None = None
        self._frame_ns = 0

    def on_open(self) -> None:
        """The socket is open; what is left of the last call may come first."""
        super().on_open()
        if self.inherited and self._faults is not None and self._faults.inherits():
            for at in range(0, len(self.inherited), _FRAME):
                self.send_frame(self.inherited[at : at + _FRAME])

    def on_close(self, code: int, reason: str) -> None:
        """The socket is closed; what was not flushed stays."""
        if self.conversation is not None and not self._is_flushed:
            self.left = self.conversation.unsent
        super().on_close(code, reason)

    def send_frame(self, sound: bytes) -> None:
        """Send a numbered audio message."""
        if not self.is_open:
            return
        self._sequence += 1
        data = binascii.b2a_base64(sound, newline=False).decode()
        if self._settings.seed_field == "data":
            audio = seed_dialect.Audio(data=data, sequence=self._sequence)
        else:
            audio = seed_dialect.Audio(media=data, sequence=self._sequence)
        message = seed_dialect.encode(audio)
        emitted = [message] if self.disorder is None else self.disorder.emit(message)
        self._frame_ns = round(len(sound) * self._ns_per_byte)
        self._send_all(emitted, in_order=emitted == [message])

    def _send_all(self, messages: list[bytes], *, in_order: bool) -> None:
        for message in messages:
            self.send_text(message)
            self._sent.frame(self.arrival_ns, self._frame_ns, in_order=in_order)

    def send_message(self, message: vapi.ServerMessage) -> None:
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
            sound = self._sound_of(message) if isinstance(message, seed_dialect.Audio) else None
        except ValueError as error:  # a WireError is one, too
            what = "" if isinstance(error, WireError) else "seed dialect, to Vapi: audio: "
            self._refuse_text(f"{what}{error}")
            return
        if sound:
            self._take(sound)
        if sound is not None:
            return
        kind = str(message.__struct_config__.tag)
        self._record(kind, {}, from_client=True)
        if self._faults is not None:
            self._faults.see(kind)
        if self.conversation is not None:
            if isinstance(message, seed_dialect.Flush):
                self._is_flushed = True
                self.conversation.hearing.forget()
            else:
                self.conversation.cancel_response()

    def _sound_of(self, message: seed_dialect.Audio) -> bytes:
        """Return the mu-law of an audio message.

        Raises:
            ValueError: no base64, or no PCM16.
        """
        if message.data is message.media is message.audio is UNSET:
            raise ValueError("none of the fields data, media and audio")
        if message.payload or not message.audio:
            return binascii.a2b_base64(message.payload, strict_mode=True)
        data = _samples_of(binascii.a2b_base64(message.audio, strict_mode=True))
        if len(data) % 2:
            raise ValueError(f"PCM16 has two bytes a sample, found {len(data)} bytes")
        if not 1 <= message.sample_rate <= _HIGHEST:
            raise ValueError(f"sampleRate is from 1 to {_HIGHEST:,}, found {message.sample_rate}")
        if self._pcm is None or self._pcm[0] != message.sample_rate:
            self._pcm = message.sample_rate, Linear(message.sample_rate, RATE)
        return mulaw.encode(self._pcm[1].process(np.frombuffer(data, "<i2")))

    def on_binary(self, data: bytes) -> None:
        """This dialect has no binary frames."""
        self._refuse_text(f"seed dialect, to Vapi: a binary frame of {len(data)} bytes")


def _samples_of(data: bytes) -> bytes:
    """Return what follows the header of a WAV file, or everything."""
    if not data.startswith(b"RIFF"):
        return data
    at = data.find(b"data")
    return b"" if at < 0 else data[at + 8 :]
