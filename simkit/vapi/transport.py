"""The transport socket: one client on ``wss://api.vapi.ai/<call id>/transport``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from websockets.http11 import Request, Response

from ..timeline import Clock, Timeline
from ..wire import WireError, vapi
from ..wire.websocket import WebSocketPeer, server_core
from .conversation import Conversation


class TransportSocket(WebSocketPeer):
    """Vapi's end of a call's socket.

    Args:
        find: returns the conversation for a request path once the socket may open, or None to
            refuse it with HTTP 500, as Vapi does for a call that is over.
        open_delay_ns: how long the upgrade request waits for its answer.
    """

    session = 0

    def __init__(
        self,
        find: Callable[[TransportSocket, Request], Conversation | None],
        *,
        clock: Clock,
        timeline: Timeline,
        open_delay_ns: int = 0,
    ) -> None:
        super().__init__(server_core())
        self._find = find
        self._clock = clock
        self._timeline = timeline
        self._open_delay_ns = open_delay_ns
        self._held: bytes | None = b"" if open_delay_ns else None
        self._timer: asyncio.TimerHandle | None = None
        self._frame_ns_per_byte = 0.0
        self.audio = vapi.AudioFormat()
        self.conversation: Conversation | None = None
        self.ended_reason = ""

    # Opening

    def data_received(self, data: bytes) -> None:
        """Take bytes; a slow start keeps the client waiting for its upgrade."""
        if self._held is None:
            super().data_received(data)
            return
        self._held += data
        if self._timer is None:
            due_ns = self._clock.read_ns() + self._open_delay_ns
            self._timer = self._clock.call_at(due_ns, self._release)

    def _release(self) -> None:
        held, self._held = self._held or b"", None
        if not self.transport.is_closing():
            super().data_received(held)

    def on_request(self, request: Request) -> Response | None:
        """Find the call that the path names."""
        self.conversation = self._find(self, request)
        if self.conversation is None:
            response: Response = self.core.reject(500, "call not found or already ended\n")
            return response
        return None

    def opens(self, session: int, audio: vapi.AudioFormat) -> None:
        """Take the call's number and audio format, before the socket opens."""
        self.session = session
        self.audio = audio
        width = 1 if audio.format == "mulaw" else 2
        self._frame_ns_per_byte = 1e9 / (audio.sample_rate * width)

    def on_open(self) -> None:
        """The socket is open: the assistant begins."""
        self._record("open", {}, from_client=False)
        if self.conversation is not None:
            self.conversation.open()

    # Out

    @property
    def arrival_ns(self) -> int:
        """When what was sent last reaches the client."""
        found: int | None = self.transport.get_extra_info("simkit.arrival_ns")
        return self._clock.read_ns() if found is None else found

    def send_audio(self, sound: bytes) -> None:
        """Send a binary frame."""
        if self.is_open:
            self.send_binary(sound)
            self._count("vapi", "bridge", self.arrival_ns, len(sound))

    def tell(self, message: vapi.ServerMessage) -> None:
        """Send a text frame."""
        if self.is_open:
            self.send_text(vapi.encode(message))
            kind = str(message.__struct_config__.tag)
            self._record(kind, describe(message), from_client=False)

    def end(self, reason: str) -> None:
        """End the call from Vapi's side."""
        self._note_end(reason)
        if self.conversation is not None:
            self.conversation.close()
        self.close(1000)

    def _note_end(self, reason: str) -> None:
        """Say why the call ended, once; who follows the messages learns it after a close too."""
        if not self.ended_reason:
            self.ended_reason = reason
            tell = self.tell if self.conversation is None else self.conversation.tell
            tell(vapi.StatusUpdate("ended", ended_reason=reason))

    # In

    def on_binary(self, data: bytes) -> None:
        """Audio from the caller."""
        self._count("bridge", "vapi", self._sent_ns, len(data))
        if self.conversation is not None:
            self.conversation.hearing.feed(data)

    def on_text(self, data: bytes) -> None:
        """A message from the client."""
        try:
            message = vapi.decode_for_vapi(data)
        except WireError as error:
            self._timeline.record("warning", "vapi", session=self.session, reason=str(error))
            return
        self._record(str(message.__struct_config__.tag), {}, from_client=True)
        if isinstance(message, (vapi.EndCall, vapi.Hangup)):
            self.end("assistant-ended-call")

    def on_close(self, code: int, reason: str) -> None:
        """The socket is closed."""
        if self._timer is not None:
            self._timer.cancel()
        self._timeline.record(
            "close",
            "bridge",
            "vapi",
            session=self.session,
            code=code,
            arrived_ns=self._clock.read_ns(),
        )
        self._note_end("customer-ended-call")
        if self.conversation is not None:
            self.conversation.close()

    @property
    def _sent_ns(self) -> int:
        found: int | None = self.transport.get_extra_info("simkit.sent_ns")
        return self._clock.read_ns() if found is None else found

    def _count(self, source: str, target: str, t_ns: int, size: int) -> None:
        audio_ns = round(size * self._frame_ns_per_byte)
        self._timeline.frame(source, target, t_ns, audio_ns, session=self.session)

    def _record(self, kind: str, fields: dict[str, Any], *, from_client: bool) -> None:
        now_ns = self._clock.read_ns()
        sent_ns = self._sent_ns if from_client else now_ns
        arrived_ns = now_ns if from_client else self.arrival_ns
        self._timeline.record(
            kind,
            "bridge" if from_client else "vapi",
            "vapi" if from_client else "bridge",
            t_ns=sent_ns if from_client else arrived_ns,
            session=self.session,
            sent_ns=sent_ns,
            arrived_ns=arrived_ns,
            **fields,
        )


def describe(message: vapi.ServerMessage) -> dict[str, Any]:
    """Return the fields of a message that the timeline shows."""
    if isinstance(message, vapi.Transcript):
        return {
            "role": message.role,
            "transcript_type": message.transcript_type,
            "text": message.transcript,
        }
    if isinstance(message, vapi.SpeechUpdate):
        return {"role": message.role, "status": message.status}
    if isinstance(message, vapi.StatusUpdate):
        reason = message.ended_reason
        return {"status": message.status} | ({"reason": reason} if reason else {})
    if isinstance(message, vapi.ConversationUpdate):
        return {"messages": len(message.conversation or [])}
    return {}
