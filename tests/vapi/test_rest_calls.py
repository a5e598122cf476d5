"""The REST API, asked by Vapi's own client, by plain httpx, and from threads."""

from __future__ import annotations

import asyncio
import random

import httpx
import pytest
import requests
from vapi import AsyncVapi
from vapi import Vapi as BlockingVapi
from vapi.calls.types import CreateCallDtoTransport_VapiWebsocket
from vapi.core.api_error import ApiError
from vapi.errors import BadRequestError, NotFoundError
from vapi.types import AudioFormat, CreateAssistantDto, Server
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from simkit.audio import voice
from tests.vapi.conftest import HEADERS, URL

TRANSPORT = CreateCallDtoTransport_VapiWebsocket(conversation_type="voice")


@pytest.fixture
async def sdk(sim):
    async with httpx.AsyncClient(verify=False, timeout=60, follow_redirects=True) as http:
        yield AsyncVapi(token="key", httpx_client=http)


async def get(path, **params):
    async with httpx.AsyncClient(verify=False) as http:
        return await http.get(f"{URL}{path}", params=params, headers=HEADERS)


# The official client


async def test_a_call_is_created_and_found_again(sim, sdk):
    mulaw = AudioFormat(format="mulaw", container="raw", sample_rate=8000)
    made = await sdk.calls.create(
        assistant=CreateAssistantDto(
            name="Ann", server=Server(url="https://hook.example.com", timeout_seconds=20)
        ),
        name="test",
        transport=CreateCallDtoTransport_VapiWebsocket(audio_format=mulaw),
    )
    assert (made.status, made.type, made.name) == ("queued", "vapi.websocketCall", "test")
    assert made.created_at.year == 2029
    assert made.monitor is None
    assert made.transport.websocketCallUrl.endswith(f"{made.id}/transport")
    assert made.subscriptionLimits["remainingConcurrentCalls"] == 9
    assert sim.vapi.calls[0].audio.sample_rate == 8000
    found = await sdk.calls.get(made.id)
    assert found.id == made.id
    assert found.monitor.control_url.endswith(f"/{made.id}/control")
    assert found.assistant.name == "Ann"
    assert found.artifact is None


async def test_calls_are_listed_newest_first(sim, sdk):
    made = []
    for number in range(3):
        made.append(await sdk.calls.create(assistant_id=f"a{number}", transport=TRANSPORT))
        await asyncio.sleep(1)
    found = await sdk.calls.list()
    assert [call.id for call in found] == [call.id for call in reversed(made)]
    assert [call.id for call in await sdk.calls.list(limit=1)] == [made[2].id]
    assert [call.id for call in await sdk.calls.list(assistant_id="a1")] == [made[1].id]
    later = await sdk.calls.list(created_at_gt=made[1].created_at)
    assert [call.id for call in later] == [made[2].id]


async def test_a_call_is_renamed_and_deleted(sim, sdk):
    made = await sdk.calls.create(assistant_id="a", transport=TRANSPORT)
    assert (await sdk.calls.update(made.id, name="other")).name == "other"
    assert (await sdk.calls.delete(made.id)).id == made.id
    assert await sdk.calls.list() == []
    with pytest.raises(ApiError) as caught:
        await sdk.calls.get(made.id)
    assert caught.value.status_code == 404


async def test_what_remains_of_a_call_is_understood(sim, sdk, client):
    sim.vapi.account.recording = "always"
    sim.vapi.assistant(first_message="Good morning.", replies=["Fine."])
    await client.open()
    await client.speak(None, 2.0)
    speech = voice.speak("how are you", random.Random(1))
    sim._repertoire.add(speech)
    await client.speak(speech)
    await client.speak(None, 3.0)
    await client.socket.close()
    await asyncio.sleep(4)
    call = await sdk.calls.get(client.call["id"])
    assert (call.status, call.ended_reason) == ("ended", "customer-ended-call")
    assert call.artifact.messages[0].end_time > call.artifact.messages[0].time
    assert call.artifact.performance_metrics.turn_latencies[0].turn_latency > 0
    assert call.cost_breakdown.total == call.cost
    assert call.artifact.recording.mono.customer_url.startswith("https://storage.vapi.ai/")
    assert {cost.type for cost in call.costs} == {
        "transport",
        "transcriber",
        "model",
        "voice",
        "vapi",
    }
    lasted = (call.ended_at - call.started_at).total_seconds()
    assert call.costs[0].minutes == pytest.approx(lasted / 60, abs=0.0001)


async def test_a_recording_is_followed_to_where_it_is(sim, sdk, client):
    sim.vapi.account.recording = "always"
    await client.open()
    await client.socket.close()
    await asyncio.sleep(4)
    calls = sdk.calls.with_raw_response
    response = await calls.call_artifact_controller_mono_recording_download(client.call["id"])
    assert response.headers["content-type"] == "audio/wav"
    with pytest.raises(NotFoundError):
        await calls.call_artifact_controller_pcap_download(client.call["id"])


async def test_errors_are_those_that_the_client_knows(sim, sdk):
    with pytest.raises(BadRequestError) as refused:
        await sdk.calls.create(assistant_id="a", name="x" * 41, transport=TRANSPORT)
    assert refused.value.body["message"] == ["name must be shorter than or equal to 40 characters"]
    sim.vapi.api_key = "other"
    with pytest.raises(ApiError) as unknown:
        await sdk.calls.create(assistant_id="a", transport=TRANSPORT)
    assert unknown.value.status_code == 401
    assert unknown.value.body["message"].startswith("Invalid Key. Hot tip")


async def test_the_client_tries_again_what_failed(sim, sdk):
    sim.vapi.rest.fails(503, times=2)
    made = await sdk.calls.create(
        assistant_id="a", transport=TRANSPORT, request_options={"max_retries": 2}
    )
    assert made.status == "queued"
    assert [e.fields["shown"].get("status") for e in sim.timeline.of("request")] == [503, 503, None]
    # One second and then two, each give or take a tenth.
    assert 2.5 < sim.now < 3.6


async def test_the_blocking_client_works_in_a_thread(sim):
    def work():
        with httpx.Client(verify=False) as http:
            client = BlockingVapi(token="key", httpx_client=http)
            made = client.calls.create(assistant_id="a", transport=TRANSPORT)
            return client.calls.get(made.id)

    sim.vapi.rest.delay = 0.5
    found = await asyncio.to_thread(work)
    assert found.id == sim.vapi.calls[0].id
    assert 1.0 < sim.now < 1.2


async def test_requests_works_in_a_thread(sim):
    def work():
        body = {"assistantId": "a", "transport": {"provider": "vapi.websocket"}}
        return requests.post(f"{URL}/call", json=body, headers=HEADERS, timeout=5)

    assert (await asyncio.to_thread(work)).status_code == 201


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
