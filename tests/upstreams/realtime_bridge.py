"""A bridge from Twilio to OpenAI's Realtime API, as users write them: FastAPI and websockets.

It knows nothing of simkit. mu-law passes through; when the caller speaks, what Twilio has queued
is cleared and the model is told how much of its reply was heard.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from fastapi import FastAPI, Response, WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

URL = "wss://api.openai.com/v1/realtime?model=gpt-realtime"
SESSION = {
    "type": "realtime",
    "instructions": "You are a friendly receptionist.",
    "audio": {
        "input": {
            "format": {"type": "audio/pcmu"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 400},
        },
        "output": {"format": {"type": "audio/pcmu"}},
    },
}
TWIML = "<Response><Connect><Stream url='wss://bridge.example.com/media'/></Connect></Response>"


class Call:
    """One phone call and its session; times in ms of the Twilio stream."""

    def __init__(self, phone: WebSocket, model: ClientConnection) -> None:
        self.phone = phone
        self.model = model
        self.stream = ""
        self.now = 0  # timestamp of the caller's latest frame
        self.item: str | None = None  # what may still be playing
        self.began = 0  # when the first of it was sent
        self.sent = 0  # how much of it was sent

    async def to_model(self, **event: Any) -> None:
        await self.model.send(json.dumps(event))

    async def to_phone(self, **event: Any) -> None:
        await self.phone.send_text(json.dumps({**event, "streamSid": self.stream}))

    async def from_phone(self) -> None:
        async for text in self.phone.iter_text():
            event = json.loads(text)
            if event["event"] == "start":
                self.stream = event["start"]["streamSid"]
                await self.to_model(type="session.update", session=SESSION)
                await self.to_model(type="response.create")
            elif event["event"] == "media":
                self.now = int(event["media"]["timestamp"])
                await self.to_model(
                    type="input_audio_buffer.append", audio=event["media"]["payload"]
                )
            elif event["event"] == "mark" and event["mark"]["name"] == self.item:
                self.item = None  # played to its end
            elif event["event"] == "stop":
                return

    async def from_model(self) -> None:
        async for text in self.model:
            event = json.loads(text)
            if event["type"] == "response.output_audio.delta":
                await self.play(event["item_id"], event["delta"])
            elif event["type"] == "response.output_audio.done":
                await self.to_phone(event="mark", mark={"name": event["item_id"]})
            elif event["type"] == "input_audio_buffer.speech_started":
                await self.interrupt()

    async def play(self, item: str, delta: str) -> None:
        if item != self.item:
            self.item, self.began, self.sent = item, self.now, 0
        self.sent += len(delta) * 3 // 4 // 8 - delta.count("=") // 8
        await self.to_phone(event="media", media={"payload": delta})

    async def interrupt(self) -> None:
        item, self.item = self.item, None
        if item is None:
            return
        await self.clear()
        await self.to_model(
            type="conversation.item.truncate",
            item_id=item,
            content_index=0,
            audio_end_ms=self.heard(),
        )

    async def clear(self) -> None:
        await self.to_phone(event="clear")

    def heard(self) -> int:
        """How much of the item the caller has heard by now."""
        return min(self.now - self.began, self.sent)


def make_app(call_type: type[Call] = Call) -> FastAPI:
    app = FastAPI()

    @app.post("/voice/inbound")
    async def inbound() -> Response:
        return Response(TWIML, media_type="text/xml")

    @app.websocket("/media")
    async def media(phone: WebSocket) -> None:
        await phone.accept()
        headers = {"Authorization": f"Bearer {os.environ.get('OPENAI_API_KEY', 'key')}"}
        async with connect(URL, additional_headers=headers) as model:
            call = call_type(phone, model)
            both = [asyncio.create_task(call.from_phone()), asyncio.create_task(call.from_model())]
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in both:
                    task.cancel()
                ended = await asyncio.gather(*both, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception) and not isinstance(
                error, (WebSocketDisconnect, ConnectionClosed)
            ):
                raise error

    return app


app = make_app()
