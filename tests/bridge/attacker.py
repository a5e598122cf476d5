"""Somebody who knows the protocols, and a bridge behind its own server, in memory."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator
from websockets.frames import Frame, Opcode

from simkit import Simulation
from simkit.bridge import Bridge, Config
from simkit.bridge.serve import Server
from simkit.twilio import AUTH_TOKEN

HOST = "bridge.example.com"
URL = f"https://{HOST}"
FORM = {"CallSid": "CA" + "1" * 32, "From": "+15550199", "To": "+15550100"}
LIMITS: dict[str, Any] = {"read_timeout": 2.0, "start_timeout": 3.0}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}
CONNECTED = '{"event":"connected","protocol":"Call","version":"1.0.0"}'

Attack = Callable[["Attacker"], Awaitable[str]]
ATTACKS: dict[str, tuple[str, dict[str, Any], Attack]] = {}
"""By what is done: how the bridge answers, its settings, and who does it."""

_marks = itertools.count()


def attack(what: str, answer: str, **settings: Any) -> Callable[[Attack], Attack]:
    """Enter an attack, with the answer that it must get."""

    def enter(do: Attack) -> Attack:
        assert what not in ATTACKS
        ATTACKS[what] = (answer, settings, do)
        return do

    return enter


def sign(url: str, form: Mapping[str, Any] | None = None, token: str = AUTH_TOKEN) -> str:
    """Sign as Twilio's own library does."""
    signature: str = RequestValidator(token).compute_signature(url, form or {})
    return signature


class Answer:
    """What came back on a connection until it was closed, or until nothing more came."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.text = data.decode("latin-1")
        words = self.text.split(" ", 2)
        self.status = words[1] if len(words) > 1 else "closed"

    @property
    def token(self) -> str:
        """The stream token in the TwiML."""
        return self.text.partition('name="token" value="')[2].partition('"')[0]


class Stream:
    """A WebSocket that was let in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: str | bytes) -> None:
        opcode = Opcode.TEXT if isinstance(data, str) else Opcode.BINARY
        payload = data.encode() if isinstance(data, str) else data
        self.writer.write(Frame(opcode, payload).serialize(mask=True))

    def start(self, token: str, call_sid: str = FORM["CallSid"]) -> None:
        sid = "MZ" + "2" * 32
        self.send(CONNECTED)
        self.send(
            '{"event":"start","sequenceNumber":"1","start":{"accountSid":"AC","streamSid":"'
            f'{sid}","callSid":"{call_sid}","tracks":["inbound"],"mediaFormat":'
            '{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":'
            f'{{"token":"{token}"}}}},"streamSid":"{sid}"}}'
        )

    async def closed_with(self, within: float = 5.0) -> str:
        """Return the close code; ``open`` when there is none in time."""
        try:
            async with asyncio.timeout(within):
                while True:
                    opcode, size = await self.reader.readexactly(2)
                    if size == 126:
                        size = int.from_bytes(await self.reader.readexactly(2))
                    data = await self.reader.readexactly(size)
                    if opcode == 0x88:
                        return str(int.from_bytes(data[:2]))
        except TimeoutError:
            return "open"
        except (asyncio.IncompleteReadError, ConnectionError):
            return "dropped"


class Attacker:
    """Speaks HTTP by hand, from a host of its own."""

    def __init__(self, sim: Simulation, bridge: Bridge, server: Server) -> None:
        self.sim, self.bridge, self.server = sim, bridge, server
        self.address = HOST
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(self.address, 443)
        self._writers.append(writer)
        return reader, writer

    async def leave(self) -> None:
        """Close every connection."""
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def raw(self, *parts: bytes, pause: float = 0.0) -> Answer:
        """Send bytes, with pauses between the parts, and read until nothing more comes."""
        reader, writer = await self.connect()
        data = b""
        with contextlib.suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await asyncio.sleep(pause)
            while b"\r\n\r\n" not in data:
                chunk = await reader.read(65536)
                if not chunk:
                    break
                data += chunk
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    data += await reader.read()
        writer.close()
        return Answer(data)

    async def ask(
        self, method: str = "GET", target: str = "/health", body: bytes = b"", **headers: str
    ) -> Answer:
        """Make a request; ``host`` and the like as keyword arguments, ``_`` for ``-``."""
        given = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        given = {"host": HOST} | ({"content-length": str(len(body))} if body else {}) | given
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        return await self.raw(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body)

    async def webhook(
        self,
        form: Mapping[str, Any] = FORM,
        *,
        target: str = "/voice/inbound",
        signature: str | None = None,
        **headers: str,
    ) -> Answer:
        """Post a webhook as Twilio does; the signature is right if none is given."""
        if signature is None:
            signature = sign(URL + target, form)
        headers = {
            "content_type": "application/x-www-form-urlencoded",
            "x_twilio_signature": signature,
            "i_twilio_idempotency_token": f"mark-{next(_marks)}",
        } | headers
        body = urlencode(form, doseq=True).encode()
        return await self.ask("POST", target, body, **headers)

    async def upgrade(
        self, target: str = "/media", signature: str | None = None, **headers: str
    ) -> Stream | str:
        """Open a stream as Twilio does; returns the status if it is not let in."""
        if signature is None:
            signature = sign(f"wss://{HOST}/media")
        given = UPGRADE | {name.replace("_", "-"): value for name, value in headers.items()}
        if signature:
            given["X-Twilio-Signature"] = signature
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        reader, writer = await self.connect()
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\n{head}\r\n".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        status = answer.split()[1].decode()
        if status != "101":
            writer.close()
            return status
        assert b"extensions" not in answer.lower()
        return Stream(reader, writer)

    async def stream(self) -> Stream:
        """Open a stream that is let in."""
        stream = await self.upgrade()
        assert isinstance(stream, Stream)
        return stream


@contextlib.asynccontextmanager
async def under_attack(sim: Simulation, **settings: Any) -> AsyncIterator[Attacker]:
    """Serve a bridge, and let somebody at it."""
    config = Config(
        public_url=URL,
        twilio_auth_token=AUTH_TOKEN,
        vapi_api_key="key",
        **(LIMITS | settings),
    )
    bridge = Bridge(config)
    server = Server(bridge, host="", port=443, loop="none")
    task = sim.host(HOST).spawn(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    attacker = Attacker(sim, bridge, server)
    try:
        yield attacker
    finally:
        await attacker.leave()
        server.should_exit = True
        await task
