"""The core under any legal order of events."""

from __future__ import annotations

import re

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from simkit.bridge import CallCore
from simkit.bridge.events import (
    Action,
    AgentAudio,
    AgentStarted,
    AgentStopped,
    CallEnded,
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
    OpenVapi,
    PolledCall,
    PollVapi,
    SayFallback,
    SendCallerAudio,
    SetTimer,
    TellVapi,
    TimerDue,
    TwilioGone,
    VapiGone,
    VapiReady,
)
from simkit.bridge.reconnect import SETTLED_NS, TRIES
from simkit.wire import twilio
from tests.bridge.calls import MS, SECOND, done, key, make, mark, media, start

VOICE = bytes([0x20]) * 160
SILENCE = b"\xff" * 160
WAITING_LIMIT = 50  # frames
STALE_FRAMES = 100
LOST = re.compile(r"(\d+) frames of caller audio are missing")
LINE_NS = 3 * SECOND


def frame(chunk: int) -> bytes:
    """A caller's frame that tells which one it is."""
    return chunk.to_bytes(2, "big") * 80


class AnyCall(RuleBasedStateMachine):
    """Sends events in any order that the two sockets allow, and watches the actions.

    Twilio's frames are due every 20 ms of the stream's clock, and come at once when they were held
    up; timers fire when they are due; Vapi answers what it was asked, in time or not.
    """

    def make(self) -> CallCore:
        return make(cold_start_limit=1.0, vapi_format="mulaw", reply_timeout=2.0)

    @initialize()
    def begin(self) -> None:
        self.core = self.make()
        self.now_ns = self.opened_ns = 0
        self.chunk = self.delivered = self.filled = 0  # filled: silence for what never came
        self.is_opening = self.is_open = self.is_polling = False
        self.opens = 0  # since the socket last was open for long
        self.actions: list[Action] = []
        self.timers: dict[str, int] = {}
        self.marks: list[str] = []
        self.sent: list[int] = []
        self.silences = 0
        self.dropped = 0.0
        self.is_voiced = self.is_owed = self.is_ended = False
        self.tell(start())

    def tell(self, event) -> list[Action]:
        actions = self.core.handle(event, self.now_ns)
        for action in actions:
            self.actions.append(action)
            self.watch(action)
            if isinstance(action, SayFallback):
                self.tell(FallbackQueued(LINE_NS))
        return actions

    def watch(self, action: Action) -> None:
        """Hold each action against what may be done now."""
        if isinstance(action, SetTimer):
            assert action.at_ns >= self.now_ns
            self.timers[action.name] = action.at_ns
        elif isinstance(action, Note) and (lost := LOST.fullmatch(action.text)):
            self.filled += min(int(lost[1]), STALE_FRAMES)
        elif isinstance(action, Count):
            if action.name == "dropped":
                self.dropped += action.amount
            if (action.name, action.label) == ("fallbacks", "late"):
                assert self.is_owed, "an excuse that nobody waits for"
                self.is_owed = False
        elif done([action]):
            assert not self.is_ended or isinstance(action, (EndVapi, CloseTwilio))
        if isinstance(action, (twilio.SendMedia, twilio.SendMark, twilio.Clear, SayFallback)):
            assert action.stream_sid == "MZ1"
        if isinstance(action, (SendCallerAudio, TellVapi, CancelReply)):
            assert self.is_open
        if isinstance(action, SendCallerAudio):
            self.note_sent(action.data)
        elif isinstance(action, (twilio.SendMark, SayFallback)):
            name = action.mark.name if isinstance(action, twilio.SendMark) else action.mark
            assert name not in self.marks
            self.marks.append(name)
            self.is_voiced |= isinstance(action, SayFallback)
        elif isinstance(action, twilio.Clear):
            assert self.is_voiced, "a clear with nothing played since the last one"
            self.is_voiced = False
        elif isinstance(action, OpenVapi):
            assert not self.is_opening
            assert not self.is_open
            self.is_opening = True
            self.opens += 1
            assert self.opens <= 1 + TRIES
        elif isinstance(action, PollVapi):
            assert not self.is_polling
            self.is_polling = True
        elif isinstance(action, TellVapi):
            self.is_owed = True
        elif isinstance(action, (EndVapi, CloseTwilio)):
            self.is_ended = True

    def note_sent(self, data: bytes) -> None:
        assert len(data) % 160 == 0
        for at in range(0, len(data), 160):
            piece = data[at : at + 160]
            if piece == SILENCE:
                self.silences += 1
                continue
            number = int.from_bytes(piece[:2], "big")
            assert piece == frame(number)
            assert not self.sent or number > self.sent[-1], "caller audio out of order, or twice"
            self.sent.append(number)

    def wait(self, ns: int) -> None:
        until_ns = self.now_ns + ns
        for _ in range(2000):
            due = {name: at for name, at in self.timers.items() if at <= until_ns}
            if not due:
                break
            name = min(due, key=lambda key: due[key])
            self.now_ns = max(self.now_ns, self.timers.pop(name))
            self.tell(TimerDue(name))
        else:
            raise AssertionError(f"timers without end: {self.timers}")
        self.now_ns = max(self.now_ns, until_ns)

    def vapi_is_gone(self) -> None:
        if self.is_open and self.now_ns - self.opened_ns >= SETTLED_NS:
            self.opens = 0
        self.is_open = self.is_opening = False

    # Time and Twilio

    @rule(ms=st.one_of(st.integers(0, 1500), st.sampled_from([3000, 12_000])))
    def time_passes(self, ms: int) -> None:
        self.wait(ms * MS)

    @rule(frames=st.integers(1, 60), lost=st.sampled_from([0, 0, 0, 0, 1, 5]))
    def caller_frames_come(self, frames: int, lost: int) -> None:
        """What was held up comes at once, the rest as it is due; some never."""
        self.chunk += lost
        for _ in range(frames):
            self.chunk += 1
            self.wait(max(0, self.chunk * 20 * MS - self.now_ns))
            if not self.core.is_over:
                self.delivered += 1
            self.tell(media(self.chunk, frame(self.chunk)))

    @precondition(lambda self: self.delivered > 0)
    @rule(back=st.integers(0, 5))
    def an_old_frame_comes_again(self, back: int) -> None:
        if self.core._caller_order._held or self.chunk - back < 1:
            return  # it might be one that never came
        self.tell(media(self.chunk - back, frame(self.chunk - back)))

    @precondition(lambda self: self.marks)
    @rule(data=st.data())
    def mark_returns(self, data) -> None:
        self.tell(mark(data.draw(st.sampled_from(self.marks))))

    @rule(digit=st.sampled_from("12#"))
    def key_is_pressed(self, digit: str) -> None:
        self.tell(key(digit))

    @precondition(lambda self: not self.core.is_over)
    @rule()
    def caller_hangs_up(self) -> None:
        assert done(self.tell(TwilioGone())) == [EndVapi()]
        assert self.core.is_over

    # Vapi

    @precondition(lambda self: self.is_opening)
    @rule(code=st.sampled_from([0, 0, 0, None, 500, 401]), chance=st.floats(0, 0.999))
    def vapi_answers(self, code: int | None, chance: float) -> None:
        if code == 0:
            self.is_opening, self.is_open, self.opened_ns = False, True, self.now_ns
            self.tell(VapiReady())
        else:
            self.vapi_is_gone()
            self.tell(VapiGone("refused", code, chance))

    @precondition(lambda self: self.is_open)
    @rule(code=st.sampled_from([1006, 1011, 1012, 1000]), chance=st.floats(0, 0.999))
    def vapi_goes(self, code: int, chance: float) -> None:
        self.vapi_is_gone()
        self.tell(VapiGone("closed", code, chance))

    @precondition(lambda self: self.is_polling)
    @rule(status=st.sampled_from(["ended", "in-progress", ""]))
    def rest_answers(self, status: str) -> None:
        self.is_polling = False
        self.tell(PolledCall(status))

    @precondition(lambda self: self.is_open)
    @rule(data=st.sampled_from([VOICE, VOICE, SILENCE, VOICE[:1], VOICE * 50]))
    def agent_audio(self, data: bytes) -> None:
        actions = self.tell(AgentAudio(data))
        if data[:1] == VOICE[:1] and any(isinstance(a, twilio.SendMedia) for a in actions):
            self.is_voiced = True

    @precondition(lambda self: self.is_open)
    @rule(
        event=st.sampled_from(
            [
                AgentStarted(),
                AgentStopped(),
                CallerStarted(),
                CallerStopped(),
                Interrupted(),
                Delayed(),
                CallerSaid("wait", final=False),
                CallerSaid("okay", final=False),
                CallerSaid("wait please", final=True),
                CallerSaid("wait please", final=True),
                CallEnded("assistant-ended-call"),
            ]
        )
    )
    def vapi_tells(self, event) -> None:
        if isinstance(event, CallerSaid) and event.final:
            self.is_owed = True
        self.tell(event)

    # What holds at any time

    @invariant()
    def an_end_is_an_end(self) -> None:
        assert self.is_ended == self.core.is_over

    @invariant()
    def caller_audio_is_complete_but_for_what_was_said_to_be_dropped(self) -> None:
        core = self.core
        if core.is_over or core._is_leaving:
            return
        there = len(self.sent) + self.silences + core._waiting.size // 160
        held = sum(map(bool, core._caller_order._held.values()))
        assert there + held + self.dropped == self.delivered + self.filled

    @invariant()
    def everything_is_bounded(self) -> None:
        core = self.core
        assert core._waiting.size <= WAITING_LIMIT * 160
        assert len(core._caller_order._held) <= 251
        assert len(core._keys) <= 32
        assert set(self.timers) <= set(core._timers)

    def teardown(self) -> None:
        """Nobody sends anything any more: then the call is over in the end, by itself."""
        if hasattr(self, "core"):
            self.wait(60 * SECOND)
            assert self.core.is_over


class AnyCallWithAnEar(AnyCall):
    """The bridge listens, too, and what it hears of these frames is voice, all the time."""

    def make(self) -> CallCore:
        return make(
            cold_start_limit=1.0,
            vapi_format="mulaw",
            reply_timeout=2.0,
            own_vad=True,
            lost_reply="clear",
            dtmf="ignore",
        )


TestAnyCall = AnyCall.TestCase
TestAnyCallWithAnEar = AnyCallWithAnEar.TestCase
TestAnyCallWithAnEar.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
TestAnyCall.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
