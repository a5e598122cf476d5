"""A page in a browser, as far as a bridge can tell: it speaks the JSON socket of a seed article."""

from __future__ import annotations

import asyncio
import base64
import binascii
import random
from typing import Any
from urllib.parse import urlsplit

import msgspec
import numpy as np
from websockets.http11 import Request

from ..audio import Repertoire, Speech, resample, voice
from ..audio.provenance import Tracker
from ..wire.websocket import WebSocketPeer, address_of, client_core

RATE = 16000
_FRAME = RATE // 50


class Page(WebSocketPeer):
    """One page: says things, and knows what it was told.

    Args:
        url: of the door, ``wss://host/ws``; the page comes from the same host.
        repertoire: everything anyone says, to recognise what is heard.
    """

    def __init__(self, url: str, repertoire: Repertoire) -> None:
        super().__init__(client_core(url))
        self._url = url
        self._tracker = Tracker(repertoire)
        self._repertoire = repertoire
        self._sequence = 0
        self.told: list[dict[str, Any]] = []
        """Every message but audio."""
        self.answered = asyncio.Event()
        """Set when the socket is open, or never will be."""

    async def connect(self) -> None:
        """Ask for the socket; returns when it is open or was refused."""
        host, port, _ = address_of(self._url)
        await asyncio.get_running_loop().create_connection(lambda: self, host, port, ssl=True)
        await self.answered.wait()

    def upgrade_request(self) -> Request:
        """Return the upgrade as a browser sends it, which says where the page is from."""
        request = super().upgrade_request()
        request.headers["Origin"] = f"https://{urlsplit(self._url).netloc}"
        return request

    def on_open(self) -> None:
        """The door is open."""
        self.answered.set()

    def on_close(self, code: int, reason: str) -> None:
        """The door is closed, or there is none."""
        self.answered.set()

    def on_text(self, data: bytes) -> None:
        """Take a message from the bridge."""
        message = msgspec.json.decode(data)
        if message.get("type") != "audio":
            self.told.append(message)
            return
        sound = np.frombuffer(binascii.a2b_base64(message["audio"]), "<i2")
        self._tracker.feed(sound[:: message.get("sampleRate", RATE) // 8000])

    async def says(self, text: str, *, then_silent: float = 0.0) -> None:
        """Speak, and be silent; a page sends both, in real time."""
        speech: Speech = voice.speak(text, random.Random(text))
        self._repertoire.add(speech)
        samples = resample.at_rate(speech.samples, RATE)
        await self._sends(np.concatenate((samples, np.zeros(round(then_silent * RATE), np.int16))))

    async def listens(self, seconds: float) -> None:
        """Send silence for so long."""
        await self._sends(np.zeros(round(seconds * RATE), np.int16))

    async def _sends(self, samples: Any) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        for at in range(0, len(samples), _FRAME):
            self._sequence += 1
            sound = base64.b64encode(samples[at : at + _FRAME].astype("<i2").tobytes()).decode()
            said = {
                "type": "audio",
                "audio": sound,
                "sampleRate": RATE,
                "sequence": self._sequence,
            }
            self.send_text(msgspec.json.encode(said))
            due += _FRAME / RATE
            await asyncio.sleep(due - loop.time())

    @property
    def heard(self) -> list[str]:
        """The texts of which anything was heard, in order."""
        keys = [span.key for span in self._tracker.update(final=True) if span.key is not None]
        texts = [self._repertoire[key].text for key in keys]
        return [text for at, text in enumerate(texts) if at == 0 or texts[at - 1] != text]
