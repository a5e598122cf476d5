"""Packet loss on the phone's leg: words are lost with their packets, and nothing else fails."""

from __future__ import annotations

import pytest

from simkit import Simulation, checks
from simkit.audio.speech import plain
from simkit.twilio import Profile
from tests.races.outcome import understood

NUMBER = "+15550100"
GREETING = "Good morning, this is the office of Doctor Smith. How can I help you?"
REQUEST = "I would like to move my appointment from Tuesday to Thursday in the afternoon"
REPLY = "Thursday at four in the afternoon it is then."


async def caller_on_the_move(sim: Simulation, profile: str | Profile) -> list[str]:
    """Call over such a line; returns the words that were understood, punctuation aside."""
    sim.vapi.assistant(first_message=GREETING, replies=[REPLY])
    call = await sim.twilio.call(to=NUMBER, profile=profile)
    await call.hears_utterance()
    await call.says(REQUEST)
    await call.hears_utterance()
    await call.stays_silent(0.5)
    await call.hangs_up()
    return [plain(word) for text in understood(sim) for word in text.split()]


def in_order(words: list[str], said: list[str]) -> bool:
    rest = iter(said)
    return all(word in rest for word in words)


@pytest.mark.parametrize("profile", ["mobile-1%", "mobile-3%", "mobile-5%"])
async def test_transcripts_degrade_gracefully(sim, serve, profile, snapshot):
    serve()
    words = await caller_on_the_move(sim, profile)
    said = [plain(word) for word in REQUEST.split()]
    assert in_order(words, said)
    assert len(words) >= 0.7 * len(said)
    assert len(sim.timeline.of("replies")) == 2
    assert sim.timeline.of("lost")
    assert sim.timeline == snapshot
    assert [check.name for check in checks.run(sim.timeline) if not check.passed] == []


async def test_a_line_that_loses_a_third_is_not_understood(sim, serve):
    serve()
    words = await caller_on_the_move(sim, Profile(loss=0.33, burst=5.0))
    assert len(words) < 0.7 * len(REQUEST.split())


@pytest.mark.parametrize("profile", ["jitter-800", "patient-800"])
async def test_no_bridge_is_blamed_for_a_line_that_stalls(sim, serve, profile):
    serve()
    await caller_on_the_move(sim, profile)
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
