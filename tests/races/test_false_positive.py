"""False positives: a noise on the caller's side is no interruption, and the agent keeps talking."""

from __future__ import annotations

import pytest

from simkit import checks
from simkit.scenarios.interruptions import NOISES, REMINDER, false_positive

NUMBER = "+15550100"


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.6])
async def test_the_agent_keeps_talking_through_noises(sim, serve, threshold):
    serve()
    call = await false_positive(sim, threshold=threshold)
    agent_ends = round(call.heard.utterances[0].end * 1e9)
    assert [event.fields["name"] for event in sim.timeline.of("noise")] == list(NOISES)
    assert all(event.t_ns < agent_ends for event in sim.timeline.of("noise"))
    assert call.barge_ins == []
    assert sim.timeline.of("user-interrupted", "clear") == []


@pytest.mark.parametrize(("threshold", "stops"), [(0.5, True), (0.6, False)])
async def test_continuous_noise_stops_the_agent_when_it_is_above_the_threshold(
    sim, serve, threshold, stops
):
    """Loudness is all that is judged: 0.3 is -45 dBFS, 0.5 is -35, 0.6 is -30."""
    serve()
    sim.vapi.assistant(first_message=REMINDER, vad_threshold=threshold)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Your appointment")
    await call.makes_noise("hiss", level=-33, seconds=1.0)
    assert bool(sim.timeline.of("user-interrupted")) is stops
    await call.hangs_up()


async def test_the_caller_is_understood_over_a_street(sim, serve, snapshot):
    serve()
    sim.vapi.assistant(first_message="Who is it?", replies=["Come in."])
    call = await sim.twilio.call(to=NUMBER)
    call.background("street")
    await call.hears_utterance()
    await call.says("it is me, from downstairs")
    await call.hears("Come in.")
    await call.hangs_up()
    assert [check.name for check in checks.run(sim.timeline) if not check.passed] == []
    assert sim.timeline == snapshot


async def test_an_aside_is_no_interruption_and_stopping_for_it_is_counted(sim, serve):
    serve()
    sim.vapi.assistant(first_message=REMINDER)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Your appointment")
    await call.says("uh-huh, yes", seconds=0.5, directed=False)
    await call.stays_silent(3)
    await call.hangs_up()
    assert call.barge_ins == []
    assert (call.measures.interruptions, call.measures.false_rate) == (0, 1.0)
    assert 'speaks     "uh-huh, yes"  0.500 s  aside' in str(sim.timeline)
