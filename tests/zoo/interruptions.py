"""Bugs in who speaks: interruptions missed, invented or told wrong, and replies too many."""

from __future__ import annotations

from typing import Any

from simkit.bridge import CallCore
from simkit.bridge.events import (
    Action,
    AgentStarted,
    CallerSaid,
    CallerStarted,
    CallerStopped,
    Interrupted,
    SetTimer,
    TellVapi,
)
from simkit.bridge.session import Session
from simkit.bridge.turns import AgentSpeech
from simkit.wire import twilio
from tests.zoo.bug import SCENARIO, bug

SENT_AT_ONCE = {"lead": 60.0, "silence_frames": False}


@bug("barge-in", "protocol-conformance")
class ClearsNoStream(CallCore):
    """Sends ``clear`` without the stream's sid, as a widely copied article does."""

    def _cut_off(self, now_ns: int) -> list[Action]:
        return [
            twilio.Clear("") if type(action) is twilio.Clear else action
            for action in super()._cut_off(now_ns)
        ]


@bug("barge-in", "no-stale-audio", late_frames=25)
class ForwardsWhatWasInFlight(CallCore):
    """Clears, and passes on what Vapi had sent before it stopped."""

    class speech(AgentSpeech):  # noqa: N801
        def interrupt(self, now_ns: int) -> bool:
            found = super().interrupt(now_ns)
            self._dropping = False
            return found


@bug("barge-in", "stops-when-interrupted", **SENT_AT_ONCE)
class TakesSentForHeard(CallCore):
    """Believes that the agent is silent once all of it was sent."""

    class speech(AgentSpeech):  # noqa: N801
        sent_ns = 0

        def arrived(self, now_ns: int, duration_ns: int, *, is_silence: bool) -> bool:
            self.sent_ns = self.sent_ns if is_silence else now_ns
            return super().arrived(now_ns, duration_ns, is_silence=is_silence)

        def is_audible(self, now_ns: int) -> bool:
            return now_ns < self.sent_ns + 300_000_000


@bug("second-barge-in", "stops-when-interrupted")
class SwallowsTheSecond(CallCore):
    """After an interruption no other one counts for five seconds."""

    def _cut_off(self, now_ns: int) -> list[Action]:
        if 0 < now_ns - self._cut_ns < 5_000_000_000 and self._cut_ns > 0:
            return []
        return super()._cut_off(now_ns)


@bug("three-interruptions", "stops-when-interrupted")
class StopsTwice(CallCore):
    """Two interruptions a call are enough for a flag that nobody resets."""

    _times = 0

    def _cut_off(self, now_ns: int) -> list[Action]:
        actions = super()._cut_off(now_ns) if self._times < 2 else []
        self._times += bool(actions)
        return actions


@bug("mark-storm", "stops-when-interrupted")
class HasRoomForThreeMarks(CallCore):
    """Keeps a list of three marks, and takes what has none there for heard."""

    class speech(AgentSpeech):  # noqa: N801
        named = 0

        def next_mark(self) -> str:
            self.named += 1
            return super().next_mark()

        def is_audible(self, now_ns: int) -> bool:
            return self.named <= 3 and super().is_audible(now_ns)


@bug("false-positive", "keeps-talking-when-not", config={
    "own_vad": True, "own_vad_level": -60.0, "own_vad_voice": 0.02,
})  # fmt: skip
class HearsVoiceInEverything(CallCore):
    """Any sound of 20 ms is the caller's voice."""


@bug("late-partial", "stops-when-interrupted", config={"late_partial_grace": 0.0}, moment="sent")
class HasNoGrace(TakesSentForHeard):
    """Words that come after the last audio was sent interrupt nothing any more."""


@bug(
    "late-partial",
    SCENARIO,
    config={"late_partial_grace": 5.0},
    moment="over",
    says="the bridge sent a clear, and nobody had been interrupted",
)
class HasTooMuchGrace(CallCore):
    """Five seconds after the agent's last sound, words are still an interruption."""

    def _on_hint(self, now_ns: int) -> list[Action]:
        return super()._on_hint(now_ns) or [twilio.Clear(self._stream_sid)]


@bug("duplicate-turn", "one-reply-per-turn", config={"endpointing": 2.0})
class ClearsItsGuardAtOnce(CallCore):
    """``is_processing`` is set and cleared in one breath: the turn ends twice."""

    def _on_own_ear(self, heard: Any, now_ns: int) -> list[Action]:
        actions = super()._on_own_ear(heard, now_ns)
        return [*actions, TellVapi("Please answer the caller.")] if heard == "done" else actions


@bug("malformed", "one-reply-per-turn")
class AsksAgainTooSoon(CallCore):
    """Asks for an answer that has not come after a second, though it is on its way."""

    def _on_caller_stopped(self, event: CallerStopped, now_ns: int) -> list[Action]:
        actions = super()._on_caller_stopped(event, now_ns)
        return [*actions, SetTimer("reply", now_ns + 1_000_000_000)]

    def _on_reply_timer(self, now_ns: int) -> list[Action]:
        return [TellVapi("Please answer the caller.")]


@bug("greeting", "agent-audio-intact")
class IgnoresTheRole(CallCore):
    """Any ``speech-update started`` is the caller's, the agent's own as well."""

    def _on_agent_started(self, event: AgentStarted, now_ns: int) -> list[Action]:
        return super()._on_agent_started(event, now_ns) + self._on_interrupted(
            Interrupted(), now_ns
        )


@bug("duplicate-turn", "agent-audio-intact", stopped=1.2)
class ResetsTheTurn(CallCore):
    """The caller's ``stopped`` begins a turn anew, even when the agent has begun to answer."""

    def _on_caller_stopped(self, event: object, now_ns: int) -> list[Action]:
        return self._cut_off(now_ns) + super()._on_caller_stopped(event, now_ns)  # type: ignore[arg-type]


@bug("greeting", "agent-audio-intact", depth=1, grade="1 in 30")
class ResetsTheTurnSometimes(ResetsTheTurn):
    """The same, where nobody delays that word: the answer must be quick, and the word slow."""


@bug("barge-in", "stops-when-interrupted", **SENT_AT_ONCE)
class WaitsForTheWholeSentence(CallCore):
    """Only a final transcript interrupts."""

    def _on_interrupted(self, event: object, now_ns: int) -> list[Action]:
        return []

    def _on_hint(self, now_ns: int) -> list[Action]:
        return []

    def _on_caller_said(self, event: CallerSaid, now_ns: int) -> list[Action]:
        return self._cut_off(now_ns) if event.final else []


@bug("backchannel", "keeps-talking-when-not")
class StopsForEveryWord(CallCore):
    """ "Uh-huh" and "okay" interrupt like any other word."""

    def _on_caller_said(self, event: CallerSaid, now_ns: int) -> list[Action]:
        return self._cut_off(now_ns) or super()._on_caller_said(event, now_ns)


@bug("backchannel", "keeps-talking-when-not")
class StopsForEverySound(CallCore):
    """Takes ``speech-update started`` for an interruption, which Vapi does not."""

    def _on_caller_started(self, event: object, now_ns: int) -> list[Action]:
        return self._cut_off(now_ns)


@bug("barge-in", "stops-when-interrupted", depth=1, grade="1 in 3", **SENT_AT_ONCE)
class BelievesStoppedFirst(CallCore):
    """An interruption that is told after ``stopped`` finds nobody who speaks."""

    def _on_interrupted(self, event: Interrupted, now_ns: int) -> list[Action]:
        return super()._on_interrupted(event, now_ns) if self._agent.vapi_speaks else []

    def _on_voice(self, now_ns: int) -> list[Action]:
        return []

    def _on_caller_said(self, event: CallerSaid, now_ns: int) -> list[Action]:
        return self._on_turn_over(now_ns) if event.final else []


@bug("barge-in", "stops-when-interrupted", depth=1, grade="1 in 30", **SENT_AT_ONCE)
class IsBusyWithItsBooks(BelievesStoppedFirst):
    """For 10 ms after the caller's voice began, while that is written down, nothing else counts."""

    busy_ns = 10_000_000
    _busy_until_ns = 0

    def _on_interrupted(self, event: Interrupted, now_ns: int) -> list[Action]:
        return [] if now_ns < self._busy_until_ns else self._cut_off(now_ns)

    def _on_caller_started(self, event: CallerStarted, now_ns: int) -> list[Action]:
        self._busy_until_ns = now_ns + self.busy_ns
        return super()._on_caller_started(event, now_ns)


@bug("barge-in", "stops-when-interrupted", depth=1, grade="1 in 300", **SENT_AT_ONCE)
class IsBusyForAMoment(IsBusyWithItsBooks):
    """The same for 1 ms."""

    busy_ns = 1_000_000


@bug("barge-in", "stops-when-interrupted", depth=1, grade="1 in 1,000", **SENT_AT_ONCE)
class IsBusyForAnInstant(IsBusyWithItsBooks):
    """The same for 0.3 ms."""

    busy_ns = 300_000


@bug("second-barge-in", "stops-when-interrupted", depth=2, grade="1 in 3")
class CountsMarks(CallCore):
    """Counts marks that are out; echoes of flushed ones count down what the next reply sent."""

    class speech(AgentSpeech):  # noqa: N801
        out = 0

        def next_mark(self) -> str:
            self.out += 1
            return super().next_mark()

        def mark_returned(self, name: str, now_ns: int) -> None:
            self.out -= 1

        def is_audible(self, now_ns: int) -> bool:
            return self.out > 0 or self.needs_mark

        def interrupt(self, now_ns: int) -> bool:
            found = super().interrupt(now_ns)
            self.out = 0
            return found


@bug("barge-in", "no-stale-audio", **SENT_AT_ONCE)
class ForgetsItsOwnQueue(Session):
    """Sends a message every 20 ms from a queue of its own, and clears Twilio's alone."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._queue: list[Action] = []

    def _do(self, action: Action) -> None:
        if not isinstance(action, twilio.SendMedia | twilio.SendMark):
            super()._do(action)
            return
        if not self._queue:
            self._loop.call_later(0.02, self._next)
        self._queue.append(action)

    def _next(self) -> None:
        super()._do(self._queue.pop(0))
        if self._queue:
            self._loop.call_later(0.02, self._next)


@bug("barge-in", "agent-audio-intact")
class IsDeafToTheNewReply(CallCore):
    """After an interruption drops four seconds of whatever comes, be it the new reply."""

    class speech(AgentSpeech):  # noqa: N801
        until_ns = 0

        def interrupt(self, now_ns: int) -> bool:
            self.until_ns = now_ns + 4_000_000_000
            return super().interrupt(now_ns)

        def arrived(self, now_ns: int, duration_ns: int, *, is_silence: bool) -> bool:
            return now_ns >= self.until_ns and super().arrived(
                now_ns, duration_ns, is_silence=is_silence
            )


@bug("dtmf", SCENARIO, says="the caller pressed 42#, and Vapi was told of #")
class ForgetsKeys(CallCore):
    """Of keys pressed in a row the last one is known."""

    def _on_dtmf(self, event: twilio.Dtmf, now_ns: int) -> list[Action]:
        self._keys = ""
        return super()._on_dtmf(event, now_ns)


@bug("llm-timeout", SCENARIO, thinks=12.0, says="the caller did not hear a sound within 12 s")
class LeavesTheCallerInSilence(CallCore):
    """Says nothing by itself, however late the answer is."""

    def _on_reply_timer(self, now_ns: int) -> list[Action]:
        return []
