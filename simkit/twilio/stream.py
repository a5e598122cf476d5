"""The media stream: Twilio's end of the WebSocket, frames out, play-out in."""

from __future__ import annotations

import asyncio
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from websockets.http11 import Request

from ..timeline import Clock, Timeline
from ..wire import WireError, twilio
from ..wire.disorder import Disorder
from ..wire.websocket import WebSocketPeer, client_core
from .playout import PACKET, PACKET_NS, PlayOut
from .settings import TwilioSettings

if TYPE_CHECKING:
    from .mouth import Mouth


@dataclass(frozen=True)
class StreamIdentity:
    """What the ``start`` message says of a stream."""

    account_sid: str
    call_sid: str
    stream_sid: str
    parameters: dict[str, str]


class MediaStream(WebSocketPeer):
    """One bidirectional stream, from upgrade to close.

    Frames leave every 20 ms by absolute deadlines, with one counter over all messages. What the
    server sends is played, or answered with a warning, as Twilio documents.

    Args:
        url: where to connect.
        signature: ``X-Twilio-Signature`` of the upgrade.
        identity: sids and parameters.
        number: the call's number in the timeline.
        mouth: gives the caller's sound.
        settings: knobs.
        disorder: swaps or duplicates media messages; None keeps them as they are.
        on_started: called once frames flow.
        on_ended: called once, with a reason.
    """

    def __init__(
        self,
        url: str,
        *,
        signature: str,
        identity: StreamIdentity,
        number: int,
        clock: Clock,
        timeline: Timeline,
        mouth: Mouth,
        settings: TwilioSettings,
        disorder: Disorder[bytes] | None,
        on_started: Callable[[], object],
        on_ended: Callable[[str], object],
    ) -> None:
        super().__init__(client_core(url))
        self._signature = signature
        self._identity = identity
        self._number = number
        self._clock = clock
        self._timeline = timeline
        self._mouth = mouth
        self._settings = settings
        self._disorder = disorder
        self._on_started = on_started
        self._on_ended = on_ended
        self._sequence = 0
        self._chunk = 0
        self._timestamp_ms = settings.first_timestamp_ms
        self._next_ns = 0
        self._tick_timer: asyncio.TimerHandle | None = None
        self._warned: set[int] = set()
        self._stopping = False
        self.gone = asyncio.Event()
        """Set when the connection is gone, not only closed."""
        self.playout: PlayOut | None = None

    def upgrade_request(self) -> Request:
        """Return the upgrade as Twilio sends it: no origin, no subprotocol, no extensions."""
        request = super().upgrade_request()
        request.headers["User-Agent"] = "Twilio.TmeWs/1.0"
        request.headers["x-twilio-signature"] = self._signature
        return request

    # Out

    def on_open(self) -> None:
        """Say who is calling and begin to send."""
        now_ns = self._clock.read_ns()
        identity = self._identity
        self._tell("connected", twilio.Connected())
        body = twilio.StartBody(
            account_sid=identity.account_sid,
            stream_sid=identity.stream_sid,
            call_sid=identity.call_sid,
            tracks=["inbound"],
            media_format=twilio.MediaFormat(),
            custom_parameters=identity.parameters,
        )
        self._tell(
            "start",
            twilio.Start(self._count(), body, identity.stream_sid),
            encoding="mulaw/8000",
        )
        self.playout = PlayOut(
            self._clock,
            grid_ns=now_ns,
            buffer_ns=round(self._settings.play_out_buffer * 1e9),
            mark_delay_ns=round(self._settings.mark_delay * 1e9),
            limit=self._settings.buffer_limit,
            returns=self._return_mark,
        )
        self._mouth.begin(now_ns - PACKET_NS)
        self._next_ns = now_ns
        self._on_started()
        self._tick()

    def _tick(self) -> None:
        """Send the last 20 ms of the caller's sound."""
        self._send_frame(self._mouth.frame_before(self._next_ns))
        self._next_ns += PACKET_NS
        self._tick_timer = self._clock.call_at(self._next_ns, self._tick)

    def _send_frame(self, sound: bytes) -> None:
        timestamp_ms = self._timestamp_ms
        self._timestamp_ms += 20
        if self.transport.get_write_buffer_size() > self._settings.upstream_limit:
            self._warn(31930, "the server reads too slowly: caller audio is discarded")
            return
        self._chunk += 1
        self._sequence += 1
        data = twilio.encode_media(
            self._sequence, self._chunk, timestamp_ms, sound, self._identity.stream_sid
        )
        if self._disorder is None:
            self._send_media(data)
            return
        emitted = self._disorder.emit(data)
        for message in emitted:
            self._send_media(message, in_order=emitted == [data])

    def _send_held(self) -> None:
        """No more sound will follow: send what waited for a successor to change places with."""
        if self._disorder is not None and self.is_open:
            held = self._disorder.flush()
            for message in held:
                self._send_media(message, in_order=len(held) == 1)

    def _send_media(self, data: bytes, *, in_order: bool = True) -> None:
        self.send_text(data)
        arrival_ns = self.transport.get_extra_info("simkit.arrival_ns")
        self._timeline.frame(
            "twilio",
            "bridge",
            self._clock.read_ns() if arrival_ns is None else arrival_ns,
            PACKET_NS,
            call=self._number,
            in_order=in_order,
        )

    def press(self, digit: str) -> None:
        """Tell of a key."""
        self._tell(
            "dtmf",
            twilio.Dtmf(
                self._identity.stream_sid, self._count(), twilio.DtmfBody("inbound_track", digit)
            ),
            digit=digit,
        )

    def _return_mark(self, name: str) -> None:
        self._tell(
            "mark",
            twilio.Mark(self._count(), self._identity.stream_sid, twilio.MarkBody(name)),
            name=name,
        )

    def _count(self) -> str:
        self._sequence += 1
        return str(self._sequence)

    def _tell(self, kind: str, message: twilio.FromTwilio, **fields: Any) -> None:
        if not self.is_open:
            return
        self.send_text(twilio.encode(message))
        now_ns = self._clock.read_ns()
        arrived_ns = self.transport.get_extra_info("simkit.arrival_ns", now_ns)
        self._timeline.record(
            kind,
            "twilio",
            "bridge",
            t_ns=arrived_ns,
            call=self._number,
            sent_ns=now_ns,
            arrived_ns=arrived_ns,
            **fields,
        )

    def stop(self) -> None:
        """The call ended or moves on: say so and close."""
        self._stopping = True
        self._quieten()
        self._send_held()
        identity = self._identity
        self._tell(
            "stop",
            twilio.Stop(
                self._count(),
                identity.stream_sid,
                twilio.StopBody(identity.account_sid, identity.call_sid),
            ),
        )
        if self._settings.close_code == 1006:
            self.drop()
        else:
            self.close(self._settings.close_code)

    def _quieten(self) -> None:
        if self._tick_timer is not None:
            self._tick_timer.cancel()
        if self.playout is not None:
            self.playout.stop()

    # In

    def on_text(self, data: bytes) -> None:
        """Take a message from the server."""
        if self._stopping or self.playout is None:
            return
        try:
            message = twilio.decode_for_twilio(data)
        except WireError as error:
            self._warn(31951, str(error))
            return
        if message.stream_sid != self._identity.stream_sid:
            self._warn(31951, f"streamSid {message.stream_sid!r} is not this stream's")
            return
        sent_ns = self.transport.get_extra_info("simkit.sent_ns", self._clock.read_ns())
        if isinstance(message, twilio.SendMedia):
            self._on_media(message, sent_ns)
        elif isinstance(message, twilio.SendMark):
            self._told("mark", sent_ns, name=message.mark.name)
            self.playout.mark(message.mark.name)
        else:
            self._timeline.end_run("bridge", "twilio", call=self._number)
            self._told("clear", sent_ns)
            self.playout.clear()

    def _on_media(self, message: twilio.SendMedia, sent_ns: int) -> None:
        try:
            sound = binascii.a2b_base64(message.media.payload, strict_mode=True)
        except ValueError as error:
            self._warn(31951, f"media.payload is not base64: {error}")
            return
        self._timeline.frame(
            "bridge", "twilio", sent_ns, len(sound) * PACKET_NS // PACKET, call=self._number
        )
        if self.playout is not None and not self.playout.media(sound):
            self._warn(31931, "over 10 minutes of audio queued: more is discarded")

    def on_binary(self, data: bytes) -> None:
        """Twilio takes text frames only."""
        self._warn(31950, f"binary frame of {len(data)} bytes")

    def _told(self, kind: str, sent_ns: int, **fields: Any) -> None:
        self._timeline.record(
            kind,
            "bridge",
            "twilio",
            t_ns=sent_ns,
            call=self._number,
            sent_ns=sent_ns,
            arrived_ns=self._clock.read_ns(),
            **fields,
        )

    def _warn(self, code: int, reason: str) -> None:
        """Report a warning, each kind once per stream; the stream goes on."""
        if code not in self._warned:
            self._warned.add(code)
            self._timeline.record("warning", "twilio", call=self._number, code=code, reason=reason)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        super().connection_lost(error)
        self.gone.set()

    def on_close(self, code: int, reason: str) -> None:
        """The socket is closed, by whichever side."""
        self._quieten()
        if self._stopping:
            self._on_ended("stopped")
            return
        opened = self.playout is not None
        if not opened:
            error = 31920 if reason.startswith("upgrade") else 31902
            self._report(error, reason or "the handshake did not complete")
        elif code == 1006:
            self._report(31903, "connection broken while streaming")
        else:
            self._report(31921, f"the server closed the socket with {code}")
        self._on_ended("closed by server" if opened else "never opened")

    def _report(self, code: int, reason: str) -> None:
        self._timeline.record("error", "twilio", call=self._number, code=code, reason=reason)
