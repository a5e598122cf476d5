"""A voice bridge as tutorials write it: a phone call at Twilio, carried to an assistant at Vapi."""

import asyncio
import base64
import json
import os

import httpx
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from websockets.asyncio.client import connect

app = FastAPI()


@app.post("/voice/inbound")
async def incoming_call(request: Request):
    twiml = f'<Connect><Stream url="wss://{request.url.hostname}/media" /></Connect>'
    return Response(f"<Response>{twiml}</Response>", media_type="text/xml")


async def create_call() -> str:
    audio = {"format": "mulaw", "container": "raw", "sampleRate": 8000}
    async with httpx.AsyncClient() as http:
        response = await http.post(
            "https://api.vapi.ai/call",
            headers={"Authorization": f"Bearer {os.environ['VAPI_API_KEY']}"},
            json={
                "assistantId": os.environ["VAPI_ASSISTANT_ID"],
                "transport": {"provider": "vapi.websocket", "audioFormat": audio},
            },
        )
    return response.json()["transport"]["websocketCallUrl"]


@app.websocket("/media")
async def media_stream(twilio: WebSocket):
    await twilio.accept()
    async with connect(await create_call()) as vapi:
        stream_sid = None

        async def receive_from_twilio():
            nonlocal stream_sid
            try:
                async for text in twilio.iter_text():
                    data = json.loads(text)
                    if data["event"] == "start":
                        stream_sid = data["start"]["streamSid"]
                    elif data["event"] == "media":
                        await vapi.send(base64.b64decode(data["media"]["payload"]))
            except WebSocketDisconnect:
                print("Client disconnected.")

        async def send_to_twilio():
            try:
                async for message in vapi:
                    if isinstance(message, bytes):
                        media = {"payload": base64.b64encode(message).decode()}
                        event = {"event": "media", "streamSid": stream_sid, "media": media}
                        await twilio.send_json(event)
                    elif json.loads(message)["type"] == "user-interrupted":
                        await twilio.send_json({"event": "clear", "streamSid": stream_sid})
            except Exception as error:
                print(f"Error in send_to_twilio: {error}")

        await asyncio.gather(receive_from_twilio(), send_to_twilio())
