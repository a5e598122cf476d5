"""Tapes: what a call's socket really received and sent, and the recordings made of it."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable

import numpy as np

from ..audio import Samples, mulaw
from ..timeline import Clock
from ..wire.vapi import AudioFormat, ServerMessage
from .line import Line

_GAP_NS = 100_000_000
"""A frame that comes later than this leaves a gap; what comes sooner was late on the way."""


class Tape:
    """One direction: frames one after another, and silence where none came for a while.

    Silence is kept as its length. Audio that is sent ahead of time is on the tape when it plays.

    Args:
        audio: format of the frames.
        began_ns: the instant of the first sample.
    """

    def __init__(self, audio: AudioFormat, began_ns: int) -> None:
        self._is_mulaw = audio.format == "mulaw"
        self._width = 1 if self._is_mulaw else 2
        self._rate = audio.sample_rate
        self._began_ns = began_ns
        self._pieces: list[tuple[int, bytearray]] = []
        self._length = 0
        self._odd = b""

    def add(self, t_ns: int, data: bytes) -> None:
        """Take a frame that came or left at ``t_ns``."""
        at = (t_ns - self._began_ns) * self._rate // 1_000_000_000
        if at - self._length > _GAP_NS * self._rate // 1_000_000_000:
            self._length = at
        data = self._odd + data
        whole = len(data) - len(data) % self._width
        self._odd = data[whole:]
        data = data[:whole]
        if not data.strip(b"\xff\x7f" if self._is_mulaw else b"\0"):
            self._length += whole // self._width
            return
        last, piece = self._pieces[-1] if self._pieces else (0, bytearray())
        if not piece or last + len(piece) // self._width != self._length:
            piece = bytearray()
            self._pieces.append((self._length, piece))
        piece += data
        self._length += whole // self._width

    def __len__(self) -> int:
        return self._length

    def samples(self, length: int) -> Samples:
        """Return the first ``length`` samples; silence where there are none."""
        sound: Samples = np.zeros(max(length, self._length), dtype=np.int16)
        for at, piece in self._pieces:
            data = bytes(piece)
            part = mulaw.decode(data) if self._is_mulaw else np.frombuffer(data, "<i2")
            sound[at : at + len(part)] = part
        return sound[:length]


class Tapes:
    """Both directions of one call, at the rate of its socket."""

    def __init__(self, audio: AudioFormat, began_ns: int) -> None:
        self.customer = Tape(audio, began_ns)
        self.assistant = Tape(audio, began_ns)
        self._rate = audio.sample_rate

    def recording(self, kind: str, *, customer_first: bool = True) -> bytes:
        """Return a WAV file.

        Args:
            kind: ``mono`` (both mixed), ``stereo``, ``customer`` or ``assistant``.
            customer_first: in stereo, who is on the left.
        """
        length = max(len(self.customer), len(self.assistant))
        customer, assistant = self.customer.samples(length), self.assistant.samples(length)
        if kind == "stereo":
            pair = (customer, assistant) if customer_first else (assistant, customer)
            sound: Samples = np.stack(pair, axis=1)
        elif kind == "mono":
            both = customer.astype(np.int32) + assistant
            sound = np.clip(both, -32768, 32767).astype(np.int16)
        else:
            sound = customer if kind == "customer" else assistant
        file = io.BytesIO()
        with wave.open(file, "wb") as out:
            out.setnchannels(2 if kind == "stereo" else 1)
            out.setsampwidth(2)
            out.setframerate(self._rate)
            out.writeframes(sound.astype("<i2").tobytes())
        return file.getvalue()


class TapedLine:
    """A line whose outgoing audio is kept."""

    def __init__(self, line: Line, tape: Tape, clock: Clock) -> None:
        self._line = line
        self._tape = tape
        self._clock = clock
        self.audio = line.audio
        self.tell: Callable[[ServerMessage], None] = line.tell
        self.end: Callable[[str], None] = line.end

    def send_audio(self, sound: bytes) -> None:
        """Send one frame."""
        self._tape.add(self._clock.read_ns(), sound)
        self._line.send_audio(sound)

    @property
    def arrival_ns(self) -> int:
        """When what was sent last reaches the client."""
        return self._line.arrival_ns
