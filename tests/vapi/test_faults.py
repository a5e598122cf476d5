"""Each fault of the menu does what its name promises, at the client or in the timeline."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from simkit import Simulation
from simkit.audio import voice
from simkit.vapi import Close, Only
from tests.vapi.conftest import Client

LONG = "This is going to be a rather long speech."
FLIGHT = 0.010


async def says(sim, client, text: str, *, then: float = 3.0, seed: int = 1) -> float:
    """Say something; returns when it ended, as the client's clock has it."""
    speech = voice.speak(text, random.Random(seed))
    sim._repertoire.add(speech)
    began = await client.speak(speech)
    await client.speak(None, then)
    return began + speech.duration


def happened(sim) -> list[str]:
    return [event.fields["name"] for event in sim.timeline.of("fault")]


def transcripts(client, role: str, kind: str = "final") -> list[str]:
    found = client.of("transcript", role=role, transcriptType=kind)
    return [message["transcript"] for _, message in found]


def at(client, kind: str, **fields: Any) -> list[float]:
    return [when for when, _ in client.of(kind, **fields)]


# The start


async def test_slow_create(sim, client):
    sim.vapi.faults.slow_create = 6.0
    await client.create()
    assert sim.now == pytest.approx(6.04)


async def test_failed_create_makes_no_call(sim, client):
    sim.vapi.faults.failed_create = 503
    response = await client.create()
    assert (response.status_code, response.json()["error"]) == (503, "Service Unavailable")
    assert sim.vapi.calls == []


async def test_slow_open(sim, client):
    sim.vapi.faults.slow_open = 5.0
    await client.open()
    assert sim.now == pytest.approx(0.04 + 5.0 + 0.04)


@pytest.mark.parametrize("status", [500, 503])
async def test_failed_open(sim, client, status):
    sim.vapi.faults.failed_open = status
    with pytest.raises(InvalidStatus) as caught:
        await client.open()
    assert caught.value.response.status_code == status
    assert sim.vapi.calls[0].status == "queued"


async def test_slow_begin(sim, client):
    sim.vapi.assistant(first_message="Hello.")
    sim.vapi.faults.slow_begin = 3.0
    await client.open()
    await client.speak(None, 5.0)
    assert client.told[0][0] == pytest.approx(3.140, abs=0.001)
    assert client.sound[0][0] == pytest.approx(3.0, abs=0.001)


async def test_who_hangs_up_during_a_slow_begin_ends_the_call(sim, client):
    sim.vapi.faults.slow_begin = 3.0
    await client.open()
    await client.socket.close()
    await asyncio.sleep(5)
    assert client.told == []
    assert sim.vapi.calls[0].socket.ended_reason == "customer-ended-call"


# Hearing


async def test_deaf_start_loses_the_first_word(sim, client):
    sim.vapi.faults.deaf_start = 0.4
    await client.open()
    await says(sim, client, "one two three four")
    [text] = transcripts(client, "user")
    assert "one" not in text
    assert text.endswith("four")


async def test_deaf_from(sim, client):
    sim.vapi.faults.deaf_from = 3.0
    await client.open()
    await says(sim, client, "can you hear me", then=2.0)
    await says(sim, client, "hello", seed=2)
    assert transcripts(client, "user") == ["can you hear me"]
    assert happened(sim) == ["deaf_from"]


async def test_deaf_after_a_gap_in_the_stream(sim, client):
    sim.vapi.faults.deaf_after_gap = 2.0
    await client.open()
    await says(sim, client, "can you hear me", then=1.9)
    await asyncio.sleep(1.9)
    await says(sim, client, "and now", seed=2, then=1.0)
    await asyncio.sleep(2.1)
    await says(sim, client, "and now again", seed=3)
    assert transcripts(client, "user") == ["can you hear me", "and now"]


async def test_misread_audio_is_noise_without_an_error(sim, client):
    sim.vapi.faults.misread_audio = True
    await client.open()
    await says(sim, client, "can you hear me")
    assert transcripts(client, "user") == []
    assert sim.timeline.of("warning") == []


@pytest.mark.parametrize("misread", [None, True])
async def test_mulaw_is_misread_as_pcm(sim, client, misread):
    sim.vapi.faults.misread_audio = misread
    await client.open(audioFormat={"format": "mulaw", "container": "raw", "sampleRate": 8000})
    # This client sends PCM, whatever was declared: only who misreads it understands.
    await says(sim, client, "can you hear me")
    assert transcripts(client, "user") == (["can you hear me"] if misread else [])


async def test_stt_stall(sim, client):
    sim.vapi.assistant(replies=["Yes."])
    sim.vapi.faults.stt_stall = 11.0
    await client.open()
    ended = await says(sim, client, "can you hear me", then=14.0)
    assert transcripts(client, "user") == ["can you hear me"]
    [final] = at(client, "transcript", role="user", transcriptType="final")
    assert final - ended == pytest.approx(11.0 + 0.6, abs=0.15)
    [stopped] = at(client, "speech-update", role="user", status="stopped")
    assert stopped >= final
    assert transcripts(client, "assistant") == ["Yes."]


async def test_what_is_said_while_the_transcript_stalls_goes_with_it(sim, client):
    sim.vapi.assistant(replies=["Yes.", "No."])
    sim.vapi.faults.stt_stall = Only(11.0)
    await client.open()
    await says(sim, client, "can you hear me", then=4.0)
    await says(sim, client, "hello", seed=2, then=12.0)
    assert transcripts(client, "user") == ["can you hear me hello"]
    assert transcripts(client, "assistant") == ["Yes."]
    assert len(at(client, "speech-update", role="user", status="stopped")) == 1


async def test_premature_final(sim, client):
    sim.vapi.assistant(replies=["Tuesday."])
    sim.vapi.faults.premature_final = Only(0.9)
    await client.open()
    text = "I would like to come by on the fifteenth of August"
    ended = await says(sim, client, text)
    first, second = transcripts(client, "user")
    assert text.startswith(first)
    assert text.endswith(second)
    early, _ = at(client, "transcript", role="user", transcriptType="final")
    assert early < ended - 0.5


async def test_absorbed_greeting(sim, client):
    sim.vapi.assistant(first_message=LONG, replies=["One.", "Two."])
    sim.vapi.faults.absorbed = True
    await client.open()
    await client.speak(None, 1.0)
    await says(sim, client, "hello", then=4.0)
    assert transcripts(client, "user") == []
    assert client.of("speech-update", role="user") == client.of("user-interrupted") == []
    assert transcripts(client, "assistant") == [LONG]
    await says(sim, client, "how are you", seed=2)
    assert transcripts(client, "user") == ["how are you"]
    assert transcripts(client, "assistant") == [LONG, "One."]


async def test_final_pieces(sim, client):
    sim.vapi.assistant(replies=["Yes."])
    sim.vapi.faults.final_pieces = 3
    await client.open()
    await says(sim, client, "one two three four five")
    assert transcripts(client, "user") == ["one", "two three", "four five"]
    assert transcripts(client, "assistant") == ["Yes."]


async def test_late_stopped_comes_after_what_it_should_precede(sim, client):
    sim.vapi.assistant(replies=["Yes."])
    sim.vapi.faults.late_stopped = 1.0
    await client.open()
    await says(sim, client, "can you hear me")
    [stopped] = at(client, "speech-update", role="user", status="stopped")
    [started] = at(client, "speech-update", role="assistant", status="started")
    assert stopped > started


# Speaking


async def test_unspoken_first_message(sim, client):
    sim.vapi.assistant(first_message=LONG, replies=["Yes."])
    sim.vapi.faults.unspoken = Only(1.0)
    await client.open()
    await says(sim, client, "hello")
    assert transcripts(client, "assistant") == ["Yes."]
    assert len(sim.timeline.of("replies")) == 1


async def test_unspoken_say_gets_no_error(sim, client):
    sim.vapi.faults.unspoken = 1.0
    await client.open()
    await client.socket.send('{"type":"say","content":"Are you there?"}')
    await client.speak(None, 3.0)
    assert sim.timeline.of("replies", "warning") == []
    assert happened(sim) == ["unspoken"]


async def test_say_stall_keeps_the_order(sim, client):
    sim.vapi.faults.say_stall = Only(6.7)
    await client.open()
    for text in ("One.", "Two."):
        await client.socket.send(json.dumps({"type": "say", "content": text}))
    await client.speak(None, 10.0)
    assert transcripts(client, "assistant") == ["One.", "Two."]
    assert client.voiced[0] == pytest.approx(6.7 + 0.32 + FLIGHT, abs=0.03)


async def test_say_stalls_are_drawn_between_two_bounds(sim, client):
    sim.vapi.faults.say_stall = (0.5, 9.6)
    await client.open()
    await client.socket.send('{"type":"say","content":"One."}')
    await client.speak(None, 12.0)
    [fault] = sim.timeline.of("fault")
    assert 0.5 <= fault.fields["value"] <= 9.6
    assert client.voiced[0] == pytest.approx(fault.fields["value"] + 0.33, abs=0.03)


async def test_held_text_comes_late_and_doubled(sim, client):
    sim.vapi.assistant(replies=["Sure. Give me a second"])
    sim.vapi.faults.held_text = 16.0
    await client.open()
    ended = await says(sim, client, "what does it cost", then=22.0)
    assert transcripts(client, "assistant") == ["Sure. Give me a second Sure. Give me a second"]
    assert client.voiced[0] - ended > 16.0


async def test_retry_storm(sim, client):
    told = ("transcript", "model-output")
    sim.vapi.assistant(replies=["Forty two."], client_messages=told)
    sim.vapi.faults.retry_storm = 6
    await client.open()
    await says(sim, client, "what does it cost", then=18.0)
    attempts = client.of("model-output")
    assert len({message["turnId"] for _, message in attempts}) == 6
    assert attempts[4][0] - attempts[0][0] == pytest.approx(4 * 2.7, abs=0.001)
    assert [message["output"] for _, message in attempts] == [*["Forty"] * 5, "Forty two."]
    assert transcripts(client, "assistant") == ["Forty two."]
    assert client.voiced[0] > attempts[5][0] > attempts[4][0] + 2.7


async def test_clipped_start(sim, client):
    sim.vapi.assistant(first_message=LONG)
    sim.vapi.faults.clipped_start = 0.5
    await client.open()
    await client.speak(None, 3.0)
    [reply] = sim.timeline.of("replies")
    assert client.voiced[0] == pytest.approx(reply.t_ns / 1e9 - client.opened + 0.52, abs=0.03)


async def test_assistant_pieces(sim, client):
    sim.vapi.assistant(first_message=LONG)
    sim.vapi.faults.assistant_pieces = 3
    await client.open()
    await client.speak(None, 5.0)
    assert len(transcripts(client, "assistant")) == 3
    assert " ".join(transcripts(client, "assistant")) == LONG


# The socket


async def test_mute_from_leaves_the_messages(sim, client):
    sim.vapi.faults.mute_from = 1.0
    await client.open()
    await says(sim, client, "can you hear me")
    assert client.sound[-1][0] == pytest.approx(1.0, abs=0.03)
    assert transcripts(client, "user") == ["can you hear me"]


@pytest.mark.parametrize("size", [7, 333, 641])
async def test_odd_frames_cut_samples_in_two_and_lose_none(sim, client, size):
    sim.vapi.assistant(first_message="Hello.")
    sim.vapi.faults.odd_frames = size
    await client.open()
    await client.speak(None, 1.5)
    assert {len(frame) for _, frame in client.sound} == {size}
    sound = b"".join(frame for _, frame in client.sound)
    [reply] = sim.timeline.of("replies")
    speech = sim._repertoire[reply.fields["utterance"]].at_rate(16000)[:4000]
    found = sound.find(speech.astype("<i2").tobytes())
    assert found > 0
    assert found % 2 == 0


CLOSES = [
    (Close(1005, at=1.0), 1005, 1.0),
    (Close(1006, at=1.0), 1006, 1.0),
    (Close(1008, at=0.0), 1008, 0.0),
    (Close(1011, on="status-update"), 1011, 0.14),
    (Close(1012, on="speech-update assistant started", after=0.2), 1012, 0.51),
    (Close(1013, on="audio", nth=25), 1013, 0.48),
    (Close(1011, on="caller audio", nth=10), 1011, 0.2),
]


@pytest.mark.parametrize(("close", "code", "when"), CLOSES, ids=str)
async def test_the_socket_closes_at_any_phase(sim, client, close, code, when):
    sim.vapi.assistant(first_message=LONG)
    sim.vapi.faults.close = close
    await client.open()
    with pytest.raises(ConnectionClosed):
        await client.speak(None, 5.0)
    await asyncio.gather(client.reader, return_exceptions=True)
    assert client.socket.close_code == code
    [fault] = sim.timeline.of("fault")
    assert fault.t_ns / 1e9 - client.opened == pytest.approx(when, abs=0.035)
    assert sim.vapi.calls[0].status == "ended"
    assert sim.vapi.calls[0].socket.ended_reason == "worker-shutdown"
    # No word of it, and no way back.
    assert client.of("status-update", status="ended") == []
    with pytest.raises(InvalidStatus):
        await connect(client.call["transport"]["websocketCallUrl"])


async def test_a_close_with_a_command_of_the_client(sim, client):
    sim.vapi.faults.close = Close(1011, on="say")
    await client.open()
    await client.socket.send('{"type":"say","content":"One."}')
    await client.socket.wait_closed()
    assert client.socket.close_code == 1011


async def test_a_second_call_is_as_faulty_as_the_first(sim, client):
    sim.vapi.faults.failed_create = Only(500, nth=2)
    assert [(await client.create()).status_code for _ in range(3)] == [201, 500, 201]


# None


async def test_no_fault_no_trace(sim, client):
    sim.vapi.assistant(first_message="Hello.", replies=["Yes."])
    await client.open()
    await says(sim, client, "hello there")
    assert sim.timeline.of("fault") == []


def test_the_same_seed_has_the_same_trouble():
    async def call(sim) -> None:
        sim.vapi.faults.say_stall = (0.5, 9.6)
        sim.vapi.faults.unspoken = 0.5
        client = Client(sim)
        await client.open()
        for _ in range(8):
            await client.socket.send('{"type":"say","content":"One."}')
        await client.speak(None, 12.0)

    texts = []
    for _ in range(2):
        with Simulation(seed=3) as sim:
            sim.run(call(sim))
            texts.append(str(sim.timeline))
    assert texts[0] == texts[1]
    assert "fault" in texts[0]
