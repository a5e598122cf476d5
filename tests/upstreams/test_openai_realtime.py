"""The Realtime API's side of its socket: order of events, settings, errors."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from simkit import checks
from simkit.upstreams import OpenAIRealtime
from tests.upstreams.conftest import HOST, PCMU, pcm

TURN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
    "rate_limits.updated",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]
ENDS = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]
DELTAS = {"response.output_audio.delta", "response.output_audio_transcript.delta"}


@pytest.fixture
def openai(sim):
    upstream = sim.upstream(HOST, OpenAIRealtime)
    upstream.agent(first_message="Hello, how can I help?", replies=["It is noon.", "Good bye."])
    return upstream


async def ask(client) -> None:
    await client.speak("what time is it?")
    await client.silence(2.0)


async def test_a_turn_has_its_events_in_the_order_of_the_service(sim, openai, client):
    await client.open()
    await ask(client)
    assert client.kinds[:2] == ["session.created", "session.updated"]
    events = [kind for kind in client.kinds[2:] if kind not in DELTAS]
    assert events == TURN + ENDS


async def test_nothing_is_said_unasked(sim, openai, client):
    await client.open()
    await asyncio.sleep(5)
    assert client.kinds == ["session.created", "session.updated"]


async def test_the_first_response_is_the_greeting(sim, openai, client):
    await client.open()
    await client.send("response.create")
    await asyncio.sleep(3)
    (done,) = client.of("response.done")
    assert done["response"]["status"] == "completed"
    (item,) = done["response"]["output"]
    expected = [{"type": "output_audio", "transcript": "Hello, how can I help?"}]
    assert (item["status"], item["content"]) == ("completed", expected)


async def test_transcript_deltas_add_up_to_the_transcript(sim, openai, client):
    await client.open()
    await client.send("response.create")
    await asyncio.sleep(3)
    deltas = client.of("response.output_audio_transcript.delta")
    (done,) = client.of("response.output_audio_transcript.done")
    assert "".join(event["delta"] for event in deltas) == done["transcript"]


async def test_items_follow_each_other(sim, openai, client):
    await client.open()
    await client.send("response.create")
    await asyncio.sleep(2)
    await ask(client)
    items = client.of("conversation.item.added")
    assert [item["item"]["role"] for item in items] == ["assistant", "user", "assistant"]
    assert items[0]["previous_item_id"] is None
    assert all(b["previous_item_id"] == a["item"]["id"] for a, b in pairwise(items))
    (committed,) = client.of("input_audio_buffer.committed")
    assert committed["item_id"] == items[1]["item"]["id"]


async def test_audio_times_count_what_was_sent_with_padding_and_silence(sim, openai, client):
    await client.open()
    await client.silence(1.0)
    await client.speak("what time is it?", 1.0)
    await client.silence(1.0)
    (started,) = client.of("input_audio_buffer.speech_started")
    (stopped,) = client.of("input_audio_buffer.speech_stopped")
    # Voice begins with the first loud block, 300 ms of padding are before it.
    assert started["audio_start_ms"] in range(700, 760, 20)
    # The end of the voice, and half a second of silence.
    assert stopped["audio_end_ms"] in range(2440, 2520, 20)


async def test_a_turn_ends_by_silence_that_arrives_not_by_time(sim, openai, client):
    await client.open()
    await client.speak("what time is it?")
    await asyncio.sleep(10)
    assert "input_audio_buffer.speech_stopped" not in client.kinds
    await client.silence(0.6)
    assert "input_audio_buffer.speech_stopped" in client.kinds


async def test_a_client_sets_how_long_silence_ends_a_turn(sim, openai, client):
    await client.open()
    detection = {"type": "server_vad", "silence_duration_ms": 1200}
    await client.update(audio={"input": {"turn_detection": detection}})
    await client.speak("what time is it?", 1.0)
    await client.silence(2.0)
    taken = client.at("input_audio_buffer.speech_stopped") - client.at(
        "input_audio_buffer.speech_started"
    )
    # 100 ms of voice had been there before the first of the two.
    assert taken == pytest.approx(1.0 - 0.1 + 1.2, abs=0.06)


async def test_the_caller_s_voice_cancels_a_response_that_is_still_made(sim, openai, client):
    openai.agent(first_message="This goes on and on and will be cut off somewhere.", speed=1.0)
    await client.open()
    await client.send("response.create")
    await asyncio.sleep(1.5)
    await client.speak("stop")
    (done,) = client.of("response.done")
    assert done["response"]["status"] == "cancelled"
    assert done["response"]["status_details"]["reason"] == "turn_detected"
    kinds = [kind for kind in client.kinds if kind not in DELTAS]
    first = kinds.index("input_audio_buffer.speech_started")
    assert kinds[first + 1 : first + 7] == ENDS
    (item,) = done["response"]["output"]
    said = item["content"][0]["transcript"]
    assert item["status"] == "incomplete"
    assert "This goes on and on and will be cut off somewhere.".startswith(said)


async def test_a_response_that_was_made_before_is_not_cancelled(sim, openai, client):
    openai.agent(first_message="This goes on and on and is all there at once.", speed=100.0)
    await client.open()
    await client.send("response.create")
    await asyncio.sleep(1.0)
    await client.speak("stop")
    (done,) = client.of("response.done")
    assert done["response"]["status"] == "completed"


async def test_without_interrupt_response_it_goes_on(sim, openai, client):
    openai.agent(first_message="This goes on and on and nobody can stop it.", speed=1.0)
    await client.open()
    detection = {"type": "server_vad", "interrupt_response": False, "create_response": False}
    await client.update(audio={"input": {"turn_detection": detection}})
    await client.send("response.create")
    await asyncio.sleep(1.0)
    await client.speak("stop")
    await client.silence(4.0)
    (done,) = client.of("response.done")
    assert done["response"]["status"] == "completed"


async def test_without_turn_detection_the_client_commits_and_asks(sim, openai, client):
    openai.agent(replies=["It is noon."])
    await client.open()
    await client.update(audio={"input": {"turn_detection": None}})
    await ask(client)
    assert client.kinds == ["session.created", "session.updated"]
    await client.send("input_audio_buffer.commit")
    await client.send("response.create")
    await asyncio.sleep(2)
    kinds = [kind for kind in client.kinds[2:] if kind not in DELTAS]
    assert kinds == TURN[2:] + ENDS
    assert openai.sessions[0].history == [
        ("user", "what time is it?"),
        ("assistant", "It is noon."),
    ]


async def test_a_transcript_comes_when_asked_for(sim, openai, client):
    await client.open()
    await ask(client)
    kind = "conversation.item.input_audio_transcription.completed"
    assert not client.of(kind)
    await client.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
    await ask(client)
    (event,) = client.of(kind)
    assert event["transcript"] == "what time is it?"
    assert event["item_id"] == client.of("input_audio_buffer.committed")[1]["item_id"]


async def test_a_cancelled_response_says_who_did_it(sim, openai, client):
    await client.open()
    await client.send("response.create")
    await asyncio.sleep(0.1)
    await client.send("response.cancel")
    await asyncio.sleep(3)
    (done,) = client.of("response.done")
    assert done["response"]["status_details"]["reason"] == "client_cancelled"
    assert (done["response"]["output"], client.heard) == ([], b"")


async def test_pcm_at_24_khz_is_the_format_unless_told(sim, openai, client):
    openai.agent(first_message="Hello", speed=float("inf"))
    await client.open(mulaw=False)
    await client.send("response.create")
    await asyncio.sleep(3)
    (reply,) = sim.timeline.of("replies")
    said = sim._repertoire[reply.fields["utterance"]].samples
    # Every third sample is the voice's own, 12 samples later.
    heard = pcm(client.heard)
    assert len(heard) == 3 * len(said)
    assert heard[36::3].tolist() == said[:-12].tolist()


async def test_pcm_at_24_khz_is_understood(sim, openai, client, monkeypatch):
    await client.open(mulaw=False)
    monkeypatch.setattr(
        "tests.upstreams.conftest.mulaw.encode",
        lambda samples: samples.repeat(3).astype("<i2").tobytes(),
    )
    await client.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
    await client.speak("what time is it?", 1.0)
    await client.sound(bytes(48000))
    (event,) = client.of("conversation.item.input_audio_transcription.completed")
    assert event["transcript"] == "what time is it?"


async def test_the_first_shape_is_spoken_with_its_header(sim, openai, client):
    await client.open(mulaw=False, OpenAI_Beta="realtime=v1")
    session = {"input_audio_format": "g711_ulaw", "output_audio_format": "g711_ulaw"}
    await client.send("session.update", session=session)
    await ask(client)
    (updated,) = client.of("session.updated")
    assert updated["session"]["input_audio_format"] == "g711_ulaw"
    assert client.of("response.audio.delta")
    assert client.of("response.audio_transcript.delta")
    assert len(client.of("conversation.item.created")) == 2
    (done,) = client.of("response.done")
    assert done["response"]["output"][0]["content"][0]["type"] == "audio"
    assert not client.of("error")


async def test_updates_change_what_they_mention(sim, openai, client):
    await client.open()
    await client.update(instructions="Be brief.", audio={"output": {"voice": "marin"}})
    await asyncio.sleep(0.1)
    session = client.of("session.updated")[-1]["session"]
    assert session["instructions"] == "Be brief."
    assert session["audio"]["output"] == PCMU | {"voice": "marin", "speed": 1.0}
    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500


async def test_a_prompt_is_answered_and_is_no_second_reply(sim, openai, client):
    openai.agent(first_message="Hello.", replies=lambda heard: f"You said: {heard}")
    await client.open()
    content = [{"type": "input_text", "text": "Greet the caller."}]
    message = {"type": "message", "role": "user", "content": content}
    await client.send("conversation.item.create", item=message)
    await client.send("response.create")
    await asyncio.sleep(2)
    await client.send("response.create", response={"instructions": "Ask again."})
    await asyncio.sleep(3)
    output = {"type": "function_call_output", "call_id": "c", "output": "42"}
    await client.send("conversation.item.create", item=output)
    await client.send("response.create")
    await asyncio.sleep(3)
    said = [text for _, text in openai.sessions[0].history]
    assert said == ["Hello.", "You said: Ask again.", "You said: 42"]
    judged = {check.name: check.violations for check in checks.run(sim.timeline)}
    assert judged["one-reply-per-turn"] == []
    # The greeting was granted without the prompt that it had. What follows answers nothing.
    for _ in range(2):
        await client.send("response.create")
        await asyncio.sleep(3)
    judged = {check.name: check.violations for check in checks.run(sim.timeline)}
    assert [found.at_ns for found in judged["one-reply-per-turn"]] == [
        sim.timeline.of("replies")[4].t_ns
    ]
