"""The REST API, asked by Vapi's own client: without blocking, and from a thread."""

from __future__ import annotations

import asyncio
import json
import random

import httpx
import pytest
from vapi import AsyncVapi
from vapi import Vapi as BlockingVapi
from vapi.calls.types import CreateCallDtoTransport_VapiWebsocket
from vapi.core.api_error import ApiError
from vapi.errors import BadRequestError, NotFoundError
from vapi.types import AssistantOverrides, AudioFormat, CreateAssistantDto, Server

from simkit.audio import voice
from tests.bridge.test_vapi_rest import KEY, Api, created, run

TRANSPORT = CreateCallDtoTransport_VapiWebsocket(conversation_type="voice")


@pytest.fixture
async def sdk(sim):
    async with httpx.AsyncClient(verify=False, timeout=60, follow_redirects=True) as http:
        yield AsyncVapi(token="key", httpx_client=http)


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


@pytest.mark.parametrize("greets", [True, False])
def test_the_bridge_orders_calls_as_the_client_does(greets):
    api = Api(created(), created(), vapi_assistant_id="a1")

    async def body() -> None:
        await api.rest.create("CA1", greets=greets)
        ours = json.loads(api.requests[0].content)
        official = AsyncVapi(token=KEY, httpx_client=api.client)
        found = await official.calls.create(
            assistant_id="a1",
            transport=CreateCallDtoTransport_VapiWebsocket.model_validate(ours["transport"]),
            **(
                {}
                if greets
                else {
                    "assistant_overrides": AssistantOverrides(
                        first_message="", first_message_mode="assistant-waits-for-user"
                    )
                }
            ),
        )
        assert found.id == "7420f27a"

    run(body)
    ours, theirs = (json.loads(request.content) for request in api.requests)
    assert ours.pop("metadata") == {"twilioCallSid": "CA1"}
    assert ours == theirs
    assert api.requests[0].url == api.requests[1].url
    assert api.requests[0].headers["authorization"] == api.requests[1].headers["authorization"]
