"""The official ``openai`` package accepts the fake: its client connects, its models fit."""

from __future__ import annotations

import asyncio
import random
from base64 import b64encode
from typing import Any

import pytest

from simkit.audio import mulaw, voice
from simkit.upstreams import OpenAIRealtime
from tests.upstreams.conftest import HOST, PCMU, SILENCE

openai = pytest.importorskip("openai")


async def converse(sim: Any) -> list[Any]:
    """Hold a conversation with everything in it by the official client; returns its events."""
    fake = sim.upstream(HOST, OpenAIRealtime)
    fake.agent(first_message="Hello, how can I help?", replies=["It is noon.", "It is one."])
    fake._agent.speed = 1.0
    events: list[Any] = []
    async with openai.AsyncOpenAI(api_key="key").realtime.connect(model="gpt-realtime") as server:

        async def read() -> None:
            while True:
                events.append(await server.recv())

        async def send(sound: bytes) -> None:
            for at in range(0, len(sound), 160):
                audio = b64encode(sound[at : at + 160].ljust(160, SILENCE)).decode()
                await server.input_audio_buffer.append(audio=audio)
                await asyncio.sleep(0.02)

        async def speak(text: str) -> None:
            speech = voice.speak(text, random.Random(text), seconds=0.8)
            sim._repertoire.add(speech)
            await send(mulaw.encode(speech.samples))

        reading = asyncio.create_task(read())
        session = {
            "type": "realtime",
            "instructions": "Be kind.",
            "audio": {
                "input": PCMU
                | {
                    "transcription": {"model": "whisper-1"},
                    "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
                },
                "output": PCMU,
            },
        }
        await server.session.update(session=session)
        await server.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Greet the caller."}],
            }
        )
        await server.response.create()
        await asyncio.sleep(1.2)
        await speak("what time is it?")
        item = next(e.item.id for e in events if e.type == "response.output_item.added")
        await server.conversation.item.truncate(item_id=item, content_index=0, audio_end_ms=300)
        await send(SILENCE * 16000)
        await server.response.cancel()
        await server.input_audio_buffer.clear()
        await send(SILENCE * 1600)
        await server.input_audio_buffer.commit()
        await server.response.create()
        await server.response.cancel(event_id="mine")
        await asyncio.sleep(2)
        reading.cancel()
    return events


async def test_the_official_client_holds_a_conversation(sim):
    events = await converse(sim)
    kinds = {event.type for event in events}
    # The client knows each of these; what it does not know it would hand on without a model.
    from openai.types.realtime import RealtimeServerEvent
    from pydantic import TypeAdapter

    models = TypeAdapter(RealtimeServerEvent)
    for event in events:
        sent = event.model_dump(exclude_unset=True)
        known = models.validate_python(sent)
        assert known.type == event.type
        extra = known.model_extra or {}
        assert not extra, f"{event.type} has {sorted(extra)}, which the models do not know"
    assert kinds == {
        "session.created",
        "session.updated",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "input_audio_buffer.cleared",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.truncated",
        "conversation.item.input_audio_transcription.completed",
        "response.created",
        "rate_limits.updated",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.delta",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
        "error",
    }
    reasons = [
        event.response.status_details.reason
        for event in events
        if event.type == "response.done" and event.response.status_details
    ]
    assert reasons == ["turn_detected", "client_cancelled"]
    (error,) = [event.error for event in events if event.type == "error"]
    assert error.code == "response_cancel_not_active"
