"""The socket: formats, frames, messages, limits and closes, seen from its client."""

from __future__ import annotations

import asyncio
import itertools
import json
import random

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from simkit.audio import mulaw, resample, voice
from simkit.vapi import VapiSettings
from simkit.wire.knobs import knobs_of
from tests.vapi.conftest import HEADERS

LONG = "This is going to be a rather long speech."
RATES = [3000, 8000, 11025, 16000, 24000, 44100, 192000]


def declared(rate: int, kind: str = "pcm_s16le") -> dict[str, object]:
    return {"format": kind, "container": "raw", "sampleRate": rate}


def speech(sim, text: str, seed: int = 1):
    said = voice.speak(text, random.Random(seed))
    sim._repertoire.add(said)
    return said


def encoded(samples: np.ndarray, kind: str) -> bytes:
    return mulaw.encode(samples) if kind == "mulaw" else samples.astype("<i2").tobytes()


async def stream(client, sound: bytes, sizes, rate: float) -> None:
    """Send bytes in frames of these sizes, in real time for so many bytes a second."""
    at = 0
    for size in sizes:
        if at >= len(sound):
            break
        frame = sound[at : at + size]
        await client.socket.send(frame)
        at += size
        await asyncio.sleep(len(frame) / rate)


def understood(client) -> list[str]:
    found = client.of("transcript", role="user", transcriptType="final")
    return [message["transcript"] for _, message in found]


# Audio


@pytest.mark.parametrize("kind", ["pcm_s16le", "mulaw"])
@pytest.mark.parametrize("rate", RATES)
async def test_any_rate_is_spoken_and_understood_as_declared(sim, client, rate, kind):
    sim.vapi.assistant(first_message="Good morning.")
    await client.open(audioFormat=declared(rate, kind))
    said = speech(sim, "can you hear me")
    sound = encoded(resample.at_rate(said.samples, rate), kind)
    width = len(sound) // len(resample.at_rate(said.samples, rate))
    await asyncio.sleep(2.0)
    size = rate // 50 * width
    await stream(client, sound, itertools.repeat(size), rate * width)
    await asyncio.sleep(1.5)
    # Too few samples a second for consonants: words are not to be told apart by them.
    assert understood(client) == (["can you hear me"] if rate >= 8000 else understood(client))
    total = sum(len(frame) for _, frame in client.sound)
    until = client.sound[-1][0] + 0.020
    assert total == pytest.approx(until * rate * width, rel=0.02)
    [reply] = sim.timeline.of("replies")
    spoken = sim._repertoire[reply.fields["utterance"]].at_rate(rate)
    assert encoded(spoken, kind) in b"".join(frame for _, frame in client.sound)


@pytest.mark.parametrize("kind", ["pcm_s16le", "mulaw"])
@pytest.mark.parametrize("sizes", [[9, 2], [3, 641], [5000], [10_000_000]], ids=str)
async def test_frames_of_any_size_are_understood(sim, client, sizes, kind):
    rate = 16000 if kind == "pcm_s16le" else 8000
    await client.open(audioFormat=declared(rate, kind))
    said = speech(sim, "one two")
    sound = encoded(said.at_rate(rate), kind)
    await stream(client, sound, itertools.cycle(sizes), rate * (1 if kind == "mulaw" else 2))
    await asyncio.sleep(2.0)
    assert understood(client) == ["one two"]
    assert sim.timeline.of("warning") == []


async def test_an_empty_frame_is_nothing(sim, client):
    await client.open()
    await client.socket.send(b"")
    await client.speak(None, 0.3)
    assert len(client.sound) > 10


async def test_speech_in_chunks_comes_in_bursts_and_as_late_as_ever(sim, client):
    sim.vapi.assistant(first_message=LONG, tts_chunk=0.5, silence_frames=False)
    await client.open()
    await client.speak(None, 5.0)
    instants = sorted({round(at, 6) for at, _ in client.sound})
    assert {round(b - a, 6) for a, b in itertools.pairwise(instants)} == {0.5}
    assert sum(at == client.sound[0][0] for at, _ in client.sound) == 25
    # The chunks are as they are: a whole number of frames each, but for the last one.
    assert {len(frame) for _, frame in client.sound[:-1]} == {640}


async def test_chunks_may_come_ahead_of_time(sim, client):
    sim.vapi.assistant(first_message=LONG, tts_chunk=0.5, lead=1.0)
    await client.open()
    await client.speak(None, 0.6)
    assert len(client.voiced) > 60


@pytest.mark.parametrize("kind", ["pcm_s16le", "mulaw"])
async def test_an_office_is_heard_under_and_between_replies(sim, client, kind):
    sim.vapi.assistant(first_message="Good morning.", background_sound="office")
    await client.open(audioFormat=declared(8000, kind))
    await asyncio.sleep(4.0)
    silence = b"\xff" * 160 if kind == "mulaw" else b"\0" * 320
    assert sum(frame == silence for _, frame in client.sound) < 5
    assert {len(frame) for _, frame in client.sound} == {len(silence)}


async def test_the_caller_hears_through_the_office(sim, serve):
    serve()
    sim.vapi.assistant(first_message=LONG, background_sound="office")
    call = await sim.twilio.call(to="+15550100")
    await call.hears("rather long speech", timeout=10)
    await call.hangs_up()


async def test_a_muted_assistant_is_silent_but_for_its_office(sim, client):
    sim.vapi.assistant(first_message=LONG)
    await client.open()
    await client.socket.send('{"type":"control","control":"mute-assistant"}')
    await client.speak(None, 2.0)
    assert client.voiced == []
    await client.socket.send('{"type":"control","control":"unmute-assistant"}')
    await client.speak(None, 0.5)
    assert client.voiced


# Messages


async def test_text_frames_are_flat_until_they_are_asked_for_in_envelopes(sim, client):
    sim.vapi.settings.envelope = True
    await client.open()
    await asyncio.sleep(0.2)
    assert client.told == []
    assert client.wrapped == [{"type": "status-update", "status": "in-progress"}]


async def test_say_is_taken_in_both_shapes(sim, client):
    await client.open()
    await client.socket.send('{"type":"say","content":"One."}')
    await client.socket.send('{"type":"say","message":"Two.","interruptionsEnabled":false}')
    await client.speak(None, 4.0)
    said = [message["transcript"] for _, message in client.of("transcript", role="assistant")]
    assert said == ["One.", "Two."]


async def test_say_may_interrupt_and_end_the_call(sim, client):
    sim.vapi.assistant(first_message=LONG)
    await client.open()
    await client.speak(None, 1.2)
    say = {"type": "say", "content": "Bye.", "interruptAssistantEnabled": True}
    await client.socket.send(json.dumps(say | {"endCallAfterSpoken": True}))
    await client.socket.wait_closed()
    await client.reader
    [(_, ended)] = client.of("status-update", status="ended")
    assert ended["endedReason"] == "assistant-ended-call-after-message-spoken"
    first, bye = (m["transcript"] for _, m in client.of("transcript", role="assistant"))
    assert LONG.startswith(first)
    assert first != LONG
    assert bye == "Bye."


@pytest.mark.parametrize("triggers", [True, False])
async def test_add_message_is_answered_unless_told_not_to(sim, client, triggers):
    sim.vapi.assistant(replies=lambda text: f"you wrote {text}")
    await client.open()
    message = {"role": "user", "content": "blue"}
    await client.socket.send(
        json.dumps({"type": "add-message", "message": message, "triggerResponseEnabled": triggers})
    )
    await client.speak(None, 4.0)
    [(_, update), *_] = client.of("conversation-update")
    assert update["conversation"] == [message]
    said = [message["transcript"] for _, message in client.of("transcript", role="assistant")]
    assert said == (["you wrote blue"] if triggers else [])


async def test_a_muted_customer_is_not_heard(sim, client):
    await client.open()
    await client.socket.send('{"type":"control","control":"mute-customer"}')
    await client.speak(speech(sim, "can you hear me"))
    await client.socket.send('{"type":"control","control":"unmute-customer"}')
    await client.speak(None, 1.0)
    await client.speak(speech(sim, "and now", 2))
    await client.speak(None, 1.0)
    assert understood(client) == ["and now"]


async def test_the_first_message_is_said_on_demand(sim, client):
    sim.vapi.assistant(first_message="Hello.")
    await client.open()
    await client.speak(None, 2.0)
    await client.socket.send('{"type":"control","control":"say-first-message"}')
    await client.speak(None, 2.0)
    said = [message["transcript"] for _, message in client.of("transcript", role="assistant")]
    assert said == ["Hello."] * 2


@pytest.mark.parametrize("kind", ["end-call", "hangup"])
async def test_the_client_ends_the_call(sim, client, kind):
    await client.open()
    await client.socket.send(json.dumps({"type": kind}))
    await client.socket.wait_closed()
    assert client.socket.close_code == 1000
    assert sim.vapi.calls[0].socket.ended_reason == "assistant-ended-call"


async def test_a_transfer_ends_the_call_for_this_socket(sim, client):
    await client.open()
    destination = {"type": "number", "number": "+15550123"}
    await client.socket.send(json.dumps({"type": "transfer", "destination": destination}))
    await client.socket.wait_closed()
    await client.reader
    [(_, update)] = client.of("transfer-update")
    assert update["destination"] == destination
    [(_, ended)] = client.of("status-update", status="ended")
    assert ended["endedReason"] == "assistant-forwarded-call"


async def test_a_handoff_is_told_and_the_call_goes_on(sim, client):
    await client.open()
    destination = {"type": "assistant", "assistantName": "Sales"}
    await client.socket.send(json.dumps({"type": "handoff", "destination": destination}))
    await client.speak(None, 0.5)
    [(_, update)] = client.of("transfer-update")
    assert update["destination"] == destination
    assert len(client.sound) > 20


async def test_a_transport_message_is_noted_and_passed_to_nobody(sim, client):
    await client.open()
    message = {"transport": "twilio", "twiml": "<Response/>"}
    await client.socket.send(json.dumps({"type": "send-transport-message", "message": message}))
    await client.speak(None, 0.5)
    assert len(sim.timeline.of("send-transport-message")) == 1
    assert sim.timeline.of("warning") == []
    assert len(client.sound) > 20


BAD = ["", "{", "null", '{"type":"ping"}', '{"type":"say"}', '{"type":"say","content":" "}']


@pytest.mark.parametrize("text", BAD)
@pytest.mark.parametrize("consequence", ["noted", "1008", "1005"])
async def test_bad_text_is_a_warning_and_may_close_the_socket(sim, client, text, consequence):
    sim.vapi.settings.bad_text = consequence
    await client.open()
    await client.socket.send(text)
    await asyncio.sleep(0.5)
    [warning] = sim.timeline.of("warning")
    assert warning.fields["reason"].startswith("message to Vapi: ")
    if consequence == "noted":
        assert len(client.sound) > 20
    else:
        assert client.socket.close_code == int(consequence)
        assert sim.vapi.calls[0].status == "ended"


# Opening and closing


async def refused(client, **options) -> int:
    with pytest.raises(InvalidStatus) as caught:
        await connect(client.call["transport"]["websocketCallUrl"], **options)
    return caught.value.response.status_code


async def closed_with(client) -> int | None:
    async with connect(client.call["transport"]["websocketCallUrl"]) as socket:
        await socket.wait_closed()
        return socket.close_code


async def test_the_url_of_a_call_that_is_over_is_dead(sim, client):
    await client.open()
    await client.socket.close()
    await asyncio.sleep(1)
    assert await refused(client) == 500


async def test_a_second_socket_is_closed_with_1008_on_request(sim, client):
    sim.vapi.settings.no_call = "1008"
    await client.open()
    assert await closed_with(client) == 1008
    client.call["transport"]["websocketCallUrl"] = "wss://api.vapi.ai/nothing/transport"
    assert await closed_with(client) == 1008
    await client.speak(None, 0.3)
    assert len(client.sound) > 10
    assert len(sim.timeline.of("open")) == 1


async def test_a_key_is_optional_until_it_is_required(sim, client):
    sim.vapi.settings.upgrade_key = "required"
    client.call = (await client.create()).json()
    assert await refused(client) == 401
    key = {"Authorization": HEADERS["Authorization"]}
    async with connect(
        client.call["transport"]["websocketCallUrl"], additional_headers=key
    ) as socket:
        assert isinstance(await socket.recv(), bytes)


@pytest.mark.parametrize("code", [None, 1000, 1001, 1006, 1011, 4000])
async def test_the_code_after_a_call_that_vapi_ends_is_a_knob(sim, client, code):
    sim.vapi.settings.close_code = code
    await client.open()
    await client.socket.send('{"type":"end-call"}')
    await client.socket.wait_closed()
    await asyncio.gather(client.reader, return_exceptions=True)
    assert client.socket.close_code == (1005 if code is None else code)
    assert len(client.of("status-update", status="ended")) == 1


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_whoever_leaves_ends_the_call(sim, client, how):
    await client.open()
    if how == "close":
        await client.socket.close()
    else:
        client.socket.transport.abort()
    await asyncio.sleep(1)
    await asyncio.gather(client.reader, return_exceptions=True)
    assert sim.vapi.calls[0].socket.ended_reason == "customer-ended-call"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("bad_text", "closed"), ("no_call", 500), ("close_code", 1005), ("envelope", 1)],
)
def test_a_setting_outside_its_range_is_refused(name, wrong):
    with pytest.raises(ValueError, match=rf"vapi\.settings\.{name}: .*; found "):
        setattr(VapiSettings(), name, wrong)


def test_every_default_lies_in_its_range():
    for name, knob in knobs_of(VapiSettings).items():
        assert knob.accepts(getattr(VapiSettings(), name))
