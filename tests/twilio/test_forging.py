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

    sim.host(HOST).serve(Starlette(routes=[Route("/voice/inbound", voice, methods=["POST"])]))
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


@pytest.mark.parametrize("replays", [0, 2])
async def test_a_call_that_made_no_request_cannot_be_replayed(sim, asked, replays):
    call = sim.twilio.rings(NUMBER)
    await call.ends()
    with pytest.raises(ValueError, match=f"replays: call {replays} has made no request"):
        await sim.twilio.forges("replayed", to=NUMBER, replays=replays)
