"""The media stream: Twilio's end of the WebSocket, frames out, play-out in."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..audio.mulaw import is_silent
from ..timeline import Clock, Timeline
from ..wire import WireError, twilio
from ..wire.disorder import Disorder
from ..wire.errors import shorten
from . import keys
from .playout import PACKET, PACKET_NS, PlayOut
from .settings import TwilioSettings
from .socket import StreamEvents, StreamIdentity, StreamSocket
from .tracks import OutboundTrack, in_order

if TYPE_CHECKING:
    from .mouth import Mouth

_EPISODE_NS = 1_000_000_000
"""Audio dropped after a longer pause is reported anew."""


class MediaStream(StreamSocket):
    """One stream, from upgrade to close: bidirectional, or unidirectional.

    Frames leave every 20 ms by absolute deadlines, with one counter over all messages. What the
    server sends on a bidirectional stream is played, or answered with a warning, as Twilio
    documents; on a unidirectional one it is a protocol error, and there are no keys and no marks.

    Args:
        url: where to connect.
        signature: ``X-Twilio-Signature`` of the upgrade, over what ``as_signed`` makes of the URL.
        identity: sids and parameters.
        number: the call's number in the timeline.
        mouth: gives the caller's sound.
        settings: knobs.
        disorder: swaps or duplicates media messages; None keeps them as they are.
        on_started: called once frames flow.
        on_ended, announce: see :class:`~simkit.twilio.socket.StreamEvents`.
        tracks: ``inbound`` is the caller, ``outbound`` what the caller hears; a bidirectional
            stream has the inbound one only.
        bidirectional: ``<Connect><Stream>``; False: ``<Start><Stream>``.
        outbound: the sound of the outbound track.

    Raises:
        StreamUrlError: the URL is one that Twilio does not connect to.
        ValueError: tracks that such a stream does not have.
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
        tracks: Sequence[str] = ("inbound",),
        bidirectional: bool = True,
        outbound: OutboundTrack | None = None,
        announce: Callable[[], Awaitable[object] | None] | None = None,
    ) -> None:
        super().__init__(
            url,
            signature=signature,
            number=number,
            clock=clock,
            timeline=timeline,
            settings=settings,
            events=StreamEvents(on_started, on_ended, announce),
        )
        self._sent = timeline.leg("twilio", "bridge", call=number)
        self._taken = timeline.leg("bridge", "twilio", call=number)
        self._tracks = in_order(tracks, bidirectional=bidirectional)
        self._bidirectional = bidirectional
        self._outbound = outbound or OutboundTrack()
        self._identity = identity
        self._mouth = mouth
        self._disorder = disorder
        self._draw = random.Random(f"stream {identity.stream_sid}")
        self._sequence = 0
        self._chunk = 0
        self._chunks = dict.fromkeys(self._tracks, 0)
        first = settings.first_timestamp_ms
        self._timestamp_ms = self._draw.randint(*first) if isinstance(first, tuple) else first
        self._jitter_ms = settings.timestamp_jitter_ms
        self._next_ns = 0
        self._dropped_ns: int | None = None
        self._tick_timer: asyncio.TimerHandle | None = None
        self._decode: Callable[[bytes], twilio.ToTwilio] = twilio.decode_for_twilio_strictly
        self._begun = False
        self.playout: PlayOut | None = None
        """What the caller hears; None before the start, and on a unidirectional stream."""

    def begin(self) -> None:
        """Say who is calling and begin to send."""
        self._begun = True
        settings = self._settings
        self._tell("connected", twilio.Connected(version=settings.connected_version))
        self._tell_start()
        self._flow()
        self._tick()
        if settings.stream_started == "after media":
            self._announce()

    def _flow(self) -> None:
        """Let sound flow both ways from now on."""
        now_ns, settings = self._clock.read_ns(), self._settings
        if self._bidirectional:
            self.playout = PlayOut(
                self._clock,
                grid_ns=now_ns,
                buffer_ns=round(settings.play_out_buffer * 1e9),
                mark_delay_ns=round(settings.mark_delay * 1e9),
                limit=settings.buffer_limit,
                returns=self._return_mark,
                pads=settings.odd_sizes == "pad",
                depth=self._timeline.level(
                    "Twilio's play-out queue", "twilio", "ms", tolerance=10.0, call=self._number
                ),
            )
        self._mouth.begin(now_ns - PACKET_NS)
        self._next_ns = now_ns
        self._events.started()
        if settings.stream_started == "with start":
            self._announce()

    def _tell_start(self) -> None:
        start = self._identity.start(self._count(), self._tracks)
        self._tell("start", start, encoding="mulaw/8000")

    # Out

    def _tick(self) -> None:
        """Send the last 20 ms of sound."""
        if self._bidirectional:
            self._send_frame(self._mouth.frame_before(self._next_ns))
        else:
            self._send_tracks()
        self._timestamp_ms += 20
        self._next_ns += PACKET_NS
        self._tick_timer = self._clock.call_again(self._tick_timer, self._next_ns, self._tick)

    def _send_tracks(self) -> None:
        """Send the frames of one instant, which have one timestamp."""
        sources: dict[str, Mouth | OutboundTrack] = {
            "inbound": self._mouth,
            "outbound": self._outbound,
        }
        shared = self._settings.track_chunks == "shared"
        for track in self._tracks:
            if not shared:
                self._chunk = self._chunks[track]
            self._send_frame(sources[track].frame_before(self._next_ns), track.encode())
            self._chunks[track] = self._chunk

    def _send_frame(self, sound: bytes, track: bytes = b"inbound") -> None:
        timestamp_ms = self._timestamp_ms
        if self._jitter_ms and self._chunk:
            timestamp_ms += self._draw.randint(-self._jitter_ms, self._jitter_ms)
        if self.transport.get_write_buffer_size() > self._settings.upstream_limit:
            self._drop_frame()
            return
        self._chunk += 1
        self._sequence += 1
        data = twilio.encode_media(
            self._sequence, self._chunk, timestamp_ms, sound, self._identity.stream_sid, track
        )
        if self._disorder is None:
            self._send_media(data)
            return
        emitted = self._disorder.emit(data)
        for message in emitted:
            self._send_media(message, in_order=emitted == [data])

    def _drop_frame(self) -> None:
        """The server reads too slowly: this frame is lost, and its numbers perhaps with it."""
        now_ns = self._clock.read_ns()
        how = self._settings.upstream_drop
        if how == "skip":
            self._chunk += 1
            self._sequence += 1
        elif how == "renumber" and now_ns != self._dropped_ns:
            self._timestamp_ms -= 20
        if self._dropped_ns is None or now_ns - self._dropped_ns > _EPISODE_NS:
            self._warned.discard(31930)
        self._dropped_ns = now_ns
        self._warn(31930, "the server reads too slowly: caller audio is discarded")

    def _send_held(self) -> None:
        """No more sound will follow: send what waited for a successor to change places with."""
        if self._disorder is not None and self.is_open:
            held = self._disorder.flush()
            for message in held:
                self._send_media(message, in_order=len(held) == 1)

    def _send_media(self, data: bytes, *, in_order: bool = True) -> None:
        self.send_text(data)
        arrival_ns = self.transport.get_extra_info("simkit.arrival_ns")
        self._sent.frame(
            self._clock.read_ns() if arrival_ns is None else arrival_ns,
            PACKET_NS,
            in_order=in_order,
        )

    def press(self, digit: str) -> None:
        """Tell of a key; unidirectional streams do not tell of any.

        Raises:
            ValueError: it is on no telephone.
        """
        keys.check(digit)
        if not self._bidirectional or not self._begun:
            return
        if digit in keys.LETTERS and not self._settings.dtmf_letters:
            return
        self._tell(
            "dtmf",
            twilio.Dtmf(
                self._identity.stream_sid, self._count(), twilio.DtmfBody("inbound_track", digit)
            ),
            digit=digit,
        )

    def _take_mark(self, name: str) -> None:
        if self.playout is not None:
            self.playout.mark(name)

    def _return_mark(self, name: str) -> None:
        self._tell(
            "mark",
            twilio.Mark(self._count(), self._identity.stream_sid, twilio.MarkBody(name)),
            name=name,
        )

    def _count(self) -> str:
        self._sequence += 1
        return str(self._sequence)

    def _tell(self, kind: str, message: twilio.FromTwilio | dict[str, Any], **fields: Any) -> None:
        if not self.is_open:
            return
        if isinstance(message, twilio.Start):
            first = self._settings.start_order == "parameters first"
            self.send_text(twilio.encode_start(message, parameters_first=first))
        else:
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

    def say_stop(self) -> None:
        """Send what is left, and the last message, if the stream ever began."""
        if not self._begun:
            return
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

    def quieten(self) -> None:
        """Send no more frames, and play nothing more."""
        if self._tick_timer is not None:
            self._tick_timer.cancel()
        if self.playout is not None:
            self.playout.stop()

    # In

    def on_text(self, data: bytes) -> None:
        """Take a message from the server."""
        playout = self.playout
        if playout is None or self._stopping:
            self._on_unexpected("a message")
            return
        try:
            message = self._decode(data)
        except WireError as error:
            lenient = self._understand(data, error)
            if lenient is None:
                return
            message = lenient
        if message.stream_sid != self._identity.stream_sid:
            self._warn(31951, f"streamSid {shorten(message.stream_sid)} is not this stream's")
            return
        sent_ns = self.transport.get_extra_info("simkit.sent_ns")
        if sent_ns is None:
            sent_ns = self._clock.read_ns()
        if isinstance(message, twilio.SendMedia):
            self._on_media(message, sent_ns)
        elif isinstance(message, twilio.SendMark):
            self._told("mark", sent_ns, name=message.mark.name)
            self._take_mark(message.mark.name)
        else:
            self._taken.end_run()
            self._told("clear", sent_ns)
            playout.clear()

    def _understand(self, data: bytes, error: WireError) -> twilio.ToTwilio | None:
        """Look again at what is not as documented: is it more than fields too many?"""
        try:
            data.decode()
        except UnicodeDecodeError as wrong:
            self._warn(31950, f"text that is not UTF-8: {wrong.reason} at byte {wrong.start}")
            return None
        if self._settings.strict_fields:
            self._warn(31951, str(error))
            return None
        try:
            message = twilio.decode_for_twilio(data)
        except WireError as wrong:
            self._warn(31951, str(wrong))
            return None
        # From now on the first look takes them too: once is enough to say so.
        self._decode = twilio.decode_for_twilio
        self._timeline.record("note", "twilio", call=self._number, about=str(error))
        return message

    def _on_unexpected(self, what: str) -> None:
        """Take what comes while no play-out listens."""
        if self._stopping or self._over:
            return
        if not self._bidirectional:
            self.on_violation(f"{what} on a unidirectional stream")
        elif not self._begun:
            self._warn(31951, f"{what} before the start of the stream")

    def _on_media(self, message: twilio.SendMedia, sent_ns: int) -> None:
        sound = message.media.payload
        self._taken.frame(sent_ns, len(sound) * PACKET_NS // PACKET, is_silent=is_silent(sound))
        if self.playout is not None and not self.playout.media(sound):
            self._warn(31931, "over 10 minutes of audio queued: more is discarded")

    def on_binary(self, data: bytes) -> None:
        """Twilio takes text frames only."""
        if self.playout is None or self._stopping:
            self._on_unexpected("a binary frame")
        else:
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
