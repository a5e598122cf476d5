"""Bridges as people have them: small, each in its framework's way, none knows of simkit."""

from __future__ import annotations

VAPI = '''\
"""Vapi's end of a call."""

import os

import httpx

AUDIO = {"format": "mulaw", "container": "raw", "sampleRate": 8000}


async def create_call() -> str:
    async with httpx.AsyncClient() as http:
        response = await http.post(
            "https://api.vapi.ai/call",
            headers={"Authorization": f"Bearer {os.environ['VAPI_PRIVATE_KEY']}"},
            json={
                "assistantId": os.getenv("VAPI_ASSISTANT_ID"),
                "transport": {"provider": "vapi.websocket", "audioFormat": AUDIO},
            },
        )
    response.raise_for_status()
    return response.json()["transport"]["websocketCallUrl"]
'''

STARLETTE = """\
import asyncio
import base64
import json

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect
from websockets.asyncio.client import connect

from .vapi import create_call

TWIML = '<Response><Connect><Stream url="wss://{host}/twilio/media"/></Connect></Response>'


async def incoming(request):
    return Response(TWIML.format(host=request.url.hostname), media_type="text/xml")


async def status(request):
    return Response(status_code=204)


async def media(twilio):
    await twilio.accept()
    async with connect(await create_call()) as vapi:
        sid = ""

        async def from_twilio():
            nonlocal sid
            try:
                async for text in twilio.iter_text():
                    message = json.loads(text)
                    if message["event"] == "start":
                        sid = message["start"]["streamSid"]
                    elif message["event"] == "media":
                        await vapi.send(base64.b64decode(message["media"]["payload"]))
                    elif message["event"] == "stop":
                        break
            except WebSocketDisconnect:
                pass

        async def from_vapi():
            async for message in vapi:
                if isinstance(message, bytes):
                    payload = base64.b64encode(message).decode()
                    event = {"event": "media", "streamSid": sid, "media": {"payload": payload}}
                    await twilio.send_json(event)
                elif json.loads(message)["type"] == "user-interrupted":
                    await twilio.send_json({"event": "clear", "streamSid": sid})

        ways = [asyncio.create_task(from_twilio()), asyncio.create_task(from_vapi())]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


def make_app():
    calls = [
        Route("/status", status, methods=["POST"]),
        Route("/incoming-call", incoming, methods=["POST"]),
        WebSocketRoute("/media", media),
    ]
    return Starlette(routes=[Mount("/twilio", routes=calls)])
"""

AIOHTTP = """\
import asyncio
import base64
import os

import aiohttp
from aiohttp import web

PUBLIC_HOST = os.environ["PUBLIC_HOST"]
AUDIO = {"format": "mulaw", "container": "raw", "sampleRate": 8000}
routes = web.RouteTableDef()


@routes.post("/calls/answer")
async def answer(request):
    stream = f'<Stream url="wss://{PUBLIC_HOST}/calls/stream"/>'
    text = f"<Response><Connect>{stream}</Connect></Response>"
    return web.Response(text=text, content_type="text/xml")


async def create_call(session):
    call = {
        "assistantId": os.environ["ASSISTANT_ID"],
        "transport": {"provider": "vapi.websocket", "audioFormat": AUDIO},
    }
    key = {"Authorization": "Bearer " + os.environ["VAPI_API_KEY"]}
    async with session.post("https://api.vapi.ai/call", json=call, headers=key) as response:
        return (await response.json())["transport"]["websocketCallUrl"]


@routes.get("/calls/stream")
async def stream(request):
    twilio = web.WebSocketResponse()
    await twilio.prepare(request)
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(await create_call(session)) as vapi:
            sid = ""

            async def from_twilio():
                nonlocal sid
                async for message in twilio:
                    event = message.json()
                    if event["event"] == "start":
                        sid = event["start"]["streamSid"]
                    elif event["event"] == "media":
                        await vapi.send_bytes(base64.b64decode(event["media"]["payload"]))
                    elif event["event"] == "stop":
                        return

            async def from_vapi():
                async for message in vapi:
                    if message.type is aiohttp.WSMsgType.BINARY:
                        payload = base64.b64encode(message.data).decode()
                        event = {"event": "media", "streamSid": sid, "media": {"payload": payload}}
                        await twilio.send_json(event)
                    elif message.json()["type"] == "user-interrupted":
                        await twilio.send_json({"event": "clear", "streamSid": sid})

            ways = [asyncio.create_task(from_twilio()), asyncio.create_task(from_vapi())]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
    await twilio.close()
    return twilio


app = web.Application()
app.add_routes(routes)

if __name__ == "__main__":
    web.run_app(app, port=8080)
"""

WEBSOCKETS = '''\
"""The number at Twilio has a TwiML Bin that connects the stream; here is the stream's other end."""

import asyncio
import base64
import json
from urllib.parse import urlsplit

from vapi import create_call
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve


async def handler(twilio):
    async with connect(await create_call()) as vapi:
        sid = ""

        async def from_twilio():
            nonlocal sid
            async for text in twilio:
                message = json.loads(text)
                if message["event"] == "start":
                    sid = message["start"]["streamSid"]
                elif message["event"] == "media":
                    await vapi.send(base64.b64decode(message["media"]["payload"]))
                elif message["event"] == "stop":
                    return

        async def from_vapi():
            async for message in vapi:
                if isinstance(message, bytes):
                    payload = base64.b64encode(message).decode()
                    event = {"event": "media", "streamSid": sid, "media": {"payload": payload}}
                    await twilio.send(json.dumps(event))
                elif json.loads(message)["type"] == "user-interrupted":
                    await twilio.send(json.dumps({"event": "clear", "streamSid": sid}))

        ways = [asyncio.create_task(from_twilio()), asyncio.create_task(from_vapi())]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def main():
    async with serve(handler, "localhost", 8765):
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main())
'''

ANSWERS_GET = '''
TWIML = '<Response><Connect><Stream url="wss://bridge.ngrok.app/stream"/></Connect></Response>'


def answer(connection, request):
    """Twilio is told to GET the TwiML: a server of websockets takes no POST."""
    if urlsplit(request.path).path == "/voice":
        response = connection.respond(200, TWIML)
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = "text/xml"
        return response
    return None


async def main():
    async with serve(handler, "0.0.0.0", 8765, process_request=answer) as server:
        await server.serve_forever()
'''
"""What the same program has in place of its ``main``."""

OWN = """\
from simkit.bridge import create_app

app = create_app()
"""

OPENAI = """\
import asyncio
import json
import os

import websockets
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import HTMLResponse
from fastapi.websockets import WebSocketDisconnect

URL = "wss://api.openai.com/v1/realtime?model=gpt-realtime"
PORT = int(os.getenv("PORT", 5050))
app = FastAPI()


@app.api_route("/incoming-call", methods=["GET", "POST"])
async def incoming(request: Request):
    stream = f'<Stream url="wss://{request.url.hostname}/media-stream" />'
    text = f"<Response><Connect>{stream}</Connect></Response>"
    return HTMLResponse(content=text, media_type="application/xml")


@app.websocket("/media-stream")
async def media(twilio: WebSocket):
    await twilio.accept()
    key = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
    async with websockets.connect(URL, additional_headers=key) as openai:
        sound = {"format": {"type": "audio/pcmu"}}
        turns = {"turn_detection": {"type": "server_vad"}}
        audio = {"input": sound | turns, "output": sound}
        session = {"type": "realtime", "audio": audio}
        await openai.send(json.dumps({"type": "session.update", "session": session}))
        await openai.send(json.dumps({"type": "response.create"}))
        sid = None

        async def from_twilio():
            nonlocal sid
            try:
                async for message in twilio.iter_json():
                    if message["event"] == "start":
                        sid = message["start"]["streamSid"]
                    elif message["event"] == "media":
                        sound = message["media"]["payload"]
                        event = {"type": "input_audio_buffer.append", "audio": sound}
                        await openai.send(json.dumps(event))
                    elif message["event"] == "stop":
                        return
            except WebSocketDisconnect:
                return

        async def from_openai():
            async for text in openai:
                event = json.loads(text)
                if event["type"] == "response.output_audio.delta":
                    media = {"payload": event["delta"]}
                    await twilio.send_json({"event": "media", "streamSid": sid, "media": media})
                elif event["type"] == "input_audio_buffer.speech_started":
                    await twilio.send_json({"event": "clear", "streamSid": sid})

        ways = [asyncio.create_task(from_twilio()), asyncio.create_task(from_openai())]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
"""
