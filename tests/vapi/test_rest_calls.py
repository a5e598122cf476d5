"""The REST API, asked by plain httpx, and from threads."""

from __future__ import annotations

import asyncio

import httpx
import pytest
import requests
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.vapi.conftest import HEADERS, URL


async def get(path, **params):
    async with httpx.AsyncClient(verify=False) as http:
        return await http.get(f"{URL}{path}", params=params, headers=HEADERS)


async def test_httpx_works_in_a_thread(sim):
    def work():
        body = {"assistantId": "a", "transport": {"provider": "vapi.websocket"}}
        with httpx.Client(verify=False, headers=HEADERS) as http:
            made = http.post(f"{URL}/call", json=body).json()
            return http.get(f"{URL}/call/{made['id']}").json()

    sim.vapi.rest.delay = 0.5
    assert (await asyncio.to_thread(work))["status"] == "queued"
    assert 1.0 < sim.now < 1.2


async def test_requests_works_in_a_thread(sim):
    def work():
        body = {"assistantId": "a", "transport": {"provider": "vapi.websocket"}}
        return requests.post(f"{URL}/call", json=body, headers=HEADERS, timeout=5)

    assert (await asyncio.to_thread(work)).status_code == 201


async def test_a_list_has_the_newest_call_first(sim, client):
    made = [(await client.create()).json()["id"] for _ in range(3)]
    assert [call["id"] for call in (await get("/call", limit=2)).json()] == made[:0:-1]


# Faults


async def test_a_fault_meets_the_requests_that_it_is_for(sim, client):
    sim.vapi.rest.fails(500, message="Internal server error", path="/call/")
    call = (await client.create()).json()
    failed = await get(f"/call/{call['id']}")
    assert failed.status_code == 500
    assert failed.json() == {
        "message": "Internal server error",
        "error": "Internal Server Error",
        "statusCode": 500,
    }
    assert (await get(f"/call/{call['id']}")).status_code == 200


@pytest.mark.parametrize(("status", "times"), [(200, 1), (600, 1), (500, 0)])
def test_a_fault_that_is_none_is_refused(sim, status, times):
    with pytest.raises(ValueError, match=r"expected|found"):
        sim.vapi.rest.fails(status, times=times)


@pytest.mark.parametrize("params", [{"limit": "x"}, {"createdAtGt": "monday"}, {"colour": "red"}])
async def test_a_list_is_not_filtered_by_nonsense(sim, params):
    response = await get("/call", **params)
    assert response.status_code == 400
    assert next(iter(params)) in response.json()["message"][0]


async def test_what_is_not_there_is_a_404(sim):
    assert (await get("/phone")).json()["message"] == "Cannot GET /phone"
    assert (await get("/call/x")).status_code == 404


# Concurrency


async def test_a_call_beyond_the_limit_is_blocked(sim, client):
    sim.vapi.concurrency_limit = 1
    first = (await client.create()).json()
    assert first["subscriptionLimits"] == {
        "concurrencyBlocked": False,
        "concurrencyLimit": 1,
        "remainingConcurrentCalls": 0,
    }
    response = await client.create()
    blocked = response.json()
    assert response.status_code == 201
    assert blocked["subscriptionLimits"]["concurrencyBlocked"] is True
    assert blocked["endedReason"] == "call.start.error-subscription-concurrency-limit-reached"
    with pytest.raises(InvalidStatus):
        await connect(blocked["transport"]["websocketCallUrl"])


async def test_the_limit_may_be_a_400(sim, client):
    sim.vapi.concurrency_limit = 0
    sim.vapi.account.concurrency_answer = "400"
    response = await client.create()
    assert (response.status_code, response.json()["message"]) == (400, "Over Concurrency Limit")
    assert sim.vapi.calls == []


async def test_a_call_that_ends_makes_room(sim, client):
    sim.vapi.concurrency_limit = 1
    await client.open()
    assert (await client.create()).json()["subscriptionLimits"]["concurrencyBlocked"] is True
    await client.socket.close()
    await asyncio.sleep(0.1)
    assert (await client.create()).json()["subscriptionLimits"]["concurrencyBlocked"] is False


async def test_without_a_limit_there_is_no_end_of_calls(sim, client):
    limits = [(await client.create()).json()["subscriptionLimits"] for _ in range(12)]
    assert {found["concurrencyBlocked"] for found in limits} == {False}
    assert limits[-1]["remainingConcurrentCalls"] == 0


@pytest.mark.parametrize("limit", [-1, True])
def test_a_limit_that_is_none_is_refused(sim, limit):
    with pytest.raises(ValueError, match="concurrency_limit"):
        sim.vapi.concurrency_limit = limit


# Saved assistants


async def test_a_saved_assistant_lends_its_configuration(sim, client):
    sim.vapi.assistants["a"] = {"name": "Ann", "monitorPlan": {"listenEnabled": False}}
    client.body = {"assistantOverrides": {"name": "Bea"}}
    call = (await client.create()).json()
    assert sim.vapi.calls[0].config["name"] == "Bea"
    shown = (await get(f"/call/{call['id']}")).json()
    assert list(shown["monitor"]) == ["controlUrl"]
