"""The core: everything the bridge decides about one call, without I/O.

:meth:`CallCore.handle` takes an event and the time and returns actions, in the order in which
they must be carried out. It has no await, no clock and no randomness of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..wire import WireError, twilio
from .config import Config
from .events import (
    Action,
    AgentAudio,
    AgentStarted,
    AgentStopped,
    CallEnded,
    CallerSaid,
    CallerStarted,
    CallerStopped,
    CloseTwilio,
    CoreEvent,
    Count,
    Delayed,
    EndVapi,
    FallbackQueued,
    Interrupted,
    Malformed,
    Note,
    OpenVapi,
    PolledCall,
    PollVapi,
    SetTimer,
    SlowReader,
    TimerDue,
    TwilioGone,
    UnknownMessage,
    VapiGone,
    VapiReady,
)
from .legs import Legs
from .reconnect import TRIES, Reconnects
from .talk import ns

_NORMAL_CLOSE = 1000
_MOST_TOLD = 10
_SLOW_AGAIN_NS = 10_000_000_000
_FAILURES = ("error", "fault", "worker-shutdown")


class CallCore(Legs):
    """One phone call, from Twilio's ``start`` to the end of both sockets.

    Subclasses may override single decisions; each is a method of its own.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._call_sid = ""
        self._reconnects = Reconnects()
        self._attempt = 0
        self._was_ready = False
        self._is_polling = False
        self._malformed = 0
        self._unknown: set[str] = set()
        self._slow_ns: dict[tuple[str, bool], int] = {}
        self._handlers: dict[type, Callable[[Any, int], list[Action]]] = {
            twilio.Media: self._on_media,
            AgentAudio: self._on_agent_audio,
            twilio.Connected: self._on_nothing,
            twilio.Start: self._on_start,
            twilio.Mark: self._on_mark,
            twilio.Dtmf: self._on_dtmf,
            twilio.Stop: self._on_stop,
            TwilioGone: self._on_stop,
            VapiReady: self._on_vapi_ready,
            VapiGone: self._on_vapi_gone,
            PolledCall: self._on_polled,
            AgentStarted: self._on_agent_started,
            AgentStopped: self._on_agent_stopped,
            CallerStarted: self._on_caller_started,
            CallerStopped: self._on_caller_stopped,
            CallerSaid: self._on_caller_said,
            Interrupted: self._on_interrupted,
            Delayed: self._on_delayed,
            CallEnded: self._on_call_ended,
            UnknownMessage: self._on_unknown_message,
            Malformed: self._on_malformed,
            SlowReader: self._on_slow_reader,
            FallbackQueued: self._on_fallback_queued,
            TimerDue: self._on_timer,
        }
        self._timers: dict[str, Callable[[int], list[Action]]] = {
            "quiet": self._on_quiet_timer,
            "caller-order": self._on_caller_gap,
            "agent-order": self._on_agent_gap,
            "debounce": self._on_debounced,
            "keys": self._tell_keys,
            "reply": self._on_reply_timer,
            "reconnect": self._on_reconnect_timer,
            "vapi": self._on_vapi_timer,
            "poll": self._on_poll_timer,
            "hang-up": self._on_hang_up_timer,
            "hang-up-limit": self._hang_up,
            "stream": self._on_stream_timer,
            "session": self._on_session_timer,
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

    def _on_timer(self, event: TimerDue, now_ns: int) -> list[Action]:
        return self._timers[event.name](now_ns)

    # The stream

    def _on_start(self, event: twilio.Start, now_ns: int) -> list[Action]:
        if self._stream_sid:
            raise WireError("message from Twilio: a second start on one stream")
        self._stream_sid = event.stream_sid
        self._call_sid = event.start.call_sid
        self._heard_ns = now_ns
        wrong = _contradiction(event)
        if wrong:
            return self._end([Note(f"start refused: {wrong}", True), CloseTwilio()], "refused")
        return [
            OpenVapi(self._call_sid),
            SetTimer("vapi", now_ns + ns(self._config.vapi_patience)),
            SetTimer("stream", now_ns + ns(self._config.stream_timeout)),
            SetTimer("session", now_ns + ns(self._config.max_session)),
        ]

    def _on_stop(self, event: object, now_ns: int) -> list[Action]:
        """The caller is gone: Vapi is told at once, and nothing more is sent to anyone."""
        if isinstance(event, twilio.Stop):
            self._check_stream("stop", event.stream_sid)
        return self._end([EndVapi()], "caller-hung-up")

    def _end(self, actions: list[Action], outcome: str) -> list[Action]:
        self._waiting.take()
        return super()._end(actions, outcome)

    def _on_stream_timer(self, now_ns: int) -> list[Action]:
        """A live stream is never silent: its frames come whether the caller speaks or not."""
        limit_ns = ns(self._config.stream_timeout)
        if now_ns < self._heard_ns + limit_ns:
            return [SetTimer("stream", self._heard_ns + limit_ns)]
        text = f"nothing came from Twilio for {self._config.stream_timeout:g} s: it is gone"
        return self._end([Note(text, True), EndVapi(), CloseTwilio()], "stream-dead")

    def _on_session_timer(self, now_ns: int) -> list[Action]:
        why = f"the call has lasted {self._config.max_session:g} s, the longest allowed"
        return self._hang_up_when_heard(why, "too-long", now_ns)

    # Vapi, there or not

    def _on_vapi_ready(self, event: VapiReady, now_ns: int) -> list[Action]:
        if self._is_leaving:
            return []
        self._vapi_is_ready, self._is_polling = True, False
        self._reconnects.opened(now_ns)
        if self._was_ready:
            how = "the same call" if event.rejoined else "a new call"
            noted: list[Action] = [Note(f"Vapi is back, in {how}")]
        else:
            self._was_ready = True
            noted = []
        return [*noted, *self._send_waiting(), *self._tell_keys(now_ns)]

    def _on_vapi_gone(self, event: VapiGone, now_ns: int) -> list[Action]:
        """Try again, if there is any use in it; meanwhile the caller's audio waits."""
        was_ready, self._vapi_is_ready = self._vapi_is_ready, False
        if self._is_leaving or self._is_polling:
            return []
        if was_ready and event.code == _NORMAL_CLOSE:
            return self._hang_up_when_heard("Vapi closed the socket", "agent-ended", now_ns)
        actions = self._lose_agent(now_ns) if was_ready else []
        at_ns = self._reconnects.lost(event.code, event.chance, now_ns)
        why = f"Vapi is gone: {event.reason}"
        if at_ns is None:
            return actions + self._give_up(why, now_ns)
        self._attempt += 1
        text = f"{why}; try {self._reconnects.tries} of {TRIES} in {(at_ns - now_ns) / 1e9:.1f} s"
        return [*actions, Note(text, True), SetTimer("reconnect", at_ns)]

    def _lose_agent(self, now_ns: int) -> list[Action]:
        """What was sent of the agent's words plays out, unless it is to be cut.

        An agent that was cut short owes the caller the rest.
        """
        self._caller_speaks = False
        if self._agent.vapi_speaks:
            self._guard.over(now_ns)
        self._agent.lost()
        self._begin_agent_leg()
        cut = self._config.lost_reply == "clear"
        actions = self._cut_off(now_ns) if cut else self._mark_if_needed()
        if self._guard.is_owed:
            actions.append(SetTimer("reply", now_ns + ns(self._config.reply_timeout)))
        return [*actions, SetTimer("vapi", now_ns + ns(self._config.vapi_patience))]

    def _on_reconnect_timer(self, now_ns: int) -> list[Action]:
        if self._is_leaving or self._is_polling or self._vapi_is_ready:
            return []
        return [OpenVapi(self._call_sid, self._attempt, greets=not self._agent.was_heard)]

    def _on_vapi_timer(self, now_ns: int) -> list[Action]:
        """However many tries are left: nobody waits longer than that on the phone."""
        if self._vapi_is_ready or self._is_leaving or self._is_polling:
            return []
        text = f"no Vapi for {self._config.vapi_patience:g} s; given up"
        return [Note(text, True), *self._farewell(now_ns)]

    def _give_up(self, why: str, now_ns: int) -> list[Action]:
        """The socket is lost for good. If there was a call, REST may tell what became of it."""
        given_up: list[Action] = [
            Note(f"{why}; given up", True),
            Count("reconnects", label="given up"),
        ]
        if not self._was_ready or self._config.vapi_dialect == "seed":
            return given_up + self._farewell(now_ns)
        self._is_polling = True
        at_ns = now_ns + ns(self._config.poll_timeout)
        return [*given_up, PollVapi(), SetTimer("poll", at_ns)]

    def _on_polled(self, event: PolledCall, now_ns: int) -> list[Action]:
        if not self._is_polling:
            return []
        self._is_polling = False
        status = event.status or "unknown"
        return [Note(f"the call at Vapi: {status} {event.reason}"), *self._farewell(now_ns)]

    def _on_poll_timer(self, now_ns: int) -> list[Action]:
        return self._on_polled(PolledCall(""), now_ns)

    def _farewell(self, now_ns: int) -> list[Action]:
        """Say the fallback line, and hang up when it was heard."""
        return [
            *self._say_line("vapi-lost", now_ns),
            *self._hang_up_when_heard("nobody answers the caller", "vapi-lost", now_ns),
        ]

    def _on_call_ended(self, event: CallEnded, now_ns: int) -> list[Action]:
        failed = any(word in event.reason for word in _FAILURES) and not self._is_leaving
        line = self._say_line("vapi-failed", now_ns) if failed else []
        why = f"Vapi ended the call: {event.reason}"
        return line + self._hang_up_when_heard(why, "agent-ended", now_ns)

    # What is only said and counted

    def _on_unknown_message(self, event: UnknownMessage, now_ns: int) -> list[Action]:
        if event.kind in self._unknown or len(self._unknown) >= _MOST_TOLD:
            return []
        self._unknown.add(event.kind)
        return [Note(f"message from Vapi ignored: unknown type {event.kind[:60]!r}")]

    def _on_malformed(self, event: Malformed, now_ns: int) -> list[Action]:
        """Whatever one message was, the call goes on; the log does not fill with them."""
        self._malformed += 1
        count = Count("refused", label="malformed")
        if self._malformed > _MOST_TOLD:
            return [count]
        more = "; more of these are only counted" if self._malformed == _MOST_TOLD else ""
        return [Note(f"ignored: {event.text}{more}", True), count]

    def _on_slow_reader(self, event: SlowReader, now_ns: int) -> list[Action]:
        """Told at most every 10 s for each leg; which audio is dropped is said besides."""
        key = (event.leg, event.refused)
        if now_ns - self._slow_ns.get(key, -_SLOW_AGAIN_NS) < _SLOW_AGAIN_NS:
            return []
        self._slow_ns[key] = now_ns
        limit = self._config.queue_limit_bytes
        what = f"over {limit} bytes, newer audio is dropped" if event.refused else "nothing is lost"
        return [Note(f"{event.leg} reads slowly: {event.chunks} messages wait; {what}", True)]


def _contradiction(start: twilio.Start) -> str:
    """Say what of a start is not as it must be; empty if nothing."""
    body = start.start
    audio = body.media_format
    if (audio.encoding, audio.sample_rate, audio.channels) != ("audio/x-mulaw", 8000, 1):
        return (
            f"mediaFormat: expected audio/x-mulaw at 8000 Hz in 1 channel, found "
            f"{audio.encoding} at {audio.sample_rate} Hz in {audio.channels}"
        )
    if body.stream_sid != start.stream_sid:
        return f"streamSid: {body.stream_sid!r} inside, {start.stream_sid!r} outside"
    if body.tracks != ["inbound"]:
        return f"tracks: expected inbound alone, found {', '.join(body.tracks) or 'none'}"
    return ""
