"""The core under any legal order of events."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from simkit.bridge import CallCore, Config
from simkit.bridge.events import (
    Action,
    AgentAudio,
    AgentStarted,
    AgentStopped,
    CallerSaid,
    CallerStarted,
    CloseTwilio,
    EndVapi,
    Interrupted,
    OpenVapi,
    SendCallerAudio,
    SetTimer,
    TimerDue,
    TwilioGone,
    VapiGone,
    VapiReady,
)
from simkit.wire import twilio
from tests.bridge.test_bridge_core import LOUD, SILENT, media, start

MS = 1_000_000


class AnyCall(RuleBasedStateMachine):
    """Sends events in any order that the two sockets allow, and watches the actions."""

    @initialize()
    def begin(self) -> None:
        config = Config(
            public_url="https://bridge.example.com",
            twilio_auth_token="token",
            vapi_api_key="key",
            cold_start_limit=1.0,
        )
        self.core = CallCore(config)
        self.now_ns = 0
        self.chunk = 0
        self.opened = self.gone = False
        self.actions: list[Action] = []
        self.timers: dict[str, int] = {}
        self.marks: list[str] = []
        self.voiced_since_clear = False
        self.tell(start())

    def tell(self, event) -> list[Action]:
        actions = self.core.handle(event, self.now_ns)
        self.actions += actions
        for action in actions:
            if isinstance(action, SetTimer):
                assert action.at_ns >= self.now_ns
                self.timers[action.name] = action.at_ns
            elif isinstance(action, twilio.SendMark):
                assert action.mark.name not in self.marks
                self.marks.append(action.mark.name)
            elif isinstance(action, twilio.Clear):
                assert self.voiced_since_clear, "a clear with nothing played since the last one"
                self.voiced_since_clear = False
        return actions

    @rule(ms=st.integers(0, 1500))
    def time_passes(self, ms: int) -> None:
        until_ns = self.now_ns + ms * MS
        for _ in range(200):
            due = {name: at for name, at in self.timers.items() if at <= until_ns}
            if not due:
                break
            name = min(due, key=lambda key: due[key])
            self.now_ns = max(self.now_ns, self.timers.pop(name))
            self.tell(TimerDue(name))
        self.now_ns = max(self.now_ns, until_ns)

    @precondition(lambda self: not self.opened and not self.gone)
    @rule(opens=st.booleans())
    def vapi_answers(self, opens: bool) -> None:
        self.opened = opens
        self.gone = not opens
        self.tell(VapiReady() if opens else VapiGone("refused"))

    @precondition(lambda self: self.opened and not self.gone)
    @rule()
    def vapi_goes(self) -> None:
        self.gone = True
        self.tell(VapiGone("closed"))

    @rule(skip=st.sampled_from([0, 0, 0, 1, 5]))
    def caller_frame(self, skip: int) -> None:
        self.chunk += 1 + skip
        self.tell(media(self.chunk, bytes([self.chunk % 256]) * 160))

    @precondition(lambda self: self.chunk > 0)
    @rule(back=st.integers(0, 5))
    def old_caller_frame(self, back: int) -> None:
        self.tell(media(max(1, self.chunk - back)))

    @precondition(lambda self: self.opened and not self.gone)
    @rule(data=st.sampled_from([LOUD, LOUD, SILENT, LOUD[:1], LOUD * 20]))
    def agent_audio(self, data: bytes) -> None:
        actions = self.tell(AgentAudio(data))
        if data.strip(b"\0") and any(isinstance(a, twilio.SendMedia) for a in actions):
            self.voiced_since_clear = True

    @precondition(lambda self: self.opened and not self.gone)
    @rule(
        event=st.sampled_from(
            [
                AgentStarted(),
                AgentStopped(),
                CallerStarted(),
                Interrupted(),
                CallerSaid("wait", final=False),
                CallerSaid("okay", final=False),
                CallerSaid("wait please", final=True),
            ]
        )
    )
    def vapi_tells(self, event) -> None:
        self.tell(event)

    @precondition(lambda self: self.marks)
    @rule(data=st.data())
    def mark_returns(self, data) -> None:
        name = data.draw(st.sampled_from(self.marks))
        self.tell(twilio.Mark("9", "MZ1", twilio.MarkBody(name)))

    @rule()
    def caller_hangs_up(self) -> None:
        was_over = self.core.is_over
        before = len(self.actions)
        self.tell(TwilioGone())
        assert self.core.is_over
        assert self.actions[before:] == ([] if was_over else [EndVapi()])

    @invariant()
    def vapi_is_opened_once(self) -> None:
        assert sum(isinstance(action, OpenVapi) for action in self.actions) == 1

    @invariant()
    def nothing_follows_the_end(self) -> None:
        ends = [i for i, a in enumerate(self.actions) if isinstance(a, (EndVapi, CloseTwilio))]
        if ends:
            assert all(isinstance(a, (EndVapi, CloseTwilio)) for a in self.actions[ends[0] :])
            assert self.core.is_over

    @invariant()
    def audio_goes_to_vapi_only_while_it_listens(self) -> None:
        if not self.opened:
            assert not any(isinstance(action, SendCallerAudio) for action in self.actions)

    @invariant()
    def what_waits_is_bounded(self) -> None:
        assert len(self.core._waiting) <= 50
        assert len(self.core._caller_order._held) <= 251


TestAnyCall = AnyCall.TestCase
TestAnyCall.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
