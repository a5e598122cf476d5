"""The two legs of a call: the caller's audio on its way to Vapi, the agent's on its way back."""

from __future__ import annotations

from ..audio import mulaw
from ..wire import twilio
from .codec import FromVapi, ToVapi
from .config import Config
from .events import Action, AgentAudio, Count, Note, SendCallerAudio, SetTimer
from .lateness import Lateness
from .own_vad import OwnVad
from .rate_watch import RateWatch
from .reorder import InOrder
from .talk import Talk, ns
from .waiting import Waiting

_FRAME = 160
_FRAME_MS = 20
_SILENT_FRAME = bytes([mulaw.SILENCE]) * _FRAME
_BYTES_PER_MS = 8


class Legs(Talk):
    """What becomes of each frame, on its way in and on its way out."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        # The caller's leg
        self._to_vapi = ToVapi(as_mulaw=config.sends_mulaw, rate=config.vapi_rate)
        self._caller_order: InOrder[bytes] = InOrder()
        self._lateness = Lateness(ns(config.stale_after))
        self._waiting = Waiting(
            min(round(config.cold_start_limit * 1000) * _BYTES_PER_MS, config.cold_start_bytes)
        )
        self._is_overflowing = False
        self._heard_ns = 0
        self._vad = _own_vad(config) if config.own_vad else None
        # The agent's leg
        self._agent_bytes = config.vapi_rate * (1 if config.sends_mulaw else 2)
        self._agent_size = self._agent_ns = 0  # of the last frame: most are as long
        self._silence = b"\0\xff" if config.sends_mulaw else b"\0"
        self._missing: dict[str, tuple[int, int]] = {}  # which number, and since when
        self._begin_agent_leg()
        self._rate = RateWatch(self._agent_bytes)
        self._rate_was_wrong = False
        self._watching_quiet = False
        self._reorder_ns = ns(config.reorder_limit)
        self._reorder_timers: set[str] = set()

    def _begin_agent_leg(self) -> None:
        """Begin to receive from a socket: no number, no half of a sample is left of another."""
        config = self._config
        self._from_vapi = FromVapi(as_mulaw=config.sends_mulaw, rate=config.vapi_rate)
        self._agent_order: InOrder[bytes] = InOrder()
        self._missing.pop("agent-order", None)

    # Caller audio

    def _on_media(self, event: twilio.Media, now_ns: int) -> list[Action]:
        body = event.media
        if event.stream_sid != self._stream_sid:
            self._check_stream("media", event.stream_sid)
        sound = body.payload
        number, timestamp = twilio.number(body.chunk), twilio.number(body.timestamp)
        self._heard_ns = now_ns
        said: list[Action] = []
        if self._lateness.is_stale(timestamp, now_ns):
            if not self._caller_order.had(number):
                said = self._on_stale_frame()
            sound = b""
        elif self._lateness.stale:
            ms, self._lateness.stale = self._lateness.stale * _FRAME_MS, 0
            said = [Note(f"caller audio is current again; {ms} ms of it dropped", True)]
        for frame in self._caller_order.push(number, sound):
            said += self._on_caller_frame(frame)
            if self._vad is not None and (heard := self._vad.hear(frame)) is not None:
                said += self._on_own_ear(heard, now_ns)
        if self._caller_order.is_waiting:
            said += self._watch_order("caller-order", self._caller_order, now_ns)
        return said

    def _on_stale_frame(self) -> list[Action]:
        """Drop a frame that comes too late to be answered; its number counts all the same."""
        count = Count("dropped", label="stale")
        if self._lateness.stale > 1:
            return [count]
        late = self._lateness.late_ns / 1e9
        limit = self._config.stale_after
        text = f"stale-burst: caller audio is {late:.1f} s late; dropped down to {limit:g} s"
        return [Note(text, True), count]

    def _on_caller_frame(self, frame: bytes) -> list[Action]:
        """Send a frame on, or keep it until Vapi is ready."""
        if self._vapi_is_ready:
            return [SendCallerAudio(self._to_vapi.convert(frame))] if frame else []
        if self._is_leaving:
            return []
        dropped = self._waiting.push(frame)
        if not dropped:
            return []
        count = Count("dropped", dropped / _FRAME, "cold-start")
        if self._is_overflowing:
            return [count]
        self._is_overflowing = True
        limit = self._config.cold_start_limit
        return [Note(f"Vapi not ready for {limit:g} s: dropping oldest audio", True), count]

    def _send_waiting(self) -> list[Action]:
        """Send what waited for Vapi, in one piece."""
        sound = self._waiting.take()
        self._is_overflowing = False
        if not sound:
            return [Note("Vapi ready")]
        ms = len(sound) // _BYTES_PER_MS
        return [
            Note(f"Vapi ready; sending {ms} ms of caller audio that waited"),
            SendCallerAudio(self._to_vapi.convert(sound)),
        ]

    def _on_caller_gap(self, now_ns: int) -> list[Action]:
        """A caller frame did not come: silence takes its place, so that time stays true.

        More silence than what would be stale as sound helps nobody.
        """
        if not self._waited_enough("caller-order", self._caller_order, now_ns):
            return self._watch_order("caller-order", self._caller_order, now_ns)
        missing, frames = self._caller_order.skip()
        if not missing:
            return []
        most = round(self._config.stale_after * 1000) // _FRAME_MS
        frames = [_SILENT_FRAME] * min(missing, most) + frames
        actions: list[Action] = [Note(f"{missing} frames of caller audio are missing", True)]
        for frame in frames:
            actions += self._on_caller_frame(frame)
        return actions + self._watch_order("caller-order", self._caller_order, now_ns)

    def _watch_order(self, name: str, order: InOrder[bytes], now_ns: int) -> list[Action]:
        """Wait for a missing chunk, but not for ever."""
        if not order.is_waiting:
            return []
        number, since_ns = self._missing.get(name, (0, 0))
        if number != order.next:
            number, since_ns = self._missing[name] = order.next, now_ns
        if name in self._reorder_timers:
            return []
        self._reorder_timers.add(name)
        return [SetTimer(name, since_ns + self._reorder_ns)]

    def _waited_enough(self, name: str, order: InOrder[bytes], now_ns: int) -> bool:
        """Tell whether what is missing is so for long: it may be something else by now."""
        self._reorder_timers.discard(name)
        number, since_ns = self._missing.get(name, (0, 0))
        return number == order.next and now_ns >= since_ns + self._reorder_ns

    # Agent audio

    def _on_agent_audio(self, event: AgentAudio, now_ns: int) -> list[Action]:
        if event.number is None:
            return self._on_agent_frame(event.data, now_ns)
        frames = self._agent_order.push(event.number, event.data)
        return self._watch_order("agent-order", self._agent_order, now_ns) + [
            action for frame in frames for action in self._on_agent_frame(frame, now_ns)
        ]

    def _on_agent_frame(self, data: bytes, now_ns: int) -> list[Action]:
        size = len(data)
        if size != self._agent_size:
            self._agent_size = size
            self._agent_ns = size * 1_000_000_000 // self._agent_bytes
        sound = self._from_vapi.convert(data)
        is_silence = not data.strip(self._silence)
        actions: list[Action] = []
        if self._agent.arrived(now_ns, self._agent_ns, is_silence=is_silence) and sound:
            actions.append(twilio.SendMedia(self._stream_sid, twilio.Payload(sound)))
            if not is_silence:
                if self._guard.is_owed and self._agent.answers:
                    self._guard.answered()
                if not self._watching_quiet:
                    self._watching_quiet = True
                    actions.append(SetTimer("quiet", now_ns + ns(self._config.new_reply_gap)))
        wrong = self._rate.arrived(size, now_ns, is_silence=is_silence)
        if wrong is not None:
            actions += self._on_wrong_rate(wrong, now_ns)
        return actions

    def _on_wrong_rate(self, share: float, now_ns: int) -> list[Action]:
        """The agent's audio is not of the declared rate; said once a call."""
        config = self._config
        said: list[Action] = []
        if not self._rate_was_wrong:
            self._rate_was_wrong = True
            text = (
                f"agent audio comes at {share:g} times the rate of {config.vapi_format} at "
                f"{config.vapi_rate} Hz that was declared: the caller hears it garbled"
            )
            said = [Note(text, True), Count("wrong_rate")]
        if config.on_wrong_rate == "end" and self._rate.is_certain:
            said += self._hang_up_when_heard("agent audio is garbled", "wrong-rate", now_ns)
        return said

    def _on_agent_gap(self, now_ns: int) -> list[Action]:
        if not self._waited_enough("agent-order", self._agent_order, now_ns):
            return self._watch_order("agent-order", self._agent_order, now_ns)
        missing, frames = self._agent_order.skip()
        if not missing:
            return []
        actions: list[Action] = [Note(f"{missing} frames of agent audio are missing", True)]
        for frame in frames:
            actions += self._on_agent_frame(frame, now_ns)
        return actions + self._watch_order("agent-order", self._agent_order, now_ns)

    def _on_quiet_timer(self, now_ns: int) -> list[Action]:
        if not self._agent.is_quiet(now_ns):
            return [SetTimer("quiet", self._agent.quiet_at_ns)]
        self._watching_quiet = False
        return self._mark_if_needed()


def _own_vad(config: Config) -> OwnVad:
    return OwnVad(
        level_db=config.own_vad_level,
        voice_ns=ns(config.own_vad_voice),
        silence_ns=ns(config.endpointing),
    )
