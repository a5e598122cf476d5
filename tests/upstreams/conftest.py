"""A client of the fake Realtime API, in place of a bridge: the websockets library."""

from __future__ import annotations

import asyncio
import json
import random
from base64 import b64decode, b64encode
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect

from simkit.audio import Speech, mulaw, voice

HOST = "api.openai.com"
URL = f"wss://{HOST}/v1/realtime?model=gpt-realtime"
HEADERS = {"Authorization": "Bearer key"}
PCMU = {"format": {"type": "audio/pcmu"}}
SILENCE = bytes([mulaw.SILENCE])


class Client:
    """One session, from the client's side; mu-law, 20 ms frames in real time."""

    def __init__(self, sim: Any) -> None:
        self.sim = sim
        self.told: list[tuple[float, dict[str, Any]]] = []

    async def open(self, url: str = URL, *, mulaw: bool = True, **headers: str) -> None:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self.socket = await connect(url, additional_headers=HEADERS | names)
        self.reader = asyncio.create_task(self.read())
        if mulaw:
            await self.update(audio={"input": PCMU, "output": PCMU})

    async def read(self) -> None:
        async for message in self.socket:
            assert isinstance(message, str)
            self.told.append((self.sim.now, json.loads(message)))

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def update(self, **session: Any) -> None:
        await self.send("session.update", session={"type": "realtime", **session})

    async def speak(self, text: str, seconds: float = 1.0) -> Speech:
        speech = voice.speak(text, random.Random(text), seconds=seconds)
        # Without being heard of by the world it would be known to nobody.
        self.sim._repertoire.add(speech)
        await self.sound(mulaw.encode(speech.samples))
        return speech

    async def sound(self, sound: bytes) -> None:
        for at in range(0, len(sound), 160):
            frame = sound[at : at + 160].ljust(160, SILENCE)
            await self.send("input_audio_buffer.append", audio=b64encode(frame).decode())
            await asyncio.sleep(0.02)

    async def silence(self, seconds: float) -> None:
        await self.sound(SILENCE * round(seconds * 8000))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for _, message in self.told if message["type"] == kind]

    def at(self, kind: str) -> float:
        """When the first of a kind came."""
        return next(at for at, message in self.told if message["type"] == kind)

    @property
    def kinds(self) -> list[str]:
        """Kinds of events in their order; runs of one kind are one."""
        found: list[str] = []
        for _, message in self.told:
            if found[-1:] != [message["type"]]:
                found.append(message["type"])
        return found

    @property
    def heard(self) -> bytes:
        """All audio that came."""
        return b"".join(b64decode(e["delta"]) for e in self.of("response.output_audio.delta"))

    @property
    def error(self) -> dict[str, Any]:
        """The only error."""
        (event,) = self.of("error")
        error: dict[str, Any] = event["error"]
        return error


def pcm(sound: bytes) -> np.ndarray:
    return np.frombuffer(sound, dtype="<i2")


@pytest.fixture
def client(sim) -> Client:
    return Client(sim)
