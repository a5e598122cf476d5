"""The upgrade of a stream: its headers, its path and its signature."""

from __future__ import annotations

import base64

import pytest
from twilio.request_validator import RequestValidator

from tests.twilio.streams import HOST, URL, Line

# The upgrade


async def test_the_upgrade_has_exactly_the_headers_that_were_captured(line):
    _, far = await line.opened()
    assert far.request.path == "/media"
    assert [name for name, _ in far.request.headers.raw_items()] == [
        "Host",
        "User-Agent",
        "Connection",
        "Upgrade",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "x-twilio-signature",
    ]
    headers = far.request.headers
    assert headers["Host"] == HOST
    assert headers["User-Agent"] == "Twilio.TmeWs/1.0"
    assert (headers["Connection"], headers["Upgrade"]) == ("Upgrade", "websocket")
    assert headers["Sec-WebSocket-Version"] == "13"
    assert len(base64.b64decode(headers["Sec-WebSocket-Key"])) == 16


async def test_no_fragment_is_sent(line):
    _, far = await line.opened(URL + "#rt=2000")
    assert far.request.path == "/media"


@pytest.mark.parametrize("slash", [False, True])
async def test_the_upgrade_is_signed_over_the_url_and_the_slash_is_a_knob(sim, slash):
    sim.twilio.settings.signature_slash = slash
    line = Line(sim)
    await line.listen()
    twiml = f'<Response><Connect><Stream url="{URL}"/></Connect></Response>'
    sim.http.post("https://shop.example.com/voice").respond(
        200, text=twiml, headers={"content-type": "text/xml"}
    )
    sim.twilio.number("+15550100", voice_url="https://shop.example.com/voice")
    call = await sim.twilio.call(to="+15550100")
    await call.hangs_up()
    signature = line.ends[0].request.headers["x-twilio-signature"]
    validator = RequestValidator(sim.twilio.auth_token)
    assert validator.validate(URL + "/", {}, signature) == slash
    assert validator.validate(URL, {}, signature) == (not slash)
