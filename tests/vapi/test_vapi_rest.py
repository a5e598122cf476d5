"""``POST /call`` and what it refuses, against the protocol sheet."""

from __future__ import annotations

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
    assert "daily" in problem["message"][0]


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
