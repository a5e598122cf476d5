"""Faults of a socket: what they do to the frames and messages that pass, both ways."""

from __future__ import annotations

import itertools
from typing import Protocol

import msgspec
import numpy as np

from ..audio import mulaw
from ..timeline import Clock
from ..wire import vapi
from .faults import CallFaults, Close
from .timers import Timers


class Socket(Protocol):
    """What a fault may do with a socket."""

    audio: vapi.AudioFormat

    def send_frame(self, sound: bytes) -> None:
        """Send audio as it is."""

    def send_message(self, message: vapi.ServerMessage) -> None:
        """Send a message as it is."""

    def fail(self, code: int) -> None:
        """Close, or lose, the socket."""


class SocketFaults:
    """Stands between a conversation and its socket; by default everything passes."""

    def __init__(self, faults: CallFaults, socket: Socket, *, clock: Clock) -> None:
        self._faults = faults
        self._socket = socket
        self._clock = clock
        self._timers = Timers(clock)
        self._opened_ns = 0
        self._is_deaf = False
        self._is_mute = False
        self._deaf_bytes = 0
        self._gap_ns: int | None = None
        self._came_ns = 0
        self._misread = False
        self._odd_frames = 0
        self._cut = b""
        self._close: Close | None = None
        self._seen = 0
        self.touches_audio = False
        """Audio has to pass here, too; messages always do."""

    def opens(self) -> None:
        """The socket is open."""
        self.touches_audio = any(fault.name in _OF_AUDIO for fault in self._faults.turned_on())
        faults = self._faults
        audio = self._socket.audio
        self._opened_ns = self._came_ns = self._clock.read_ns()
        width = 1 if audio.format == "mulaw" else 2
        lost = faults.take("deaf_start")
        self._deaf_bytes = round((lost or 0) * audio.sample_rate) * width
        gap = faults.look("deaf_after_gap")
        self._gap_ns = None if gap is None else round(gap * 1e9)
        self._misread = bool(faults.take("misread_audio"))
        self._odd_frames = faults.take("odd_frames") or 0
        for name, begin in (("deaf_from", self._go_deaf), ("mute_from", self._go_mute)):
            after = faults.look(name)
            if after is not None:
                self._timers.after(after, begin, name, after)
        self._close = faults.look("close")
        if self._close is not None and self._close.at is not None:
            self._timers.after(self._close.at, self._fail)

    def stop(self) -> None:
        """The socket is closed."""
        self._timers.cancel_all()

    def inherits(self) -> bool:
        """Return whether audio that the last call left begins this one."""
        return self._faults.take("stale_audio") is not None

    # From the client

    def hear(self, data: bytes) -> bytes:
        """Return what Vapi gets of the caller's audio."""
        self.see("caller audio")
        now_ns = self._clock.read_ns()
        if self._gap_ns is not None and now_ns - self._came_ns > self._gap_ns:
            self._go_deaf("deaf_after_gap", self._gap_ns / 1e9)
            self._gap_ns = None
        self._came_ns = now_ns
        if self._is_deaf:
            return b""
        if self._deaf_bytes:
            lost = min(self._deaf_bytes, len(data))
            self._deaf_bytes -= lost
            data = data[lost:]
        return self._taken_for_another(data) if self._misread else data

    def _taken_for_another(self, data: bytes) -> bytes:
        """Read PCM as mu-law or mu-law as PCM, and bring that to the declared format."""
        if self._socket.audio.format == "mulaw":
            return mulaw.encode(np.frombuffer(data, "<i2", len(data) // 2))
        return mulaw.decode(data).astype("<i2").tobytes()

    def _go_deaf(self, name: str, value: float) -> None:
        self._is_deaf = True
        self._faults.note(name, value)

    # To the client

    def send(self, sound: bytes) -> None:
        """Send audio, or what becomes of it."""
        if self._is_mute:
            return
        self.see("audio")
        if not self._odd_frames:
            self._socket.send_frame(sound)
            return
        self._cut += sound
        while len(self._cut) >= self._odd_frames:
            self._socket.send_frame(self._cut[: self._odd_frames])
            self._cut = self._cut[self._odd_frames :]

    def _go_mute(self, name: str, value: float) -> None:
        self._is_mute = True
        self._faults.note(name, value)

    def tell(self, message: vapi.ServerMessage) -> None:
        """Send a message, or what becomes of it."""
        if isinstance(message, vapi.Transcript) and message.transcript_type == "final":
            name = "final_pieces" if message.role == "user" else "assistant_pieces"
            for piece in _pieces(message.transcript, self._faults.take(name) or 1):
                self._send_message(msgspec.structs.replace(message, transcript=piece))
            return
        if (
            isinstance(message, vapi.SpeechUpdate)
            and (message.role, message.status) == ("user", "stopped")
            and (late := self._faults.take("late_stopped")) is not None
        ):
            self._timers.after(late, self._send_message, message)
            return
        self._send_message(message)

    def _send_message(self, message: vapi.ServerMessage) -> None:
        self._socket.send_message(message)
        self.see(" ".join(words(message)))

    # The end

    def see(self, what: str) -> None:
        """Something happened: with it, the socket may have to close."""
        close = self._close
        if close is None or not close.on or not f"{what} ".startswith(f"{close.on} "):
            return
        self._seen += 1
        if self._seen == close.nth:
            self._timers.after(close.after, self._fail)

    def _fail(self) -> None:
        assert self._close is not None
        self._faults.note("close", self._close.code)
        self._socket.fail(self._close.code)
        self.stop()


_OF_AUDIO = (
    "deaf_start",
    "deaf_from",
    "deaf_after_gap",
    "misread_audio",
    "mute_from",
    "odd_frames",
    "close",
)


def words(message: vapi.ServerMessage) -> tuple[str, ...]:
    """Return the words by which a message is known: its kind, and what tells it from its like."""
    kind = str(message.__struct_config__.tag)
    if isinstance(message, vapi.Transcript):
        return kind, message.transcript_type, message.role
    if isinstance(message, vapi.SpeechUpdate):
        return kind, message.role, message.status
    if isinstance(message, vapi.StatusUpdate):
        return kind, message.status
    return (kind,)


def _pieces(text: str, count: int) -> list[str]:
    """Cut a text into so many pieces of about as many words, or as many as it has words."""
    every = text.split()
    if count < 2 or len(every) < 2:
        return [text]
    count = min(count, len(every))
    edges = [len(every) * number // count for number in range(count + 1)]
    return [" ".join(every[a:b]) for a, b in itertools.pairwise(edges)]
