"""A whole bridge in a few lines, both of whose sides can be taken down, and what was."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import websockets

from simkit import Simulation
from simkit.audio import mulaw
from simkit.audio.transcode import MulawToPcm, PcmToMulaw
from simkit.recording import Header, MediaFormat, Recording, read
from simkit.recording.capture import Capture
from simkit.recording.media import Numbers
from simkit.recording.recorder import Recorder

TWIML = '<Response><Connect><Stream url="wss://bridge.example.com/media"/></Connect></Response>'


class Passes:
    """Audio as it is."""

    def convert(self, data: bytes) -> bytes:
        return data


def small_bridge(
    capture: Capture | None = None,
    *,
    clears: bool = True,
    marks: bool = True,
    encoding: str = "pcm_s16le",
    opens_vapi: bool = True,
    ends_vapi: bool = True,
    says: Callable[[Any], Any] | None = None,
) -> Any:
    """Return an ASGI application; it clears when Vapi says that the caller interrupted.

    Args:
        capture: takes both sides down.
        clears, marks, opens_vapi, ends_vapi: False: it forgets to.
        encoding: of the audio to and from Vapi.
        says: called with Vapi's socket once it is open.
    """
    rate = 8000 if encoding == "mulaw" else 16000

    async def vapi_url() -> str:
        transport = {
            "provider": "vapi.websocket",
            "audioFormat": {"format": encoding, "container": "raw", "sampleRate": rate},
        }
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                "https://api.vapi.ai/call",
                json={"assistantId": "any", "transport": transport},
                headers={"Authorization": "Bearer any"},
            )
        return str(answer.json()["transport"]["websocketCallUrl"])

    async def media(receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()  # connected
        sid = json.loads((await receive())["text"])["streamSid"]
        if not opens_vapi:
            while (await receive())["type"] != "websocket.disconnect":
                pass
            return
        socket: Any = await websockets.connect(await vapi_url())
        if capture is not None:
            socket = capture.websocket(socket, MediaFormat(encoding, rate))
        if says is not None:
            await says(socket)

        async def say(event: str, **more: Any) -> None:
            text = json.dumps({"event": event, "streamSid": sid, **more})
            await send({"type": "websocket.send", "text": text})

        async def hang_up() -> None:
            await send({"type": "websocket.close", "code": 1000})

        listening = asyncio.create_task(listen(socket, say, hang_up))
        to_vapi = Passes() if encoding == "mulaw" else MulawToPcm()
        with contextlib.suppress(websockets.ConnectionClosed):
            while (message := await receive())["type"] != "websocket.disconnect":
                event = json.loads(message["text"])
                if event["event"] == "media":
                    await socket.send(to_vapi.convert(base64.b64decode(event["media"]["payload"])))
            if ends_vapi:
                await socket.send('{"type": "end-call"}')
        listening.cancel()
        await socket.close()

    async def listen(socket: Any, say: Callable[..., Any], hang_up: Callable[..., Any]) -> None:
        from_vapi = Passes() if encoding == "mulaw" else PcmToMulaw()
        replies, speaks = 0, False
        with contextlib.suppress(websockets.ConnectionClosed):
            async for message in socket:
                if isinstance(message, bytes):
                    sound = from_vapi.convert(message)
                    if speaks:
                        payload = base64.b64encode(sound).decode()
                        await say("media", media={"payload": payload})
                    continue
                told = json.loads(message)
                if told["type"] == "user-interrupted" and clears:
                    await say("clear")
                if (told["type"], told.get("role")) == ("speech-update", "assistant"):
                    speaks = told["status"] == "started"
                    if marks and not speaks:
                        replies += 1
                        await say("mark", mark={"name": f"reply-{replies}"})
        await hang_up()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
                if kind == "lifespan.shutdown":
                    return
        if scope["type"] == "websocket":
            await media(receive, send)
            return
        await receive()
        headers = [(b"content-type", b"text/xml")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": TWIML.encode()})

    return app if capture is None else capture.asgi(app)


def captured(folder: Path, run: Any, **bridge: Any) -> tuple[Recording, Any]:
    """Run a call through a small bridge; returns what was captured of it, and the run's result."""
    capture = Capture(folder, name=lambda sid: sid or "unnamed")
    result = run(small_bridge(capture, **bridge))
    capture.close()
    [path] = folder.iterdir()
    return read(path), result


def told(recording: Recording, leg: str, direction: str) -> list[tuple[float, Any]]:
    """Every message of a way with its instant, but for ids."""
    return [
        (event.t_ms, {k: v for k, v in event.message.items() if k not in ("streamSid", "start")})
        for event in recording.events
        if (event.leg, event.direction) == (leg, direction) and event.media is None
    ]


TONE = mulaw.encode(np.full(160, 3000, np.int16))
MULAW = MediaFormat("mulaw", 8000)

STEADY = [(40 + 20 * n, 2 + n, 1 + n, 57 + 20 * n) for n in range(20)]
"""Frames as they should come: (ms, sequence, chunk, timestamp)."""


def stream(folder: Path, frames: Any, *messages: tuple[float, str, dict[str, Any]]) -> Recording:
    """A recording of Twilio's side: frames as (ms, sequence, chunk, timestamp), and messages."""
    taken = Recorder(folder, Header(source="a test"))
    taken.message(40_000_000, "twilio", "in", {"event": "connected"})
    taken.message(40_000_000, "twilio", "in", {"event": "start", "sequenceNumber": "1"})
    for t_ms, *numbers in frames:
        taken.frame(round(t_ms * 1e6), "twilio", "in", TONE, MULAW, Numbers(*numbers))
    for t_ms, direction, message in messages:
        taken.message(round(t_ms * 1e6), "twilio", direction, message)
    taken.finish(1_000_000_000)
    return read(folder)


def call_with_a_barge_in(app: Any) -> Any:
    """Return the timeline of a call in which the caller interrupts and presses a key."""
    with Simulation() as sim:
        sim.host("bridge.example.com").serve(app)
        sim.vapi.assistant(
            first_message="Your appointment is scheduled for Tuesday at 3 PM",
            replies=["Thursday it is."],
        )

        async def call():
            phone = await sim.twilio.call(to="+15550100")
            await phone.hears("Your appointment")
            await phone.says("wait, can we do Thursday instead?")
            await phone.hears("Thursday it is.")
            await phone.presses("5")
            await phone.stays_silent(0.5)
            await phone.hangs_up()

        sim.run(call())
        return sim.finish()


def on_wire(format: MediaFormat, data: bytes, sequence: int) -> str:  # noqa: A002
    """Return a numbered frame that came in JSON as it was sent."""
    payload = base64.b64encode(data).decode()
    said = {name: payload if value == "" else value for name, value in format.message.items()}
    return json.dumps({**said, "sequence": sequence})
