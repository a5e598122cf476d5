"""The seed dialect's socket: both variants of everything on which the articles disagree."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import struct
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from simkit.audio import mulaw, voice

URL = "wss://api.vapi.ai/ws"
KEY = {"Authorization": "Bearer key"}
LONG = "This is going to be a rather long speech."


class Client:
    """A client of the dialect that talks in real time and keeps what comes."""

    def __init__(self, sim: Any) -> None:
        self.sim = sim
        self.received: list[dict[str, Any]] = []

    async def open(self) -> None:
        self.socket = await connect(URL, additional_headers=KEY)
        self.reader = asyncio.create_task(self.read())

    async def read(self) -> None:
        async for message in self.socket:
            self.received.append(json.loads(message))

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def speak(self, text: str, wrap: Any, *, rate: int = 8000) -> None:
        """Say something in 20 ms pieces, each as ``wrap`` makes a message of its PCM samples."""
        speech = voice.speak(text, random.Random(1))
        self.sim._repertoire.add(speech)
        samples = speech.at_rate(rate)
        for at in range(0, len(samples), rate // 50):
            await self.socket.send(wrap(samples[at : at + rate // 50]))
            await asyncio.sleep(0.02)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.received if message["type"] == kind]

    def understood(self) -> list[str]:
        return [message["text"] for message in self.of("transcript") if "partial" not in message]


@pytest.fixture
def seed(sim) -> Client:
    return Client(sim)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def in_field(name: str) -> Any:
    return lambda samples: json.dumps({"type": "audio", name: b64(mulaw.encode(samples))})


def pcm(**more: Any) -> Any:
    return lambda samples: json.dumps(
        {"type": "audio", "audio": b64(samples.astype("<i2").tobytes()), **more}
    )


def wav(samples: np.ndarray) -> str:
    data = samples.astype("<i2").tobytes()
    head = b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt "
    head += struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16) + b"data"
    sound = head + struct.pack("<I", len(data)) + data
    return json.dumps({"type": "audio", "audio": b64(sound), "sampleRate": 16000})


@pytest.mark.parametrize(
    ("wrap", "rate"),
    [
        (in_field("data"), 8000),
        (in_field("media"), 8000),
        (pcm(sampleRate=16000), 16000),
        (pcm(), 16000),
        (pcm(sampleRate=44100), 44100),
        (wav, 16000),
    ],
    ids=["data", "media", "audio", "audio, no rate", "audio at 44.1 kHz", "audio, WAV"],
)
async def test_audio_is_understood_in_each_shape(sim, seed, wrap, rate):
    await seed.open()
    await seed.speak("can you hear me", wrap, rate=rate)
    await asyncio.sleep(1.5)
    assert seed.understood() == ["can you hear me"]
    assert sim.timeline.of("warning") == []


async def test_audio_without_json_around_it_is_an_error_each_time(sim, seed):
    await seed.open()
    await seed.speak("can you hear me", lambda samples: b64(mulaw.encode(samples)))
    await asyncio.sleep(1.5)
    assert seed.understood() == []
    warnings = sim.timeline.of("warning")
    assert len(warnings) > 30
    reason = "seed dialect, to Vapi: audio without JSON around it; found"
    assert {warning.fields["reason"][: len(reason)] for warning in warnings} == {reason}


@pytest.mark.parametrize("field", ["data", "media"])
async def test_audio_is_sent_in_either_field(sim, seed, field):
    sim.vapi.settings.seed_field = field
    sim.vapi.assistant(first_message="Hello.")
    await seed.open()
    await asyncio.sleep(2.0)
    frames = seed.of("audio")
    assert frames
    assert {tuple(frame) for frame in frames} == {("type", field, "sequence")}
    assert {len(base64.b64decode(frame[field])) for frame in frames[:-1]} == {160}


async def test_a_caller_who_interrupts_is_told_as_interrupt(sim, seed):
    sim.vapi.assistant(first_message=LONG)
    await seed.open()
    await asyncio.sleep(1.0)
    await seed.speak("wait a moment", in_field("data"))
    assert len(seed.of("interrupt")) == 1


async def test_cancel_response_stops_the_assistant(sim, seed):
    sim.vapi.assistant(first_message=LONG)
    await seed.open()
    await asyncio.sleep(1.0)
    await seed.send(type="cancel-response")
    await asyncio.sleep(0.1)
    sent = len(seed.of("audio"))
    await asyncio.sleep(2.0)
    assert len(seed.of("audio")) == sent
    assert [event.fields["interrupted"] for event in sim.timeline.of("replied")] == [True]
    assert seed.of("interrupt") == []


async def test_cancel_response_drops_an_answer_that_has_not_begun(sim, seed):
    sim.vapi.assistant(first_message=LONG, first_message_delay=3.0)
    await seed.open()
    await asyncio.sleep(1.0)
    await seed.send(type="cancel-response")
    await asyncio.sleep(5.0)
    assert seed.of("audio") == []


async def test_flush_forgets_what_is_not_transcribed_yet(sim, seed):
    await seed.open()
    await seed.speak("can you hear me", in_field("data"))
    await seed.send(type="flush")
    await asyncio.sleep(2.0)
    assert seed.understood() == []
    await seed.speak("and now", in_field("data"))
    await asyncio.sleep(1.5)
    assert seed.understood() == ["and now"]


@pytest.mark.parametrize("flushes", [True, False])
async def test_stale_audio_begins_the_next_call_unless_it_was_flushed(sim, seed, flushes):
    sim.vapi.faults.stale_audio = True
    sim.vapi.assistant(first_message=LONG)
    await seed.open()
    await asyncio.sleep(1.5)
    if flushes:
        await seed.send(type="flush")
    await seed.socket.close()
    await asyncio.sleep(1.0)
    sim.vapi.assistant()
    again = Client(sim)
    await again.open()
    await asyncio.sleep(1.0)
    stale = b"".join(base64.b64decode(frame["data"]) for frame in again.of("audio"))
    if flushes:
        assert stale == b""
        return
    [reply] = sim.timeline.of("replies")
    whole = mulaw.encode(sim._repertoire[reply.fields["utterance"]].samples)
    assert len(stale) > 8000
    assert whole.endswith(stale)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "audio"},
        {"type": "audio", "data": "A"},
        {"type": "audio", "audio": b64(b"odd")},
        {"type": "audio", "audio": b64(b"even"), "sampleRate": 0},
        {"type": "audio", "audio": b64(b"even"), "sampleRate": "x"},
        {"type": "session.start"},
        {"type": "ping"},
    ],
    ids=str,
)
async def test_what_nobody_sends_is_an_error_and_the_call_goes_on(sim, seed, message):
    await seed.open()
    await seed.send(**message)
    await asyncio.sleep(0.1)
    [warning] = sim.timeline.of("warning")
    assert warning.fields["reason"].startswith("seed dialect, to Vapi: ")
    await seed.speak("can you hear me", in_field("data"))
    await asyncio.sleep(1.5)
    assert seed.understood() == ["can you hear me"]


async def test_a_binary_frame_is_an_error(sim, seed):
    await seed.open()
    await seed.socket.send(b"\xff" * 160)
    await asyncio.sleep(0.1)
    [warning] = sim.timeline.of("warning")
    assert warning.fields["reason"] == "seed dialect, to Vapi: a binary frame of 160 bytes"


async def test_without_a_key_the_socket_does_not_open(sim):
    with pytest.raises(InvalidStatus) as caught:
        await connect(URL)
    assert caught.value.response.status_code == 401
