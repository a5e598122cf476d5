"""The assistant: who speaks when, against the anchors of the protocol sheet."""

from __future__ import annotations

import asyncio
import itertools
import random

import numpy as np
import pytest

from simkit.audio import voice

FLIGHT = 0.010


def say(text: str, seed: int = 1):
    return voice.speak(text, random.Random(seed))


async def test_the_first_text_frame_is_in_progress_after_140_ms(sim, client):
    await client.open()
    await client.speak(None, 0.3)
    at, message = client.told[0]
    assert message == {"type": "status-update", "status": "in-progress"}
    # The socket opened at Vapi one flight before the client knew.
    assert at == pytest.approx(0.140, abs=0.001)


async def test_frames_come_every_20_ms_from_the_start(sim, client):
    await client.open()
    await client.speak(None, 1.0)
    at = [when for when, _ in client.sound]
    assert {round(later - earlier, 9) for earlier, later in itertools.pairwise(at)} == {0.02}
    assert {len(frame) for _, frame in client.sound} == {640}


async def test_silence_frames_can_be_switched_off(sim, client):
    sim.vapi.assistant(silence_frames=False)
    await client.open()
    await client.speak(None, 1.0)
    assert client.sound == []


async def test_the_first_message_is_announced_150_ms_before_its_audio(sim, client):
    sim.vapi.assistant(first_message="Good morning.")
    await client.open()
    await client.speak(None, 2.0)
    [(started, _)] = client.of("speech-update", role="assistant", status="started")
    assert client.voiced[0] - started == pytest.approx(0.150, abs=0.021)
    [(stopped, _)] = client.of("speech-update", role="assistant", status="stopped")
    assert stopped == pytest.approx(client.voiced[-1] + 0.02 + 0.067, abs=0.021)
    [(said, message)] = client.of("transcript", role="assistant")
    assert message["transcript"] == "Good morning."
    assert said - stopped == pytest.approx(0.160, abs=0.001)


async def test_a_call_begins_with_the_first_message_that_was_ordered(sim, client):
    sim.vapi.assistant(first_message="Good morning.")
    client.body = {"assistantOverrides": {"firstMessage": "Welcome back."}}
    await client.open()
    await client.speak(None, 2.0)
    [(_, told)] = client.of("transcript", role="assistant")
    assert told["transcript"] == "Welcome back."


async def test_a_call_ordered_without_a_first_message_waits_for_the_caller(sim, client):
    sim.vapi.assistant(first_message="Good morning.", replies=["Yes."])
    overrides = {"firstMessage": "", "firstMessageMode": "assistant-waits-for-user"}
    client.body = {"assistantOverrides": overrides}
    await client.open()
    await client.speak(None, 1.0)
    speech = say("are you there")
    sim._repertoire.add(speech)
    await client.speak(speech)
    await client.speak(None, 3.0)
    assert [told["transcript"] for _, told in client.of("transcript", role="assistant")] == ["Yes."]


async def test_a_turn_follows_the_recorded_timing(sim, client):
    sim.vapi.assistant(replies=["Hello."])
    await client.open()
    await client.speak(None, 0.5)
    speech = say("hello is anybody there")
    sim._repertoire.add(speech)
    began = await client.speak(speech)
    ended = began + speech.duration
    await client.speak(None, 3.0)
    [(started, _)] = client.of("speech-update", role="user", status="started")
    assert 0.34 <= started - began - 2 * FLIGHT <= 0.40
    partials = [at for at, _ in client.of("transcript", transcriptType="partial")]
    assert partials[0] - started == pytest.approx(0.330, abs=0.001)
    assert partials[1] - partials[0] == pytest.approx(0.480, abs=0.001)
    [(final, message)] = client.of("transcript", role="user", transcriptType="final")
    assert message["transcript"] == "hello is anybody there"
    assert 0.48 <= final - ended <= 0.75
    [(stopped, _)] = client.of("speech-update", role="user", status="stopped")
    assert 0.70 <= stopped - ended <= 0.765
    [(answers, _)] = client.of("speech-update", role="assistant", status="started")
    assert answers - final == pytest.approx(0.670, abs=0.001)


async def test_words_whose_audio_did_not_arrive_are_not_transcribed(sim, client):
    await client.open()
    speech = say("one two three four five")
    first = speech.words[2].start
    cut = voice.Speech(speech.text, speech.samples[first:], ())
    sim._repertoire.add(speech)
    await client.speak(cut)
    await client.speak(None, 1.0)
    [(_, message)] = client.of("transcript", transcriptType="final")
    assert message["transcript"] == "three four five"


async def test_audio_of_the_wrong_rate_is_silence(sim, client):
    await client.open()
    speech = say("can you hear me")
    sim._repertoire.add(speech)
    client.rate = 8000  # what was declared is 16000
    await client.speak(speech)
    client.rate = 16000
    await client.speak(None, 1.0)
    assert client.of("transcript") == []


async def test_mulaw_works_as_declared(sim, client):
    sim.vapi.assistant(first_message="Good morning.")
    await client.open(audioFormat={"format": "mulaw", "container": "raw", "sampleRate": 8000})
    await asyncio.sleep(2)
    assert {len(frame) for _, frame in client.sound} == {160}


async def test_voice_of_200_ms_interrupts_and_then_a_backoff_is_kept(sim, client):
    sim.vapi.assistant(first_message="This is going to be a rather long speech.", replies=["Yes."])
    await client.open()
    await client.speak(None, 1.0)
    speech = say("wait")
    sim._repertoire.add(speech)
    began = await client.speak(speech)
    await client.speak(None, 3.0)
    [(interrupted, _)] = client.of("user-interrupted")
    assert interrupted - began - 2 * FLIGHT == pytest.approx(0.2, abs=0.021)
    assert max(at for at in client.voiced if at < 2.5) <= interrupted + 0.001
    [(_said, message)] = client.of("transcript", role="assistant")[:1]
    assert message["transcript"] in "This is going to be a rather long speech."
    assert message["transcript"] != "This is going to be a rather long speech."
    again = [at for at in client.voiced if at > interrupted + 0.1]
    assert again[0] - interrupted >= 1.0


@pytest.mark.parametrize("kind", ["slam", "quiet"])
async def test_noise_neither_interrupts_nor_gets_an_answer(sim, client, kind):
    sim.vapi.assistant(first_message="This is going to be a rather long speech.", replies=["Yes."])
    await client.open()
    await client.speak(None, 1.0)
    draw = np.random.default_rng(1)
    level, seconds = (8000, 0.12) if kind == "slam" else (150, 1.0)
    noise = (draw.standard_normal(round(8000 * seconds)) * level).clip(-32768, 32767)
    await client.speak(voice.Speech("", noise.astype(np.int16), ()))
    await client.speak(None, 3.0)
    assert client.of("user-interrupted") == []
    assert client.of("transcript", role="user") == []
    assert len(client.of("transcript", role="assistant")) == 1


async def test_what_is_said_over_the_backoff_goes_into_one_turn(sim, client):
    sim.vapi.assistant(replies=["One.", "Two."])
    await client.open()
    first, second = say("my number is", 1), say("five five five", 2)
    for speech in (first, second):
        sim._repertoire.add(speech)
        await client.speak(speech)
        await client.speak(None, 0.3)
    await client.speak(None, 3.0)
    [(_, message)] = client.of("transcript", role="user", transcriptType="final")
    assert message["transcript"] == "my number is five five five"
    assert len(client.of("speech-update", role="assistant", status="started")) == 1


async def test_a_function_answers_what_was_heard(sim, client):
    sim.vapi.assistant(replies=lambda heard: f"you said {heard}")
    await client.open()
    speech = say("blue")
    sim._repertoire.add(speech)
    await client.speak(speech)
    await client.speak(None, 3.0)
    [(_, message)] = client.of("transcript", role="assistant")
    assert message["transcript"] == "you said blue"


async def test_a_reply_can_be_sent_ahead_of_time(sim, client):
    sim.vapi.assistant(first_message="This takes a few seconds to say.", lead=60.0)
    await client.open()
    await client.speak(None, 0.8)
    assert len(client.voiced) > 60


async def test_end_call_ends_the_call(sim, client):
    await client.open()
    await client.socket.send('{"type":"end-call"}')
    await client.socket.wait_closed()
    await client.reader
    [(_, message)] = client.of("status-update", status="ended")
    assert message["endedReason"] == "assistant-ended-call"
    assert client.socket.close_code == 1000


async def test_a_malformed_message_is_noted_and_the_call_goes_on(sim, client):
    await client.open()
    for text in ("{", '{"type":"dance"}', '{"type":"say"}', '{"type":"control","control":"x"}'):
        await client.socket.send(text)
    await client.speak(None, 0.5)
    assert len(sim.timeline.of("warning")) == 4
    assert len(client.sound) > 20


@pytest.mark.parametrize(
    ("name", "value"), [("vad_threshold", 2), ("llm", -1), ("lead", "x"), ("num_words", None)]
)
def test_a_setting_outside_its_range_is_refused(sim, name, value):
    with pytest.raises(ValueError, match=name):
        sim.vapi.assistant(**{name: value})


def test_an_unknown_setting_is_refused(sim):
    with pytest.raises(TypeError, match="latency"):
        sim.vapi.assistant(latency=1)
