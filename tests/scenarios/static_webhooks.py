"""Bridges on the ``websockets`` library whose TwiML is the same for everybody."""

from __future__ import annotations

import asyncio
import base64
import json
from http import HTTPStatus

import httpx
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

TWIML = b"<Response><Connect><Stream url='wss://bridge.example.com/media'/></Connect></Response>"
KEY = {"Authorization": "Bearer key"}
AUDIO = {"format": "mulaw", "container": "raw", "sampleRate": 8000}
CALL = {"assistantId": "a", "transport": {"provider": "vapi.websocket", "audioFormat": AUDIO}}


async def carry(twilio):
    """Carry a call, whoever's it is."""
    await twilio.recv()  # connected
    sid = json.loads(await twilio.recv())["streamSid"]
    async with httpx.AsyncClient() as http:
        call = await http.post("https://api.vapi.ai/call", headers=KEY, json=CALL)

    async def to_vapi():
        async for text in twilio:
            message = json.loads(text)
            if message["event"] == "media":
                await vapi.send(base64.b64decode(message["media"]["payload"]))

    async def to_twilio():
        async for message in vapi:
            if isinstance(message, bytes):
                payload = base64.b64encode(message).decode()
                event = {"event": "media", "streamSid": sid, "media": {"payload": payload}}
                await twilio.send(json.dumps(event))

    async with connect(call.json()["transport"]["websocketCallUrl"]) as vapi:
        ways = [asyncio.create_task(to_vapi()), asyncio.create_task(to_twilio())]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def hears_signed_streams_only(connection, request):
    """Turn away whoever has not the signature of this URL; it is the same for every call."""
    if "X-Twilio-Signature" not in request.headers:
        return connection.respond(HTTPStatus.FORBIDDEN, "")
    return None


async def answers_get(connection, request):
    """Answer the webhook beside the stream: with GET, as the library takes nothing else."""
    if not request.path.startswith("/voice"):
        return None
    response = connection.respond(HTTPStatus.OK, TWIML.decode())
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "text/xml"
    return response


async def answers_get_and_hears_signed_streams_only(connection, request):
    """Do both."""
    answer = await answers_get(connection, request)
    return answer or await hears_signed_streams_only(connection, request)


def _main(process_request):
    async def main():
        async with serve(carry, "0.0.0.0", 443, process_request=process_request):
            await asyncio.Future()

    return main


def behind_a_bin(sim):
    """Put a bridge up whose TwiML stands in a TwiML Bin."""
    sim.host("bridge.example.com").serve(_main(None))

    async def twiml(request):
        return Response(TWIML, media_type="text/xml")

    sim.host("handler.twilio.com").serve(Starlette(routes=[Route("/EH1", twiml, methods=["POST"])]))
    sim.twilio.number("+15550100", voice_url="https://handler.twilio.com/EH1")


def get_only(sim):
    """Put a bridge up that answers its webhook itself, which has to be a GET."""
    _gets(sim, answers_get)


def _gets(sim, process_request):
    sim.host("bridge.example.com").serve(_main(process_request))
    url = "https://bridge.example.com/voice"
    sim.twilio.number("+15550100", voice_url=url, voice_method="GET")


def get_only_for_signed_streams(sim):
    """Put one up that sends away whoever comes to its stream without a signature."""
    _gets(sim, answers_get_and_hears_signed_streams_only)


async def _calls_at_once(connection, request):
    answer = await answers_get(connection, request)
    if answer is not None:
        async with httpx.AsyncClient() as http:
            await http.post("https://api.vapi.ai/call", headers=KEY, json=CALL)
    return answer or await hears_signed_streams_only(connection, request)


def calls_at_the_webhook(sim):
    """Put one up whose webhook calls Vapi ahead, whoever asks."""
    _gets(sim, _calls_at_once)
