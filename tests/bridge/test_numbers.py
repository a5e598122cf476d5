"""Number set-up: Twilio's number is told to ask this bridge, once, and says so when it cannot."""

from __future__ import annotations

import asyncio
import logging

import httpx
import pytest
import respx
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from simkit.bridge import Bridge, Config, ConfigError
from simkit.bridge.numbers import NumberError, set_up_number
from simkit.network.serve import AppError
from simkit.twilio import ACCOUNT_SID, AUTH_TOKEN
from tests.races.conftest import BRIDGE, serve

__all__ = ["serve"]

NUMBER = "+15550100"
SETTINGS = {"twilio_number": NUMBER, "twilio_account_sid": ACCOUNT_SID}
pytestmark = [  # what aiohttp says to Twilio's client
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is dep:DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def at_info(caplog):
    caplog.set_level(logging.INFO, "simkit.bridge")


def requests(sim):
    """What was asked of Twilio's REST."""
    return [
        event.fields["method"]
        for event in sim.timeline.of("request")
        if event.target == "twilio" and "IncomingPhoneNumbers" in event.fields.get("path", "")
    ]


def config(**settings) -> Config:
    known = {"public_url": f"https://{BRIDGE}", "twilio_auth_token": AUTH_TOKEN}
    return Config(**{"vapi_api_key": "key"} | known | SETTINGS | settings)


async def set_up(**settings) -> bool:
    async with httpx.AsyncClient(verify=False, timeout=5) as http:
        return await set_up_number(config(**settings), http)


async def test_the_number_is_set_and_asks_the_bridge(sim, serve, caplog):
    sim.twilio.number(NUMBER, voice_url="https://old.example.com/voice")
    serve(**SETTINGS)
    await asyncio.sleep(1)
    assert f"number {NUMBER} now asks https://{BRIDGE}" in caplog.text
    http = AsyncTwilioHttpClient()
    [number] = await Client(
        ACCOUNT_SID, AUTH_TOKEN, http_client=http
    ).incoming_phone_numbers.list_async(phone_number=NUMBER)
    await http.session.close()
    assert (number.voice_url, number.voice_method) == (f"https://{BRIDGE}/voice/inbound", "POST")
    assert number.status_callback == f"https://{BRIDGE}/voice/status"
    assert number.status_callback_method == "POST"
    sim.vapi.assistant(first_message="Hello there.")
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Hello there.")
    await call.hangs_up()
    await asyncio.sleep(1)


async def test_what_is_right_is_left_alone(sim):
    sim.twilio.number(NUMBER)
    assert await set_up()
    assert not await set_up()
    assert requests(sim) == ["GET", "POST", "GET"]
    assert await set_up(status_callbacks=True, public_url="https://new.example.com")
    assert requests(sim)[3:] == ["GET", "POST"]


async def test_an_api_key_does_as_well(sim):
    sim.twilio.number(NUMBER)
    sim.twilio.rest.api_keys["SK1"] = "of the key"
    key = {"twilio_api_key": "SK1", "twilio_auth_token": "of no use"}
    assert await set_up(**key, twilio_api_secret="of the key")
    with pytest.raises(NumberError, match=r"HTTP 401, code 20003: twilio_account_sid and the auth"):
        await set_up(**key, twilio_api_secret="wrong")


async def test_a_busy_twilio_is_asked_again(sim):
    sim.twilio.number(NUMBER)
    sim.twilio.rest.fails(429, code=20429, message="Too Many Requests", times=3)
    began = sim.now
    assert await set_up()
    assert 7 < sim.now - began < 9
    sim.twilio.rest.fails(429, code=20429, message="Too Many Requests", times=4)
    with pytest.raises(NumberError, match="HTTP 429, code 20429: Too Many Requests"):
        await set_up()


async def test_what_was_refused_is_not_asked_again(sim):
    sim.twilio.number(NUMBER)
    sim.twilio.rest.fails(403, code=20403, message="Forbidden")
    with pytest.raises(NumberError, match="Twilio refuses with HTTP 403, code 20403: Forbidden"):
        await set_up()
    assert len(requests(sim)) == 1
    sim.twilio.rest.fails(404, code=20404, message="The requested resource was not found")
    with pytest.raises(NumberError, match="HTTP 404, code 20404: there is no such account"):
        await set_up()


async def test_a_number_that_the_account_does_not_have_is_named(sim):
    sim.twilio.number(NUMBER + "1")  # which Twilio's search finds, too
    with pytest.raises(NumberError, match=r"\+15550100: the account has no such number"):
        await set_up()


@pytest.mark.parametrize(
    ("field", "what"),
    [("trunk_sid", "a SIP trunk"), ("voice_application_sid", "a TwiML application")],
)
@respx.mock
async def test_a_number_that_something_else_answers_is_left_alone(sim, field, what):
    entry = {"phone_number": NUMBER, "sid": "PN1", field: "XX1"}
    listed = respx.get(url__regex=r".*/IncomingPhoneNumbers\.json.*").respond(
        json={"incoming_phone_numbers": [entry]}
    )
    with pytest.raises(NumberError, match=rf"{what} takes its calls \(XX1\)"):
        await set_up()
    assert listed.call_count == 1


@pytest.mark.parametrize("answer", [{"content": b"<html>"}, {"json": [1]}, {"json": {"a": 1}}])
@respx.mock
async def test_an_answer_of_another_kind_is_no_number(sim, answer):
    respx.get(url__regex=r".*/IncomingPhoneNumbers\.json.*").respond(**answer)
    with pytest.raises(NumberError, match="the account has no such number"):
        await set_up()


@respx.mock
async def test_a_change_that_did_not_take_is_said(sim):
    entry = {"phone_number": NUMBER, "sid": "PN1", "voice_url": ""}
    respx.get(url__regex=r".*").respond(json={"incoming_phone_numbers": [entry]})
    respx.post(url__regex=r".*/PN1\.json").respond(json=entry)
    with pytest.raises(NumberError, match="Twilio has left voice_url at ''"):
        await set_up()


async def test_the_bridge_serves_without_its_number(sim, serve, caplog):
    sim.twilio.number(NUMBER + "1", voice_url=f"https://{BRIDGE}/voice/inbound")
    bridge = serve(**SETTINGS)
    sim.vapi.assistant(first_message="Hello there.")
    call = await sim.twilio.call(to=NUMBER + "1")
    await call.hears("Hello there.")
    assert bridge.sessions
    await call.hangs_up()
    assert "number not set up: +15550100: the account has no such number" in caplog.text
    assert AUTH_TOKEN not in caplog.text


def test_unless_the_number_is_required(sim):
    sim.host(BRIDGE).serve(Bridge(config(number_required=True)).app())
    with pytest.raises(AppError, match="the account has no such number"):
        sim.run(asyncio.sleep(60))


async def test_a_server_that_ends_does_not_wait_for_twilio(sim, serve):
    sim.twilio.rest.delay = 3600.0
    serve(**SETTINGS)
    await asyncio.sleep(1)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"twilio_number": "555"}, r"twilio_number: expected \+15550100, found '555'"),
        ({"twilio_account_sid": ""}, "twilio_number: needs twilio_account_sid"),
        ({"twilio_api_key": "SK1"}, "twilio_api_key and twilio_api_secret: both or none"),
        ({"twilio_number": "", "number_required": True}, "there is no twilio_number"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings, problem):
    with pytest.raises(ConfigError, match=problem):
        config(**settings)
