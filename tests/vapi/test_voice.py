"""The voice: how fast it is made and sent, and how it is told."""

from __future__ import annotations

import itertools

import pytest

# The voice


async def test_a_slow_voice_leaves_gaps_and_a_fast_one_runs_ahead(sim, client):
    text = "This takes a few seconds to say."
    sim.vapi.assistant(first_message=text, tts_speed=0.5, silence_frames=False)
    await client.open()
    await client.speak(None, 7.0)
    gaps = {round(later - now, 6) for now, later in itertools.pairwise(client.voiced)}
    assert min(gaps) == 0.04
    [(stopped, _)] = client.of("speech-update", role="assistant", status="stopped")
    assert stopped - client.voiced[-1] == pytest.approx(0.067, abs=0.06)


async def test_a_continuous_stream_goes_on_while_the_voice_is_behind(sim, client):
    sim.vapi.assistant(first_message="This takes a few seconds to say.", tts_speed=0.8)
    await client.open()
    await client.speak(None, 5.0)
    at = [when for when, _ in client.sound]
    assert {round(later - now, 9) for now, later in itertools.pairwise(at)} == {0.02}
    [event] = sim.timeline.of("replies")
    took = client.voiced[-1] + 0.02 - client.voiced[0]
    assert took == pytest.approx(event.fields["duration_ns"] / 1e9 / 0.8, abs=0.05)


async def test_a_voice_that_makes_audio_at_twice_real_time_sends_it_so_when_it_may(sim, client):
    sim.vapi.assistant(
        first_message="This takes a few seconds to say.",
        tts_speed=2.0,
        lead=60.0,
        silence_frames=False,
    )
    await client.open()
    await client.speak(None, 4.0)
    gaps = {round(later - now, 6) for now, later in itertools.pairwise(client.voiced)}
    assert 0.01 in gaps


async def test_a_voice_can_speak_faster(sim, client):
    lengths = []
    for rate in (1.0, 2.0):
        sim.vapi.assistant(first_message="This takes a while to say.", speech_rate=rate)
        await client.open()
        await client.speak(None, 4.0)
        [event] = sim.timeline.of("replies")[-1:]
        lengths.append(event.fields["duration_ns"])
        await client.socket.close()
    assert lengths[0] == pytest.approx(2 * lengths[1], rel=0.01)


async def test_partials_of_the_assistant_are_cumulative_and_lag_behind(sim, client):
    text = "This takes a few seconds to say."
    sim.vapi.assistant(first_message=text, assistant_partials=True, assistant_name="Ann")
    await client.open()
    await client.speak(None, 5.0)
    partials = client.of("transcript", role="assistant", transcriptType="partial")
    texts = [message["transcript"] for _, message in partials]
    assert len(texts) > 3
    assert all(later.startswith(now) for now, later in itertools.pairwise(texts))
    assert text.startswith(texts[-1])
    assert partials[0][0] - client.voiced[0] == pytest.approx(0.296, abs=0.02)
    assert {message["assistantName"] for _, message in partials} == {"Ann"}
