"""A relay as tutorials write it: the reference that ``load.py`` measures our bridge against.

Two tasks a call, JSON by ``json``, samples by numpy a frame at a time. It keeps no order, no state
across frames, no bounds, and knows no barge-in; it checks no signature.
"""

from __future__ import annotations

import asyncio
import base64
import json

import httpx
import numpy as np
import websockets
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from simkit.audio import mulaw


def make_app(vapi_url: str) -> Starlette:
    """Make the relay's application."""

    async def voice(request: Request) -> Response:
        form = dict(pair.split("=", 1) for pair in (await request.body()).decode().split("&"))
        twiml = (
            '<Response><Connect><Stream url="wss://bridge.example.com/media">'
            f'<Parameter name="sid" value="{form["CallSid"]}"/></Stream></Connect></Response>'
        )
        return Response(twiml, media_type="text/xml")

    async def media(twilio: WebSocket) -> None:
        await twilio.accept()
        while (message := json.loads(await twilio.receive_text()))["event"] != "start":
            pass
        stream_sid, call_sid = message["start"]["streamSid"], message["start"]["callSid"]
        async with httpx.AsyncClient() as client:
            response = await client.post(
                f"{vapi_url}/call",
                headers={"Authorization": "Bearer key"},
                json={
                    "assistantId": "default",
                    "transport": {
                        "provider": "vapi.websocket",
                        "audioFormat": {
                            "format": "pcm_s16le",
                            "container": "raw",
                            "sampleRate": 16000,
                        },
                    },
                    "metadata": {"twilioCallSid": call_sid},
                },
            )
        async with websockets.connect(response.json()["transport"]["websocketCallUrl"]) as vapi:
            tasks = [
                asyncio.create_task(to_vapi(twilio, vapi)),
                asyncio.create_task(to_twilio(vapi, twilio, stream_sid)),
            ]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    return Starlette(
        routes=[Route("/voice/inbound", voice, methods=["POST"]), WebSocketRoute("/media", media)]
    )


async def to_vapi(twilio: WebSocket, vapi: websockets.ClientConnection) -> None:
    """Caller audio: mu-law to 16 kHz, by interpolation."""
    try:
        while True:
            message = json.loads(await twilio.receive_text())
            if message["event"] == "media":
                samples = mulaw.decode(base64.b64decode(message["media"]["payload"]))
                between = np.interp(
                    np.arange(2 * len(samples)) / 2, np.arange(len(samples)), samples
                )
                await vapi.send(between.astype("<i2").tobytes())
            elif message["event"] == "stop":
                return
    except WebSocketDisconnect:
        return


async def to_twilio(vapi: websockets.ClientConnection, twilio: WebSocket, stream_sid: str) -> None:
    """Agent audio: 16 kHz to mu-law, by averages of two."""
    async for message in vapi:
        if isinstance(message, bytes):
            pairs = np.frombuffer(message, dtype="<i2").reshape(-1, 2)
            payload = base64.b64encode(mulaw.encode(pairs.mean(axis=1).astype(np.int16)))
            await twilio.send_text(
                json.dumps(
                    {
                        "event": "media",
                        "streamSid": stream_sid,
                        "media": {"payload": payload.decode()},
                    }
                )
            )
        elif json.loads(message)["type"] == "user-interrupted":
            await twilio.send_text(json.dumps({"event": "clear", "streamSid": stream_sid}))
