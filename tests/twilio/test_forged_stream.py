"""Forged streams: what strangers say on a media socket, and how what became of it is told."""

from __future__ import annotations

import asyncio
import json
from typing import get_args

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from twilio.request_validator import RequestValidator

from simkit.twilio import AUTH_TOKEN, StreamForgery

HOST = "bridge.example.com"
NUMBER = "+15550100"
TWIML = f"""<Response><Connect><Stream url="wss://{HOST}/media">
<Parameter name="token" value="for call 1"/></Stream></Connect></Response>"""


class Door:
    """A media socket that notes who comes; what it does with strangers is its ``way``."""

    def __init__(self) -> None:
        self.came: list[tuple[bool, list[dict]]] = []
        self.way = "stay"

    async def media(self, socket):
        signature = socket.headers.get("x-twilio-signature", "")
        signed = RequestValidator(AUTH_TOKEN).validate(f"wss://{HOST}/media", {}, signature)
        said: list[dict] = []
        self.came.append((signed, said))
        way = self.way if len(self.came) > 1 else "stay"
        if way == "refuse":
            await socket.close(1008)
            return
        if way == "never answer":
            await asyncio.Event().wait()
        await socket.accept()
        if way == "close":
            await socket.close(4001)
            return
        async for text in socket.iter_text():
            said.append(json.loads(text))
            if way == "talk" and len(said) == 3:
                await socket.send_json({"event": "clear", "streamSid": "MZ"})
                await socket.close(1000)
                return


@pytest.fixture
async def door(sim):
    """Serve it, and place a call that is on its line."""
    door = Door()

    async def voice(request):
        return Response(TWIML, media_type="text/xml")

    routes = [
        Route("/voice/inbound", voice, methods=["POST"]),
        WebSocketRoute("/media", door.media),
    ]
    sim.host(HOST).serve(Starlette(routes=routes))
    return door


async def forges(sim, how: StreamForgery = "unsigned", of: int = 1) -> int:
    if not sim.twilio.calls:
        await (await sim.twilio.call(to=NUMBER)).stays_silent(0.2)
    return await sim.twilio.forges_stream(how, of=of, says="hello there")


SAID = {
    "unsigned": (False, False, {}),
    "wrong-token": (False, False, {}),
    "no-call": (True, False, {}),
    "other-call": (True, True, {}),
    "used-token": (True, True, {"token": "for call 1"}),
}
"""Whether the upgrade is signed, whether it names the call that there is, and the parameters."""


@pytest.mark.parametrize("how", get_args(StreamForgery))
async def test_it_says_who_it_pretends_to_be_and_speaks(sim, door, how):
    signed, is_of_call_1, parameters = SAID[how]
    assert await forges(sim, how) == 101
    (_, [connected, start, *_]), (is_signed, said) = door.came
    assert is_signed is signed
    assert said[0] == connected
    body = dict(said[1]["start"])
    ids = [said[1]["streamSid"], body["callSid"], body["streamSid"]]
    right = [start["streamSid"], start["start"]["callSid"], start["start"]["streamSid"]]
    assert [one == two for one, two in zip(ids, right, strict=True)] == [is_of_call_1] * 3
    assert body["customParameters"] == parameters
    assert body["accountSid"] == start["start"]["accountSid"]
    frames = [message["media"] for message in said[2:]]
    assert [frame["chunk"] for frame in frames] == [str(n + 1) for n in range(len(frames))]
    assert [message["sequenceNumber"] for message in said[1:4]] == ["1", "2", "3"]
    assert 20 < len(frames) < 60  # "hello there", and no more of it


@pytest.mark.parametrize(
    ("way", "outcome", "seconds"),
    [
        ("stay", 101, 5.0),
        ("talk", 101, 0.0),
        ("refuse", 403, 0.0),
        ("close", 4001, 0.0),
        ("never answer", 1006, 5.0),
    ],
)
async def test_what_became_of_it_is_returned_and_told(sim, door, way, outcome, seconds):
    door.way = way
    await (await sim.twilio.call(to=NUMBER)).stays_silent(1.0)
    before = sim.now
    assert await forges(sim) == outcome
    assert seconds <= sim.now - before < seconds + 0.2
    [forged] = sim.timeline.of("forged")
    assert (forged.source, forged.target, forged.call) == ("stranger", "bridge", None)
    assert forged.fields == {"how": "unsigned", "path": "/media", "status": outcome}
    assert before <= forged.t_ns / 1e9 < before + 0.1


@pytest.mark.parametrize("of", [0, 2])
async def test_a_call_that_there_was_not_has_no_stream(sim, door, of):
    with pytest.raises(ValueError, match=f"of: call {of} has had no stream"):
        await forges(sim, of=of)
