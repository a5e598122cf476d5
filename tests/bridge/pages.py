"""A page in a browser: the websockets library in place of one, on a machine of its own."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from simkit import Simulation
from simkit.audio import Speech, provenance, resample, voice
from simkit.bridge import ticket
from tests.races.conftest import BRIDGE
from tests.vapi.conftest import tls

SECRET = "a secret of 16 characters"
ORIGIN = "https://app.example.com"
DOOR = {"browser_door": True, "browser_secret": SECRET, "browser_origins": (ORIGIN,)}


def spoken(sim: Simulation, text: str, seed: int = 1) -> Speech:
    """Return words that Vapi will understand."""
    speech = voice.speak(text, random.Random(seed))
    sim._repertoire.add(speech)
    return speech


class Page:
    """One page: what it was told, and when; what it says."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.told: list[tuple[float, dict[str, Any]]] = []
        self.session = ""
        self.sequence = 0
        self.closed: tuple[int, float] | None = None
        """Code and instant."""

    async def open(self, *, path: str = "", **settings: Any) -> Page:
        if "origin" not in settings:
            settings["origin"] = ORIGIN
        url = f"wss://{BRIDGE}/ws" + (path or f"?ticket={ticket(SECRET)}")
        self.socket: ClientConnection = await connect(url, ssl=tls(), **settings)
        self.reader = asyncio.create_task(self.read())
        return self

    async def read(self) -> None:
        try:
            async for message in self.socket:
                told = json.loads(message)
                self.told.append((self.sim.now, told))
                if told["type"] == "ready":
                    self.session = told["sessionId"]
        except ConnectionClosed:
            pass
        self.closed = self.socket.close_code or 1006, self.sim.now

    def of(self, kind: str) -> list[tuple[float, dict[str, Any]]]:
        return [(at, told) for at, told in self.told if told["type"] == kind]

    async def until(self, kind: str, count: int = 1, limit: float = 30.0) -> dict[str, Any]:
        """Return the message of a kind, once so many of it have come."""
        async with asyncio.timeout(limit):
            while len(self.of(kind)) < count:
                await asyncio.sleep(0.01)
        return self.of(kind)[count - 1][1]

    async def send(self, samples: Any, **fields: Any) -> None:
        sound = base64.b64encode(np.asarray(samples, "<i2").tobytes()).decode()
        await self.socket.send(json.dumps({"type": "audio", "audio": sound} | fields))

    async def speak(
        self, speech: Speech | None, seconds: float = 0.0, *, rate: int = 16000, **fields: Any
    ) -> None:
        """Send speech, and then silence, in real time."""
        silence = np.zeros(round(seconds * rate), np.int16)
        samples = silence
        if speech is not None:
            samples = np.concatenate((resample.at_rate(speech.samples, rate), silence))
        size = rate // 50
        began = self.sim.now
        for number, at in enumerate(range(0, len(samples), size)):
            self.sequence += 1
            await self.send(
                samples[at : at + size], sampleRate=rate, sequence=self.sequence, **fields
            )
            await asyncio.sleep(began + (number + 1) * 0.02 - self.sim.now)

    @property
    def sound(self) -> bytes:
        return b"".join(base64.b64decode(told["audio"]) for _, told in self.of("audio"))

    def heard(self) -> list[str]:
        """Return whose words came, in order: every utterance of which anything came."""
        tracker = provenance.Tracker(self.sim._repertoire)
        tracker.feed(np.frombuffer(self.sound, "<i2")[::2])
        keys = [span.key for span in tracker.finish() if span.key is not None]
        texts = [self.sim._repertoire[key].text for key in keys]
        return [text for at, text in enumerate(texts) if at == 0 or texts[at - 1] != text]

    async def close(self) -> None:
        await self.socket.close()
        await asyncio.sleep(1.5)


def understood(sim: Simulation, session: int | None = None) -> list[str]:
    """What Vapi took people to have said."""
    return [
        event.fields["text"]
        for event in sim.timeline.of("transcript")
        if (event.fields["role"], event.fields["transcript_type"]) == ("user", "final")
        and session in (None, event.session)
    ]
