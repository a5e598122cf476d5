"""Forged requests: what Twilio's own library says of them, and what the timeline does."""

from __future__ import annotations

from typing import get_args
from urllib.parse import parse_qsl

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator

from simkit.twilio import AUTH_TOKEN, Forgery

HOST = "bridge.example.com"
NUMBER = "+15550100"
TWIML = '<Response><Connect><Stream url="wss://a/b" name="{sid}"/></Connect></Response>'


@pytest.fixture
def asked(sim):
    """Serve a webhook that asks Twilio's own library; returns the requests it got."""
    requests: list[tuple[str, bytes, dict[str, str]]] = []

    async def voice(request):
        form, query = (
            dict(parse_qsl((await request.body()).decode(), keep_blank_values=True)),
            request.url.query,
        )
        url = f"https://{HOST}{request.url.path}" + (f"?{query}" if query else "")
        signature = request.headers.get("x-twilio-signature", "")
        requests.append((url, await request.body(), dict(request.headers)))
        valid = RequestValidator(AUTH_TOKEN).validate(url, form, signature)
        return Response("<Response/>", 200 if valid else 403, media_type="text/xml")

    route = Route("/voice/inbound", voice, methods=["GET", "POST"])
    sim.host(HOST).serve(Starlette(routes=[route]))
    return requests


@pytest.mark.parametrize("how", [how for how in get_args(Forgery) if how != "replayed"])
async def test_twilios_own_library_refuses_it_and_the_timeline_says_so(sim, asked, how):
    assert await sim.twilio.forges(how, to=NUMBER) == 403
    [forged] = sim.timeline.of("forged")
    assert (forged.source, forged.target, forged.call) == ("stranger", "bridge", None)
    assert forged.fields == {"how": how, "path": "/voice/inbound", "status": 403}
    assert b"CallStatus=ringing" in asked[0][1]
    assert sim.twilio.calls == []


async def test_a_replayed_request_is_the_same_to_the_byte(sim, asked):
    call = sim.twilio.rings(NUMBER)
    await call.ends()
    assert await sim.twilio.forges("replayed", to=NUMBER, replays=1) == 200
    assert asked[0] == asked[1]
    assert sim.timeline.of("forged")[0].fields["status"] == 200


@pytest.mark.parametrize("how", [how for how in get_args(Forgery) if how != "replayed"])
async def test_where_the_webhook_is_a_get_so_is_the_forged_request(sim, asked, how):
    url = f"https://{HOST}/voice/inbound?tenant=a"
    sim.twilio.number(NUMBER, voice_url=url, voice_method="GET")
    assert await sim.twilio.forges(how, to=NUMBER) == 403
    call = sim.twilio.rings(NUMBER)
    await call.ends()
    assert [body for _, body, _ in asked] == [b"", b""]
    assert [url.partition("&")[0] for url, _, _ in asked] == [url, url]
    assert sim.timeline.of("response")[0].fields["status"] == 200


@pytest.fixture(params=[TWIML, TWIML + "<!-- {} -->"], ids=["alike", "numbered"])
def answered(sim, request):
    """Serve a webhook that asks nobody who they are; returns the calls it was asked for."""
    answered: list[str] = []
    body = request.param

    async def voice(request):
        form = dict(parse_qsl((await request.body()).decode()))
        answered.append(form["CallSid"])
        return Response(body.format(len(answered), sid=answered[-1]), media_type="text/xml")

    sim.host(HOST).serve(Starlette(routes=[Route("/voice/inbound", voice, methods=["POST"])]))
    return answered


async def test_an_answer_that_anybody_gets_is_told_from_one_of_a_call(sim, answered, request):
    assert await sim.twilio.forges("wrong-token", to=NUMBER) == 200
    events = sim.timeline.of("forged")
    assert [event.fields["how"] for event in events] == ["wrong-token", "unsigned"]
    is_static = "alike" in request.node.name
    assert [event.fields.get("static", False) for event in events] == [is_static] * 2
    assert len(set(answered)) == 2


@pytest.mark.parametrize("replays", [0, 2])
async def test_a_call_that_made_no_request_cannot_be_replayed(sim, asked, replays):
    call = sim.twilio.rings(NUMBER)
    await call.ends()
    with pytest.raises(ValueError, match=f"replays: call {replays} has made no request"):
        await sim.twilio.forges("replayed", to=NUMBER, replays=replays)
