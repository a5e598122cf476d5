"""A client of the fake Vapi, in place of a bridge: httpx and the websockets library."""

from __future__ import annotations

import asyncio
import json
import ssl
from functools import cache
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import connect

from simkit.audio import Speech, resample
from tests.races.conftest import serve

__all__ = ["serve"]

URL = "https://api.vapi.ai"
HEADERS = {"Authorization": "Bearer key", "User-Agent": "test"}


@cache
def tls() -> ssl.SSLContext:
    """What trusts whom a machine trusts; it takes long to make."""
    return ssl.create_default_context()


class Client:
    """One call at Vapi, from the client's side; 20 ms frames both ways."""

    def __init__(self, sim: Any) -> None:
        self.sim = sim
        self.told: list[tuple[float, dict[str, Any]]] = []
        self.sound: list[tuple[float, bytes]] = []
        self.wrapped: list[dict[str, Any]] = []
        self.frames: list[bytes | dict[str, Any]] = []
        """Both, in the order in which they came."""
        self.rate = 16000
        self.body: dict[str, Any] = {}
        """What ``POST /call`` gets besides the usual."""

    async def create(self, **transport: Any) -> httpx.Response:
        body = {
            "assistantId": "a",
            "transport": {"provider": "vapi.websocket", "conversationType": "voice"} | transport,
        } | self.body
        async with httpx.AsyncClient(verify=False, timeout=None) as http:
            return await http.post(f"{URL}/call", json=body, headers=HEADERS)

    async def open(self, **transport: Any) -> None:
        response = await self.create(**transport)
        self.rate = transport.get("audioFormat", {}).get("sampleRate", 16000)
        self.call = response.json()
        url = self.call["transport"]["websocketCallUrl"]
        self.socket = await connect(url, ssl=tls())
        self.opened = self.sim.now
        self.reader = asyncio.create_task(self.read())

    async def read(self) -> None:
        async for message in self.socket:
            at = self.sim.now - self.opened
            if isinstance(message, bytes):
                self.sound.append((at, message))
                self.frames.append(message)
                continue
            told = json.loads(message)
            self.frames.append(told)
            if "message" in told:
                self.wrapped.append(told["message"])
            else:
                self.told.append((at, told))

    async def speak(self, speech: Speech | None, seconds: float = 0.0) -> float:
        """Send speech (or silence) in real time; returns when it began."""
        samples = (
            np.zeros(round(seconds * self.rate), np.int16)
            if speech is None
            else resample.resampler(8000, self.rate).process(speech.samples)
        )
        began = self.sim.now - self.opened
        size = self.rate // 50
        for at in range(0, len(samples), size):
            frame = np.zeros(size, np.int16)
            part = samples[at : at + size]
            frame[: len(part)] = part
            await self.socket.send(frame.tobytes())
            await asyncio.sleep(0.02)
        return began

    def of(self, kind: str, **fields: Any) -> list[tuple[float, dict[str, Any]]]:
        return [
            (at, message)
            for at, message in self.told
            if message["type"] == kind
            and all(message.get(key) == value for key, value in fields.items())
        ]

    @property
    def voiced(self) -> list[float]:
        """When frames with sound in them came."""
        return [at for at, frame in self.sound if frame.strip(b"\0")]


@pytest.fixture
def client(sim) -> Client:
    return Client(sim)
