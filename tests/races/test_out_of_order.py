"""Out-of-order chunks: a sender emits its messages swapped and duplicated, on either leg.

The caller leg carries numbers in every Twilio message. The agent leg can only be mended where
Vapi's audio is numbered, which is the seed dialect.
"""

from __future__ import annotations

import pytest

from simkit import checks
from tests.races.outcome import understood
from tests.zoo.bridges import IgnoresAgentNumbers, IgnoresChunkNumbers

NUMBER = "+15550100"
WORDS = "the third of July would suit us best"
GREETING = "Good morning, what can I do for you on this fine day?"


async def caller_leg(sim, swap: float, duplicate: float):
    sim.twilio.disorder(swap=swap, duplicate=duplicate)
    sim.vapi.assistant(replies=["The third of July."])
    call = await sim.twilio.call(to=NUMBER)
    await call.says(WORDS)
    await call.hears("The third of July.", timeout=10)
    await call.hangs_up()
    assert understood(sim) == [WORDS]
    failed = {check.name for check in checks.run(sim.timeline) if not check.passed}
    assert "caller-audio-complete" not in failed


async def agent_leg(sim, swap: float, duplicate: float):
    sim.vapi.disorder(swap=swap, duplicate=duplicate)
    sim.vapi.assistant(first_message=GREETING)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("fine day?", timeout=10)
    await call.hangs_up()
    assert [utterance.text for utterance in call.heard.utterances] == [GREETING]
    failed = {check.name for check in checks.run(sim.timeline) if not check.passed}
    assert "agent-audio-intact" not in failed


async def test_caller_audio_reaches_vapi_in_order(sim, serve, snapshot):
    serve()
    await caller_leg(sim, swap=0.2, duplicate=0.1)
    assert sim.timeline == snapshot


async def test_agent_audio_is_heard_in_order(sim, serve, snapshot):
    serve(vapi_dialect="seed")
    await agent_leg(sim, swap=0.2, duplicate=0.1)
    assert sim.timeline == snapshot


@pytest.mark.parametrize(("swap", "duplicate"), [(0.2, 0.0), (0.0, 0.2)])
async def test_a_bridge_that_ignores_chunk_numbers_garbles_the_caller(sim, serve, swap, duplicate):
    serve(IgnoresChunkNumbers)
    with pytest.raises(AssertionError):
        await caller_leg(sim, swap=swap, duplicate=duplicate)


@pytest.mark.parametrize(("swap", "duplicate"), [(0.2, 0.0), (0.0, 0.2)])
async def test_a_bridge_that_ignores_sequence_numbers_garbles_the_agent(
    sim, serve, swap, duplicate
):
    serve(IgnoresAgentNumbers, vapi_dialect="seed")
    with pytest.raises(AssertionError):
        await agent_leg(sim, swap=swap, duplicate=duplicate)
