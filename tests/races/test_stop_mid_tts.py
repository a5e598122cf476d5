"""Stop mid-TTS: Vapi is told in time, and a bridge that shares or forgets is found out."""

from __future__ import annotations

import asyncio

import pytest

from simkit.scenarios.endings import stop_mid_tts
from tests.zoo.bridges import ForgetsVapiAtTheEnd, SharesAgentAudio


async def two_callers(sim, bridge):
    await stop_mid_tts(sim)
    end = sim.timeline.of("hangs-up")[0]
    told = sim.timeline.of("end-call")
    assert told, "Vapi was not told that the call is over"
    assert told[0].arrived_ns - end.t_ns < 100_000_000
    await asyncio.sleep(0.1)
    assert not bridge.sessions


async def test_the_next_call_hears_nothing_stale(sim, serve, snapshot):
    await two_callers(sim, serve())
    assert sim.timeline == snapshot


@pytest.mark.parametrize("wrong", [ForgetsVapiAtTheEnd, SharesAgentAudio])
@pytest.mark.simkit(
    waives={
        "agent-audio-intact": "the bug is planted",
        "no-cross-talk": "the bug is planted",
        "clean-teardown": "the bug is planted",
    }
)
async def test_a_bridge_that_forgets_to_clean_up_is_found_out(sim, serve, wrong):
    with pytest.raises(AssertionError):
        await two_callers(sim, serve(wrong))
