"""The core: everything the bridge decides about one call, without I/O.

:meth:`CallCore.handle` takes an event and the time and returns actions, in the order in which
they must be carried out. It has no await, no clock and no randomness of its own.
"""

from __future__ import annotations

import binascii
from collections import deque
from collections.abc import Callable
from typing import Any

from ..audio import mulaw
from ..wire import WireError, twilio
from .codec import FromVapi, ToVapi
from .config import Config
from .events import (
    Action,
    AgentAudio,
    AgentStarted,
    AgentStopped,
    CallEnded,
    CallerSaid,
    CallerStarted,
    CloseTwilio,
    CoreEvent,
    EndVapi,
    Interrupted,
    Note,
    OpenVapi,
    SendCallerAudio,
    SetTimer,
    TimerDue,
    TwilioGone,
    VapiGone,
    VapiReady,
)
from .reorder import InOrder
from .turns import AgentSpeech, is_backchannel

_FRAME = 160
_FRAME_NS = 20_000_000
_BYTE_NS = 125_000
_SILENT_FRAME = bytes([mulaw.SILENCE]) * _FRAME
_HANG_UP_LIMIT_NS = 10_000_000_000


class CallCore:
    """One phone call, from Twilio's ``start`` to the end of both sockets.

    Subclasses may override single decisions; each is a method of its own.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._to_vapi = ToVapi(as_mulaw=config.sends_mulaw)
        self._from_vapi = FromVapi(as_mulaw=config.sends_mulaw)
        self._agent_byte_ns = _BYTE_NS if config.sends_mulaw else 31_250
        self._caller_order: InOrder[bytes] = InOrder()
        self._agent_order: InOrder[bytes] = InOrder()
        self._agent = AgentSpeech(
            grace_ns=round(config.late_partial_grace * 1e9),
            new_reply_gap_ns=round(config.new_reply_gap * 1e9),
        )
        self._waiting: deque[bytes] = deque()
        self._waiting_limit = int(config.cold_start_limit * 1e9) // _FRAME_NS
        self._waiting_dropped = 0
        self._reorder_ns = round(config.reorder_limit * 1e9)
        self._stream_sid = ""
        self._vapi_is_ready = False
        self._watching_quiet = False
        self._reorder_timers: set[str] = set()
        self.is_over = False
        """True once the call has ended; every later event is ignored."""
        self._handlers: dict[type, Callable[[Any, int], list[Action]]] = {
            twilio.Media: self._on_media,
            AgentAudio: self._on_agent_audio,
            twilio.Connected: self._on_nothing,
            twilio.Start: self._on_start,
            twilio.Mark: self._on_mark,
            twilio.Dtmf: self._on_nothing,
            twilio.Stop: self._on_stop,
            TwilioGone: self._on_stop,
            VapiReady: self._on_vapi_ready,
            VapiGone: self._on_vapi_gone,
            AgentStarted: self._on_agent_started,
            AgentStopped: self._on_agent_stopped,
            CallerStarted: self._on_caller_started,
            CallerSaid: self._on_caller_said,
            Interrupted: self._on_interrupted,
            CallEnded: self._on_call_ended,
            TimerDue: self._on_timer,
        }

    def handle(self, event: CoreEvent, now_ns: int) -> list[Action]:
        """Take one event; returns what to do, in order.

        Raises:
            WireError: the event is a message that contradicts its protocol.
        """
        if self.is_over:
            return []
        return self._handlers[type(event)](event, now_ns)

    def _on_nothing(self, event: object, now_ns: int) -> list[Action]:
        return []

    # The stream

    def _on_start(self, event: twilio.Start, now_ns: int) -> list[Action]:
        if self._stream_sid:
            raise WireError("message from Twilio: a second start on one stream")
        self._stream_sid = event.stream_sid
        return [OpenVapi(event.start.call_sid)]

    def _on_stop(self, event: object, now_ns: int) -> list[Action]:
        """The caller is gone: Vapi is told at once, and nothing more is sent to anyone."""
        return self._end([EndVapi()])

    def _end(self, actions: list[Action]) -> list[Action]:
        self.is_over = True
        self._waiting.clear()
        return actions

    # Caller audio

    def _on_media(self, event: twilio.Media, now_ns: int) -> list[Action]:
        try:
            sound = binascii.a2b_base64(event.media.payload)
        except ValueError as error:
            raise WireError(f"message from Twilio: media.payload: {error}") from None
        frames = self._caller_order.push(twilio.number(event.media.chunk), sound)
        return self._watch_order("caller-order", self._caller_order, now_ns) + [
            action for frame in frames for action in self._on_caller_frame(frame)
        ]

    def _on_caller_frame(self, frame: bytes) -> list[Action]:
        """Send a frame on, or keep it until Vapi is ready."""
        if self._vapi_is_ready:
            return [SendCallerAudio(self._to_vapi.convert(frame))]
        self._waiting.append(frame)
        if len(self._waiting) > self._waiting_limit:
            self._waiting.popleft()
            self._waiting_dropped += 1
            if self._waiting_dropped == 1:
                limit = self._config.cold_start_limit
                return [Note(f"Vapi not ready for {limit:g} s: dropping oldest audio", True)]
        return []

    def _on_vapi_ready(self, event: VapiReady, now_ns: int) -> list[Action]:
        self._vapi_is_ready = True
        waiting = b"".join(self._waiting)
        frames = len(self._waiting)
        self._waiting.clear()
        if not waiting:
            return [Note("Vapi ready")]
        return [
            Note(f"Vapi ready; sending {frames * 20} ms of caller audio that waited"),
            SendCallerAudio(self._to_vapi.convert(waiting)),
        ]

    def _watch_order(self, name: str, order: InOrder[bytes], now_ns: int) -> list[Action]:
        """Wait for a missing chunk, but not for ever."""
        if order.is_waiting and name not in self._reorder_timers:
            self._reorder_timers.add(name)
            return [SetTimer(name, now_ns + self._reorder_ns)]
        return []

    # Agent audio

    def _on_agent_audio(self, event: AgentAudio, now_ns: int) -> list[Action]:
        if event.number is None:
            return self._on_agent_frame(event.data, now_ns)
        frames = self._agent_order.push(event.number, event.data)
        return self._watch_order("agent-order", self._agent_order, now_ns) + [
            action for frame in frames for action in self._on_agent_frame(frame, now_ns)
        ]

    def _on_agent_frame(self, data: bytes, now_ns: int) -> list[Action]:
        sound = self._from_vapi.convert(data)
        is_silence = not data.strip(b"\0\xff" if self._config.sends_mulaw else b"\0")
        duration_ns = len(data) * self._agent_byte_ns
        if not self._agent.arrived(now_ns, duration_ns, is_silence=is_silence) or not sound:
            return []
        payload = binascii.b2a_base64(sound, newline=False).decode()
        actions: list[Action] = [twilio.SendMedia(self._stream_sid, twilio.Payload(payload))]
        if not is_silence and not self._watching_quiet:
            self._watching_quiet = True
            actions.append(SetTimer("quiet", now_ns + round(self._config.new_reply_gap * 1e9)))
        return actions

    def _on_mark(self, event: twilio.Mark, now_ns: int) -> list[Action]:
        self._agent.mark_returned(event.mark.name, now_ns)
        return []

    def _mark_if_needed(self) -> list[Action]:
        """Ask Twilio to tell when the caller has heard what was sent."""
        if not self._agent.needs_mark:
            return []
        return [twilio.SendMark(self._stream_sid, twilio.MarkBody(self._agent.next_mark()))]

    # Turns

    def _on_agent_started(self, event: AgentStarted, now_ns: int) -> list[Action]:
        self._agent.started()
        return []

    def _on_agent_stopped(self, event: AgentStopped, now_ns: int) -> list[Action]:
        self._agent.stopped()
        return self._mark_if_needed()

    def _on_interrupted(self, event: Interrupted, now_ns: int) -> list[Action]:
        return self._cut_off(now_ns)

    def _on_caller_started(self, event: CallerStarted, now_ns: int) -> list[Action]:
        """Voice alone interrupts only what Vapi believes to be over: else Vapi judges it."""
        if self._agent.is_audible(now_ns) and not self._agent.vapi_speaks:
            return self._cut_off(now_ns)
        return []

    def _on_caller_said(self, event: CallerSaid, now_ns: int) -> list[Action]:
        """Words interrupt, unless they only show that the caller listens."""
        if event.final or is_backchannel(event.text):
            return []
        if self._agent.can_be_interrupted(now_ns):
            return self._cut_off(now_ns)
        return []

    def _cut_off(self, now_ns: int) -> list[Action]:
        """Silence the agent: at Twilio, in our hands, and in what still arrives of this reply."""
        if self._agent.interrupt(now_ns):
            return [twilio.Clear(self._stream_sid), Note("caller interrupted the agent")]
        return []

    # The end

    def _on_call_ended(self, event: CallEnded, now_ns: int) -> list[Action]:
        return self._hang_up_when_heard(f"Vapi ended the call: {event.reason}", now_ns)

    def _on_vapi_gone(self, event: VapiGone, now_ns: int) -> list[Action]:
        return self._hang_up_when_heard(f"Vapi is gone: {event.reason}", now_ns)

    def _hang_up_when_heard(self, why: str, now_ns: int) -> list[Action]:
        """End the call once the caller has heard the last word."""
        if not self._agent.is_audible(now_ns):
            return self._end([Note(why), EndVapi(), CloseTwilio()])
        return [
            Note(f"{why}; waiting until the caller has heard the last word"),
            *self._mark_if_needed(),
            SetTimer("hang-up", now_ns + _FRAME_NS),
            SetTimer("hang-up-limit", now_ns + _HANG_UP_LIMIT_NS),
        ]

    # Timers

    def _on_timer(self, event: TimerDue, now_ns: int) -> list[Action]:
        if event.name == "quiet":
            return self._on_quiet_timer(now_ns)
        if event.name == "caller-order":
            return self._on_caller_gap(now_ns)
        if event.name == "agent-order":
            return self._on_agent_gap(now_ns)
        if event.name == "hang-up" and self._agent.is_audible(now_ns):
            return [SetTimer("hang-up", now_ns + _FRAME_NS)]
        return self._end([EndVapi(), CloseTwilio()])

    def _on_quiet_timer(self, now_ns: int) -> list[Action]:
        if not self._agent.is_quiet(now_ns):
            return [SetTimer("quiet", now_ns + round(self._config.new_reply_gap * 1e9))]
        self._watching_quiet = False
        return self._mark_if_needed()

    def _on_caller_gap(self, now_ns: int) -> list[Action]:
        """A caller frame did not come: silence takes its place, so that time stays true."""
        self._reorder_timers.discard("caller-order")
        missing, frames = self._caller_order.skip()
        if not missing:
            return []
        frames = [_SILENT_FRAME] * min(missing, self._waiting_limit) + frames
        actions: list[Action] = [Note(f"{missing} frames of caller audio are missing", True)]
        for frame in frames:
            actions += self._on_caller_frame(frame)
        return actions + self._watch_order("caller-order", self._caller_order, now_ns)

    def _on_agent_gap(self, now_ns: int) -> list[Action]:
        self._reorder_timers.discard("agent-order")
        missing, frames = self._agent_order.skip()
        if not missing:
            return []
        actions: list[Action] = [Note(f"{missing} frames of agent audio are missing", True)]
        for frame in frames:
            actions += self._on_agent_frame(frame, now_ns)
        return actions + self._watch_order("agent-order", self._agent_order, now_ns)
