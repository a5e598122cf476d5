"""Stop mid-TTS: the caller hangs up during a reply; the next call hears none of it."""

from __future__ import annotations

import asyncio

import pytest

from simkit import checks
from tests.zoo.bridges import ForgetsVapiAtTheEnd, SharesAgentAudio

NUMBER = "+15550100"
LONG = "Let me read you the terms and conditions from the very beginning, " * 4


async def two_callers(sim, bridge):
    sim.vapi.assistant(first_message=LONG, lead=60.0, silence_frames=False)
    first = await sim.twilio.call(to=NUMBER)
    await first.hears("terms and conditions")
    await first.hangs_up()
    [end] = sim.timeline.of("hangs-up")
    sim.vapi.assistant(first_message="Hello, second caller.")
    second = await sim.twilio.call(to=NUMBER)
    await second.hears("second caller.")
    await second.hangs_up()
    assert [utterance.text for utterance in second.heard.utterances] == ["Hello, second caller."]
    told = sim.timeline.of("end-call")
    assert told, "Vapi was not told that the call is over"
    assert told[0].arrived_ns - end.t_ns < 100_000_000
    await asyncio.sleep(0.1)
    assert not bridge.sessions


async def test_the_next_call_hears_nothing_stale(sim, serve, snapshot):
    await two_callers(sim, serve())
    assert sim.timeline == snapshot


def test_nothing_of_either_call_is_left(sim, serve):
    sim.run(two_callers(sim, serve()))
    assert [check.name for check in checks.run(sim.finish()) if not check.passed] == []


@pytest.mark.parametrize("wrong", [ForgetsVapiAtTheEnd, SharesAgentAudio])
async def test_a_bridge_that_forgets_to_clean_up_is_found_out(sim, serve, wrong):
    with pytest.raises(AssertionError):
        await two_callers(sim, serve(wrong))
