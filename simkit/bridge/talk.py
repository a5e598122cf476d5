"""Who speaks: interruptions, replies that are owed, keys, and the end of a conversation."""

from __future__ import annotations

from typing import Literal

from ..wire import WireError, twilio
from .config import Config
from .events import (
    Action,
    AgentStarted,
    AgentStopped,
    CallerSaid,
    CallerStarted,
    CallerStopped,
    CancelReply,
    CloseTwilio,
    Count,
    Delayed,
    EndVapi,
    FallbackQueued,
    Interrupted,
    Note,
    SayFallback,
    SetTimer,
    TellVapi,
)
from .turn_guard import TurnGuard
from .turns import AgentSpeech, is_backchannel

_TICK_NS = 20_000_000
_SECOND_NS = 1_000_000_000
_HANG_UP_LIMIT_NS = 10 * _SECOND_NS
_PLAYED_LATE_NS = 5 * _SECOND_NS
_KEYS_PAUSE_NS = _SECOND_NS
_MOST_KEYS = 32
_KEYS = frozenset("0123456789*#ABCD")


def ns(seconds: float) -> int:
    """Return whole nanoseconds."""
    return round(seconds * 1e9)


class Talk:
    """The conversation of one call; :class:`~.legs.Legs` adds its sound, the core the rest."""

    speech = AgentSpeech
    """What keeps track of the agent's audio."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._stream_sid = ""
        self._vapi_is_ready = False
        self._is_leaving = False
        self._outcome = ""
        self.is_over = False
        """True once the call has ended; every later event is ignored."""
        self._agent = self.speech(
            grace_ns=ns(config.late_partial_grace), new_reply_gap_ns=ns(config.new_reply_gap)
        )
        self._guard = TurnGuard(ns(config.reply_timeout))
        self._debounce_ns = ns(config.debounce)
        self._cut_ns = -self._debounce_ns
        self._caller_speaks = False
        self._keys = ""

    def _check_stream(self, what: str, stream_sid: str) -> None:
        if stream_sid != self._stream_sid:
            raise WireError(
                f"message from Twilio: {what}: streamSid: expected {self._stream_sid!r}, "
                f"found {stream_sid!r}"
            )

    # The agent

    def _on_agent_started(self, event: AgentStarted, now_ns: int) -> list[Action]:
        self._agent.started()
        return []

    def _on_agent_stopped(self, event: AgentStopped, now_ns: int) -> list[Action]:
        self._agent.stopped()
        return self._mark_if_needed()

    def _mark_if_needed(self) -> list[Action]:
        """Ask Twilio to tell when the caller has heard what was sent."""
        if not self._agent.needs_mark:
            return []
        return [twilio.SendMark(self._stream_sid, twilio.MarkBody(self._agent.next_mark()))]

    def _on_mark(self, event: twilio.Mark, now_ns: int) -> list[Action]:
        """What was sent before the mark was heard; marks that are not ours say nothing."""
        self._check_stream("mark", event.stream_sid)
        self._agent.mark_returned(event.mark.name, now_ns)
        return []

    # Interruptions

    def _on_interrupted(self, event: Interrupted, now_ns: int) -> list[Action]:
        return self._cut_off(now_ns)

    def _on_caller_started(self, event: CallerStarted, now_ns: int) -> list[Action]:
        """Voice alone interrupts only what Vapi believes to be over: else Vapi judges it."""
        self._caller_speaks = True
        return self._on_voice(now_ns)

    def _on_voice(self, now_ns: int) -> list[Action]:
        if self._agent.is_audible(now_ns) and not self._agent.vapi_speaks:
            return self._on_hint(now_ns)
        return []

    def _on_caller_stopped(self, event: CallerStopped, now_ns: int) -> list[Action]:
        """Says nothing of the agent's turn, which may have begun before."""
        self._caller_speaks = False
        return []

    def _on_caller_said(self, event: CallerSaid, now_ns: int) -> list[Action]:
        """Words interrupt, unless they only show that the caller listens."""
        if event.final:
            self._caller_speaks = False
            return self._on_turn_over(now_ns)
        if not is_backchannel(event.text) and self._agent.can_be_interrupted(now_ns):
            return self._on_hint(now_ns)
        return []

    def _on_own_ear(self, heard: Literal["speaks", "done"], now_ns: int) -> list[Action]:
        """Where the bridge listens itself, voice interrupts, and silence ends a turn."""
        if heard == "speaks":
            self._guard.voice_began()
            return self._on_hint(now_ns) if self._agent.can_be_interrupted(now_ns) else []
        due_ns = None if self._agent.is_audible(now_ns) else self._guard.voice_ended(now_ns)
        return [] if due_ns is None else [SetTimer("reply", due_ns)]

    def _on_hint(self, now_ns: int) -> list[Action]:
        """Take a sign of an interruption that Vapi does not call one.

        Soon after another it belongs to the same one; but if the caller still speaks when that
        time is over, and something is being said again, it was a second.
        """
        settled_ns = self._cut_ns + self._debounce_ns
        if now_ns < settled_ns:
            return [SetTimer("debounce", settled_ns)]
        actions = self._cut_off(now_ns)
        return [*actions, CancelReply()] if actions and self._vapi_is_ready else actions

    def _on_debounced(self, now_ns: int) -> list[Action]:
        return self._on_voice(now_ns) if self._caller_speaks else []

    def _cut_off(self, now_ns: int) -> list[Action]:
        """Silence the agent: at Twilio, in our hands, and in what still arrives of this reply."""
        if not self._agent.interrupt(now_ns):
            return []
        self._cut_ns = now_ns
        return [
            twilio.Clear(self._stream_sid),
            Note("caller interrupted the agent"),
            Count("barge_ins"),
        ]

    # Replies

    def _on_turn_over(self, now_ns: int) -> list[Action]:
        """The caller is owed a reply; but who did not interrupt an agent that speaks gets none."""
        if self._agent.is_audible(now_ns):
            return []
        return [SetTimer("reply", self._guard.over(now_ns))]

    def _on_delayed(self, event: Delayed, now_ns: int) -> list[Action]:
        """``hang`` is a notice, not an end: the reply timer goes on."""
        return [Note("Vapi says that its answer is late")]

    def _on_reply_timer(self, now_ns: int) -> list[Action]:
        if self._is_leaving or not self._guard.is_owed:
            return []
        if self._caller_speaks or not self._vapi_is_ready or self._agent.is_audible(now_ns):
            return [SetTimer("reply", now_ns + _SECOND_NS)]
        if not self._guard.is_late(now_ns):
            return []
        text = f"no reply for {self._config.reply_timeout:g} s: the fallback line is said"
        return [Note(text, True), *self._say_line("late", now_ns)]

    def _say_line(self, why: str, now_ns: int) -> list[Action]:
        """Say the fallback line; what the agent still says follows it."""
        mark = self._agent.line_begins(now_ns)
        return [SayFallback(self._stream_sid, mark), Count("fallbacks", label=why)]

    def _on_fallback_queued(self, event: FallbackQueued, now_ns: int) -> list[Action]:
        self._agent.line_queued(event.duration_ns, now_ns)
        return []

    # Keys

    def _on_dtmf(self, event: twilio.Dtmf, now_ns: int) -> list[Action]:
        """Keys are told to the agent in words, those pressed in a row together.

        There is no message for keys on Vapi's transport; a message each would be a reply each.
        """
        self._check_stream("dtmf", event.stream_sid)
        if event.dtmf.digit not in _KEYS or len(event.dtmf.digit) != 1:
            raise WireError(f"message from Twilio: dtmf.digit: found {event.dtmf.digit[:20]!r}")
        if self._config.dtmf == "ignore" or len(self._keys) >= _MOST_KEYS:
            return []
        self._keys += event.dtmf.digit
        return [SetTimer("keys", now_ns + _KEYS_PAUSE_NS)]

    def _tell_keys(self, now_ns: int) -> list[Action]:
        """Tell what was pressed; before Vapi is there it waits."""
        if not self._keys or not self._vapi_is_ready:
            return []
        text, self._keys = f"The caller pressed {' '.join(self._keys)}.", ""
        return [TellVapi(text), SetTimer("reply", self._guard.over(now_ns))]

    # The end

    def _hang_up_when_heard(self, why: str, outcome: str, now_ns: int) -> list[Action]:
        """End the call once the caller has heard the last word."""
        if self._is_leaving:
            return []
        if not self._agent.is_audible(now_ns):
            return self._end([Note(why), EndVapi(), CloseTwilio()], outcome)
        self._is_leaving, self._outcome = True, outcome
        limit_ns = max(now_ns + _HANG_UP_LIMIT_NS, self._agent.queued_until_ns + _PLAYED_LATE_NS)
        return [
            Note(f"{why}; waiting until the caller has heard the last word"),
            *self._mark_if_needed(),
            SetTimer("hang-up", now_ns + _TICK_NS),
            SetTimer("hang-up-limit", limit_ns),
        ]

    def _on_hang_up_timer(self, now_ns: int) -> list[Action]:
        if self._agent.is_audible(now_ns):
            return [SetTimer("hang-up", now_ns + _TICK_NS)]
        return self._hang_up(now_ns)

    def _hang_up(self, now_ns: int) -> list[Action]:
        return self._end([EndVapi(), CloseTwilio()], self._outcome)

    def _end(self, actions: list[Action], outcome: str) -> list[Action]:
        self.is_over = True
        return [*actions, Count("calls", label=outcome)]
