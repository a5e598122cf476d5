"""A stream by itself, without a call, and a server at its other end that speaks in bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from simkit import Simulation
from simkit.audio import mulaw
from simkit.twilio.mouth import Mouth
from simkit.twilio.socket import StreamIdentity
from simkit.twilio.stream import MediaStream
from simkit.wire.websocket import WebSocketPeer, server_core

HOST = "server.example.com"
URL = f"wss://{HOST}/media"
MZ = "MZ" + "2" * 32


class Far(WebSocketPeer):
    """The server's end of one stream; keeps what came, sends what it is told, whatever it is."""

    def __init__(self) -> None:
        super().__init__(server_core())
        self.received: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        self.at_ns: list[int] = []
        self.closed_with: int | None = None
        self.pongs = 0
        self.request: Any = None
        self.refusal: int | None = None
        self.on_message: Callable[[dict[str, Any]], object] = lambda message: None

    def on_request(self, request: Any) -> Any:
        self.request = request
        return None if self.refusal is None else self.core.reject(self.refusal, "no")

    def on_text(self, data: bytes) -> None:
        self.raw.append(data)
        self.received.append(json.loads(data))
        self.on_message(self.received[-1])

    def on_pong(self) -> None:
        self.pongs += 1

    def on_close(self, code: int, reason: str) -> None:
        self.closed_with = code

    def send(self, **message: Any) -> None:
        self.send_text(json.dumps({"streamSid": MZ} | message).encode())

    def of(self, event: str) -> list[dict[str, Any]]:
        return [message for message in self.received if message["event"] == event]


class Line:
    """A simulation with a server, and streams to it."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.host = sim.host(HOST)
        self.ends: list[Far] = []
        self.mouth = Mouth()
        self.ended: list[str] = []
        self.make_end: Callable[[], Far] = Far
        self._listens = False

    async def listen(self) -> None:
        def accept() -> Far:
            self.ends.append(self.make_end())
            return self.ends[-1]

        async def serve() -> None:
            await asyncio.get_running_loop().create_server(accept, "0.0.0.0", 443)

        await self.host.spawn(serve())
        self._listens = True

    def stream(self, url: str = URL, **options: Any) -> MediaStream:
        options = {
            "signature": "s",
            "identity": StreamIdentity("AC" + "0" * 32, "CA" + "1" * 32, MZ, {"k": "v"}),
            "number": 1,
            "clock": self.sim._clock,
            "timeline": self.sim.timeline,
            "mouth": self.mouth,
            "settings": self.sim.twilio.settings,
            "disorder": None,
            "on_started": lambda: None,
            "on_ended": self.ended.append,
        } | options
        return MediaStream(url, **options)

    async def opened(self, url: str = URL, **options: Any) -> tuple[MediaStream, Far]:
        """Return a stream and its far end, both open."""
        if not self._listens:
            await self.listen()
        stream = self.stream(url, **options)
        await self.connected(stream)
        await asyncio.sleep(0.1)
        return stream, self.ends[-1]

    async def connected(self, stream: MediaStream) -> None:
        await self.sim.twilio_host.spawn(stream.connect())

    def codes(self) -> list[int]:
        """The codes of everything that Twilio reported."""
        return [event.fields["code"] for event in self.sim.timeline.of("warning", "error")]


def tone(seconds: float, level: int = 8000) -> bytes:
    """Return a sound that is nowhere silent, as mu-law."""
    at = np.arange(round(seconds * 8000))
    return mulaw.encode(np.where(at % 16 < 8, level, -level).astype(np.int16))
