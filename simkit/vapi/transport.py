"""The transport socket: one client on ``wss://api.vapi.ai/<call id>/transport``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from websockets.http11 import Request, Response

from ..timeline import Clock, Timeline
from ..timeline.media import MediaLeg
from ..wire import WireError, garbage, vapi
from ..wire.errors import shorten
from ..wire.garbage import Garbage
from ..wire.slow_opening import SlowOpening
from ..wire.websocket import server_core
from .commands import asked, obey
from .conversation import Conversation
from .faults import CallFaults
from .settings import VapiSettings
from .socket_faults import SocketFaults


@dataclass(frozen=True)
class Refusal:
    """Why a socket may not open."""

    status: int
    reason: str
    opens_first: bool = False
    """The upgrade is accepted, and the socket closed with 1008."""


NO_CALL = "call not found or already ended"


class TransportSocket(SlowOpening):
    """Vapi's end of a call's socket.

    Args:
        find: returns the conversation for a request path once the socket may open, or why not.
        open_delay_ns: how long the upgrade request waits for its answer.
    """

    session = 0
    _sent: MediaLeg
    _taken: MediaLeg

    def __init__(
        self,
        find: Callable[[TransportSocket, Request], Conversation | Refusal],
        *,
        settings: VapiSettings,
        clock: Clock,
        timeline: Timeline,
        open_delay_ns: int = 0,
    ) -> None:
        super().__init__(server_core(), clock, open_delay_ns)
        self._find = find
        self._settings = settings
        self._timeline = timeline
        self._timer: asyncio.TimerHandle | None = None
        self._ns_per_byte = 0.0
        self._faults: SocketFaults | None = None
        self._begin_after = 0.0
        self.audio = vapi.AudioFormat()
        self.conversation: Conversation | None = None
        self.ended_reason = ""

    # Opening

    def on_request(self, request: Request) -> Response | None:
        """Find the call that the path names."""
        found = self._find(self, request)
        if isinstance(found, Conversation):
            self.conversation = found
        elif not found.opens_first:
            response: Response = self.core.reject(found.status, f"{found.reason}\n")
            return response
        return None

    def opens(self, session: int, audio: vapi.AudioFormat, faults: CallFaults) -> None:
        """Take the call's number, audio format and faults, before the socket opens."""
        self.session = session
        self.audio = audio
        width = 1 if audio.format == "mulaw" else 2
        self._ns_per_byte = 1e9 / (audio.sample_rate * width)
        self._sent = self._timeline.leg("vapi", "bridge", session=session)
        self._taken = self._timeline.leg("bridge", "vapi", session=session)
        self._faults = SocketFaults(faults, self, clock=self._clock)
        self._begin_after = faults.take("slow_begin") or 0.0

    def on_open(self) -> None:
        """The socket is open: the assistant begins."""
        if self.conversation is None or self._faults is None:
            self._close_with(1008, NO_CALL)
            return
        self._record("open", {}, from_client=False)
        self._faults.opens()
        if self._begin_after:
            due_ns = self._clock.read_ns() + round(self._begin_after * 1e9)
            self._timer = self._clock.call_at(due_ns, self._begin)
        else:
            self._begin()

    def _begin(self) -> None:
        self._begin_after = 0.0
        if self.conversation is not None and self.is_open:
            self.conversation.open()

    # Out

    def send_audio(self, sound: bytes) -> None:
        """Send audio of the assistant."""
        faults = self._faults
        if faults is not None and faults.touches_audio:
            faults.send(sound)
        else:
            self.send_frame(sound)

    def tell(self, message: vapi.ServerMessage) -> None:
        """Send a message of the conversation."""
        if self._faults is not None:
            self._faults.tell(message)

    def send_frame(self, sound: bytes) -> None:
        """Send a binary frame."""
        if self.is_open:
            self.send_binary(sound)
            self._sent.frame(self.arrival_ns, round(len(sound) * self._ns_per_byte))

    def send_message(self, message: vapi.ServerMessage) -> None:
        """Send a text frame."""
        if self.is_open:
            data = vapi.encode(message)
            self.send_text(b'{"message":%b}' % data if self._settings.envelope else data)
            self._record(str(message.__struct_config__.tag), describe(message), from_client=False)

    def send_given(self, data: bytes, message: vapi.ServerMessage) -> None:
        """Send a text frame as it is; ``message`` is what it says."""
        self.send_as_it_is(data, str(message.__struct_config__.tag), describe(message))

    def send_as_it_is(self, data: bytes, kind: str, fields: dict[str, Any]) -> None:
        """Send a text frame that is known in the timeline by a kind and fields."""
        if self.is_open:
            self.send_text(data)
            self._record(kind, fields, from_client=False)

    def send_garbage(self, how: Garbage) -> None:
        """Send what Vapi never would."""
        data = garbage.for_vapi(how)
        if isinstance(data, bytes):
            self.send_binary(data)
        else:
            self.send_text(data.encode())
        self._record("garbage", {"how": how}, from_client=False)

    def end(self, reason: str) -> None:
        """End the call from Vapi's side."""
        self._note_end(reason)
        self._stop()
        self._close_with(self._settings.close_code)

    def fail(self, code: int, reason: str = "worker-shutdown") -> None:
        """Close the socket without a word of it, or lose it (1006); the call ends for a reason."""
        if code == 1006:
            self.drop()
        else:
            self._close_with(None if code == 1005 else code)
        self.is_open = False
        self._note_end(reason)
        self._stop()

    def _close_with(self, code: int | None, reason: str = "") -> None:
        """Close with a code; None for a close frame without one, 1006 for no close frame."""
        if code == 1006:
            self.transport.close()
        else:
            self.close(code, reason)

    def _stop(self) -> None:
        if self.conversation is not None:
            self.conversation.close()
        if self._faults is not None:
            self._faults.stop()

    def _note_end(self, reason: str) -> None:
        """Say why the call ended, once; who follows the messages learns it after a close too."""
        if not self.ended_reason:
            self.ended_reason = reason
            tell = self.tell if self.conversation is None else self.conversation.tell
            tell(vapi.StatusUpdate("ended", ended_reason=reason))

    # In

    def on_binary(self, data: bytes) -> None:
        """Audio from the caller."""
        self._take(data)

    def _take(self, data: bytes) -> None:
        self._taken.frame(self.sent_ns, round(len(data) * self._ns_per_byte))
        faults = self._faults
        if faults is not None and faults.touches_audio:
            data = faults.hear(data)
        if self.conversation is not None and not self._begin_after:
            self.conversation.hearing.feed(data, self.first_sent_ns)

    def on_text(self, data: bytes) -> None:
        """A message from the client."""
        try:
            message = vapi.decode_for_vapi(data)
            if isinstance(message, vapi.Say) and not message.text.split():
                raise WireError(f"message to Vapi: a say without a word; found {shorten(data)}")
        except WireError as error:
            self._refuse_text(str(error))
            return
        kind = str(message.__struct_config__.tag)
        self._record(kind, asked(message), from_client=True)
        if self._faults is not None:
            self._faults.see(kind)
        if self.conversation is not None:
            obey(self.conversation, message)

    def _refuse_text(self, reason: str) -> None:
        self._timeline.record("warning", "vapi", session=self.session, reason=reason)
        if self._settings.bad_text != "noted":
            self.fail(int(self._settings.bad_text), "customer-ended-call")

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
        self._stop()

    def _record(self, kind: str, fields: dict[str, Any], *, from_client: bool) -> None:
        now_ns = self._clock.read_ns()
        sent_ns = self.sent_ns if from_client else now_ns
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
