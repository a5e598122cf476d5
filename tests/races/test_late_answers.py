"""Late answers: of Vapi's REST, of the model, of the transcriber."""

from __future__ import annotations

from typing import ClassVar

import pytest

from simkit import checks
from simkit.bridge import CallCore
from simkit.bridge.events import Action
from simkit.bridge.fallback import TEXT as FALLBACK
from simkit.scenarios.beginnings import slow_configure
from simkit.scenarios.conversations import llm_timeout

NUMBER = "+15550100"
OFFER = "We have a table at six, at seven, at a quarter past eight and at nine in the evening."


def test_slow_configure_costs_the_caller_nothing_but_time(sim, serve):
    """``POST /call`` takes 12 s: Twilio has its TwiML at once, the caller is heard afterwards."""
    serve()
    sim.run(slow_configure(sim))
    assert [check.name for check in checks.run(sim.finish()) if not check.passed] == []


@pytest.mark.parametrize(("thinks", "excuses"), [(6.0, 0), (12.0, 1)])
def test_a_late_model_is_excused_once(sim, serve, thinks, excuses):
    bridge = serve()
    call = sim.run(llm_timeout(sim, thinks=thinks))
    assert bridge.metrics.value("fallbacks", reason="late") == excuses
    spoken = [utterance.text for utterance in call.heard.utterances if utterance.text]
    excuse = [FALLBACK] if excuses else []
    assert spoken == ["What can I look up?", *excuse, "It is on Tuesday."]
    assert len(sim.timeline.of("hang")) == 1  # told after 5 s; the call is not over


def test_an_agent_that_loses_its_voice_is_excused(sim, serve):
    """Messages still come from Vapi, and no audio."""
    bridge = serve(reply_timeout=4.0)
    sim.vapi.faults.mute_from = 1.5
    sim.vapi.assistant(replies=["We open at nine."])

    async def caller():
        call = await sim.twilio.call(to=NUMBER)
        await call.says("when do you open?")
        await call.hears_sound(timeout=10)
        await call.hangs_up()

    sim.run(caller())
    assert bridge.metrics.value("fallbacks", reason="late") == 1


class Watched(CallCore):
    """Notes whether words counted as an interruption, and whether the agent was audible then."""

    hints: ClassVar[list[bool]] = []

    def _on_hint(self, now_ns: int) -> list[Action]:
        self.hints.append(self._agent.is_audible(now_ns))
        return super()._on_hint(now_ns)


async def caller_speaks_towards_the_end(sim, wait: float, **assistant):
    """The first partial transcript comes 0.69 s after the caller's first sound."""
    sim.vapi.assistant(
        first_message="Good morning, how can I help you?",
        replies=["Yes?"],
        num_words=100,  # Vapi itself does not stop for the caller
        speech_started_after=9.0,
        partial_every=9.0,
        **assistant,
    )
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("how can I")
    await call.stays_silent(wait)
    await call.says("wait a moment please", seconds=1.0)
    await call.stays_silent(2.0)
    await call.hangs_up()


@pytest.mark.parametrize(("wait", "hints"), [(0.1, [False]), (0.8, [])])
def test_a_late_partial_counts_within_the_grace_and_not_outside(sim, serve, wait, hints):
    """The words of the caller come after the agent's last sound was played."""
    Watched.hints.clear()
    serve(Watched)
    sim.run(caller_speaks_towards_the_end(sim, wait))
    assert Watched.hints == hints
    assert sim.timeline.of("clear") == []  # there was nothing left to clear


def test_a_late_partial_clears_what_was_sent_long_ago_and_still_plays(sim, serve):
    serve()
    rest = OFFER * 2
    sim.vapi.assistant(
        first_message=rest, num_words=100, lead=60.0, silence_frames=False, first_partial_after=0.73
    )

    async def caller():
        call = await sim.twilio.call(to=NUMBER)
        await call.hears("We have a table")
        await call.says("wait a moment please")
        await call.stays_silent(2.0)
        await call.hangs_up()
        return call

    call = sim.run(caller())
    [barge_in] = call.barge_ins
    assert barge_in.time_to_stop_ms < 900
    assert len(sim.timeline.of("clear")) == 1
