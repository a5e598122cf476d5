"""Packet loss on the phone's leg: words are lost with their packets, and nothing else fails."""

from __future__ import annotations

import pytest

from simkit import checks
from simkit.scenarios import NotApplicable, leaves, understood
from simkit.scenarios.deliveries import NUMBER, REQUEST, packet_loss
from simkit.twilio import Profile

GREETING = "Good morning, this is the office of Doctor Smith. How can I help you?"
REPLY = "Thursday at four in the afternoon it is then."


@pytest.mark.parametrize("loss", [0.01, 0.03, 0.05])
async def test_transcripts_degrade_gracefully(sim, serve, loss, snapshot):
    serve()
    await packet_loss(sim, loss=loss)
    assert len(sim.timeline.of("replies")) == 2
    assert sim.timeline.of("lost")
    assert sim.timeline == snapshot
    assert [check.name for check in checks.run(sim.timeline) if not check.passed] == []


async def test_no_bridge_is_blamed_for_the_words_that_a_line_loses(sim, serve):
    serve()
    with pytest.raises(NotApplicable, match="the line left none of the 14 words whole"):
        await packet_loss(sim, loss=0.33, burst=0.1)
    words = " ".join(understood(sim)).split()
    assert 0 < len(words) <= 7
    assert len(REQUEST.split()) == 14


@pytest.mark.parametrize("profile", ["jitter-800", "patient-800"])
async def test_no_bridge_is_blamed_for_a_line_that_stalls(sim, serve, profile):
    serve()
    sim.vapi.assistant(first_message=GREETING, replies=[REPLY])
    call = await sim.twilio.call(to=NUMBER, profile=profile)
    await call.hears_utterance()
    await call.says(REQUEST)
    await call.hears_utterance()
    await leaves(call)
    failed = {check.name for check in checks.run(sim.timeline) if not check.passed}
    assert not failed & {"caller-audio-complete", "agent-audio-intact", "no-stale-audio"}


async def test_an_interruption_over_a_slow_line_is_measured_without_stale_audio(sim, serve):
    serve()
    sim.vapi.assistant(first_message=GREETING, replies=[REPLY], lead=60.0, silence_frames=False)
    call = await sim.twilio.call(to=NUMBER, profile=Profile(latency=0.15))
    await call.hears("Good morning")
    await call.says("wait a moment please")
    await call.hears_utterance()
    [barge_in] = call.barge_ins
    assert barge_in.stale_after_clear_ms == 0
    # Both ways over the line are in it: 160 ms each in whole packets.
    assert 320 + 200 < barge_in.time_to_stop_ms < 700
    assert sum(barge_in.parts) == pytest.approx(barge_in.time_to_stop_ms)
