"""``POST /call`` and what it refuses, against the protocol sheet."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.vapi.conftest import HEADERS, URL


async def post(body=None, *, headers=HEADERS, content=None):
    async with httpx.AsyncClient(verify=False) as http:
        http.headers.clear()
        return await http.post(f"{URL}/call", json=body, content=content, headers=headers)


async def test_a_call_is_created_with_201_and_without_monitor(sim, client):
    response = await client.create()
    assert response.status_code == 201
    call = response.json()
    assert (call["type"], call["status"]) == ("vapi.websocketCall", "queued")
    assert call["assistantId"] == "a"
    assert "monitor" not in call
    assert call["createdAt"] == "2029-01-01T00:00:00.030Z"
    assert call["updatedAt"] == call["createdAt"]
    expected = f"wss://api.vapi.ai/{call['id']}/transport"
    assert call["transport"] == {"websocketCallUrl": expected, "provider": "vapi.websocket"}
    assert call["subscriptionLimits"]["concurrencyLimit"] == 10


async def test_get_shows_the_monitor(sim, client):
    call = (await client.create()).json()
    async with httpx.AsyncClient(verify=False) as http:
        shown = (await http.get(f"{URL}/call/{call['id']}", headers=HEADERS)).json()
    assert shown["monitor"]["controlUrl"].endswith(f"{call['id']}/control")


async def test_an_invalid_body_is_answered_as_nestjs_does(sim):
    response = await post({"transport": {"provider": "daily"}})
    assert response.status_code == 400
    problem = response.json()
    assert (problem["statusCode"], problem["error"]) == (400, "Bad Request")
    assert problem["message"].startswith("Couldn't Get Phone Number.")


async def test_properties_that_do_not_exist_are_listed(sim):
    response = await post({"assistant": {"assistantId": "a", "name": 1}, "colour": "red"})
    assert response.json() == {
        "message": [
            "property colour should not exist",
            "assistant.property assistantId should not exist",
            "assistant.name must be a string",
        ],
        "error": "Bad Request",
        "statusCode": 400,
    }


WEBSOCKET = {"provider": "vapi.websocket"}
SERVER = {"url": "https://hook.example.com"}


def with_audio(**audio):
    return {"transport": WEBSOCKET | {"audioFormat": audio}}


def with_server(**server):
    return {"transport": WEBSOCKET, "assistant": {"server": SERVER | server}}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"name": "x" * 41, "transport": WEBSOCKET}, "shorter than or equal to 40"),
        ({"transport": WEBSOCKET, "phoneNumberId": "p"}, "phoneNumberId is not permitted"),
        (with_audio(format="opus", sampleRate=8000), "format must be one of"),
        (with_audio(format="mulaw"), "sampleRate must be a number"),
        (with_audio(format="mulaw", sampleRate=200_000), "must not be greater than 192000"),
        (with_audio(format="mulaw", sampleRate=0), "must not be less than 3000"),
        (with_audio(format="mulaw", sampleRate=8000, container="wav"), "container must be"),
        (with_server(url="ftp://x"), "assistant.server.url must be a valid URL"),
        (with_server(timeoutSeconds=301), "timeoutSeconds must not be greater than 300"),
        (with_server(headers={"a b": "c"}), "headers must be an object"),
        (with_server(backoffPlan={"maxRetries": 11}), "maxRetries must not be greater than 10"),
        (with_server(backoffPlan={"type": "later"}), "type must be one of"),
        ({"transport": WEBSOCKET, "assistantOverrides": []}, "assistantOverrides must be"),
    ],
)
async def test_what_is_out_of_range_is_named(sim, body, words):
    response = await post(body)
    assert response.status_code == 400
    [message] = response.json()["message"]
    assert words in message


async def test_all_that_an_assistant_may_say_about_its_server_is_taken(sim):
    plan = {"type": "exponential", "maxRetries": 10, "baseDelaySeconds": 0.5}
    plan["excludedStatusCodes"] = [400, 404]
    body = with_server(
        timeoutSeconds=1, secret="s", credentialId="c", headers={"X-A": "b"}, backoffPlan=plan
    )
    assert (await post(body)).status_code == 201


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 10000])
async def test_what_is_no_json_object_is_a_400(sim, content):
    assert (await post(content=content)).status_code == 400


async def test_without_a_key_it_is_401(sim):
    response = await post({}, headers={"User-Agent": "x"})
    assert response.status_code == 401
    assert response.json()["message"].startswith("Invalid Key.")


async def test_with_another_key_than_expected_it_is_401(sim, client):
    sim.vapi.api_key = "other"
    assert (await client.create()).status_code == 401


async def test_without_a_user_agent_it_is_403(sim):
    response = await post({}, headers={"Authorization": "Bearer key"})
    assert (response.status_code, response.text) == (403, "error code: 1010")


async def test_create_takes_as_long_as_it_is_told(sim, client):
    sim.vapi.create_delay = 12.0
    before = sim.now
    await client.create()
    assert sim.now == pytest.approx(before + 12.04)


async def test_a_socket_that_was_used_answers_500(sim, client):
    await client.open()
    url = client.call["transport"]["websocketCallUrl"]
    with pytest.raises(InvalidStatus) as caught:
        await connect(url)
    assert caught.value.response.status_code == 500
    await client.socket.close()


async def test_a_slow_start_keeps_the_upgrade_waiting(sim, client):
    sim.vapi.open_delay = 1.2
    before = sim.now
    await client.open()
    assert sim.now == pytest.approx(before + 0.04 + 1.2 + 0.04)
    await client.socket.close()


async def test_a_client_that_gives_up_while_it_waits_opens_nothing(sim, client):
    sim.vapi.open_delay = 5.0
    await client.create()
    call = (await client.create()).json()
    with pytest.raises(TimeoutError):
        await connect(call["transport"]["websocketCallUrl"], open_timeout=1.0)
    await asyncio.sleep(10)
    assert sim.timeline.of("open") == []
    assert sim.vapi.calls[-1].status == "queued"
