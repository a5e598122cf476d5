"""The control URL: what it takes, what it refuses, and that 200 is a promise and no more."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.vapi.conftest import HEADERS, URL


async def monitor(client):
    async with httpx.AsyncClient(verify=False) as http:
        shown = await http.get(f"{URL}/call/{client.call['id']}", headers=HEADERS)
    return shown.json().get("monitor", {})


async def post(client, body=None, *, headers=None, content=None):
    url = (await monitor(client))["controlUrl"]
    async with httpx.AsyncClient(verify=False) as http:
        return await http.post(url, json=body, content=content, headers=headers)


async def begin(client, **config):
    client.body = {"assistantOverrides": config} if config else {}
    await client.open()
    await client.speak(None, 0.5)


def said(client):
    return [message["transcript"] for _, message in client.of("transcript", role="assistant")]


async def test_say_is_spoken_without_a_key(sim, client):
    await begin(client)
    response = await post(client, {"type": "say", "content": "Please hold on."})
    assert response.status_code == 200
    assert said(client) == []
    await client.speak(None, 3.0)
    assert said(client) == ["Please hold on."]
    await client.socket.close()


async def test_an_answer_takes_as_long_as_was_measured(sim, client):
    await begin(client)
    url = (await monitor(client))["controlUrl"]
    async with httpx.AsyncClient(verify=False) as http:
        await http.post(url, json={"type": "control", "control": "mute-assistant"})
        before = sim.now
        await http.post(url, json={"type": "control", "control": "unmute-assistant"})
    assert sim.now - before == pytest.approx(0.21, abs=0.001)
    await client.socket.close()


async def test_a_message_is_added_and_answered(sim, client):
    sim.vapi.assistant(replies=lambda heard: f"about {heard}")
    await begin(client)
    message = {"role": "system", "content": "the weather"}
    assert (await post(client, {"type": "add-message", "message": message})).status_code == 200
    await client.speak(None, 3.0)
    assert said(client) == ["about the weather"]
    await client.socket.close()


async def test_the_assistant_is_muted(sim, client):
    sim.vapi.assistant(first_message="Good morning everybody.", first_message_delay=2.0)
    await begin(client)
    await post(client, {"type": "control", "control": "mute-assistant"})
    await client.speak(None, 3.0)
    assert client.voiced == []
    await client.socket.close()


async def test_the_call_is_ended(sim, client):
    await begin(client)
    assert (await post(client, {"type": "end-call"})).status_code == 200
    await client.socket.wait_closed()
    [(_, message)] = client.of("status-update", status="ended")
    assert message["endedReason"] == sim.vapi.calls[0].ended_reason == "assistant-ended-call"


@pytest.mark.parametrize(
    "destination",
    [
        {"type": "number", "number": "+15550123"},
        {"type": "sip", "sipUri": "sip:desk@example.com"},
    ],
)
async def test_the_call_is_transferred(sim, client, destination):
    await begin(client)
    await post(client, {"type": "transfer", "destination": destination})
    await client.socket.wait_closed()
    [(_, message)] = client.of("transfer-update")
    assert message["destination"] == destination
    assert sim.vapi.calls[0].ended_reason == "assistant-forwarded-call"
    await asyncio.sleep(4)
    async with httpx.AsyncClient(verify=False) as http:
        shown = (await http.get(f"{URL}/call/{client.call['id']}", headers=HEADERS)).json()
    assert shown["destination"] == destination
    assert shown["artifact"]["transfers"] == [{"destination": destination}]


async def test_a_handoff_is_accepted_and_the_call_goes_on(sim, client):
    await begin(client)
    body = {"type": "handoff", "destination": {"type": "assistant"}}
    assert (await post(client, body)).status_code == 200
    await client.speak(None, 0.5)
    [(_, update)] = client.of("transfer-update")
    assert update["destination"] == {"type": "assistant"}
    assert sim.vapi.calls[0].status == "in-progress"
    await client.socket.close()


# 200 is no proof


async def test_what_was_accepted_may_never_be_spoken(sim, client):
    await begin(client)
    assert (await post(client, {"type": "say", "content": "Hello."})).status_code == 200
    await client.socket.close()
    await asyncio.sleep(3)
    assert client.voiced == []
    assert said(client) == []


# Refusals


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"type": "say"}, "missing required field `content`"),
        ({"type": "say", "content": "  "}, "content must be a text"),
        ({"type": "dance"}, "dance"),
        ({"type": "hangup"}, "not a command of a control URL"),
        ({"type": "control", "control": "louder"}, "louder"),
        ({"type": "add-message", "message": {"role": "user"}}, "missing required field `content`"),
        ({"type": "transfer", "destination": {"type": "assistant"}}, "destination must have"),
        ({"type": "transfer", "destination": {"type": "number"}}, "destination must have"),
    ],
)
async def test_a_command_that_makes_no_sense_is_refused(sim, client, body, words):
    await begin(client)
    response = await post(client, body)
    assert response.status_code == 400
    assert words in response.json()["message"][0]
    await client.socket.close()


async def test_a_call_that_is_not_under_way_takes_no_commands(sim, client):
    client.call = (await client.create()).json()
    response = await post(client, {"type": "end-call"})
    assert (response.status_code, response.json()["message"]) == (
        400,
        "Call is queued, not in progress",
    )
    await client.open()
    await client.socket.close()
    await asyncio.sleep(0.1)
    response = await post(client, {"type": "end-call"})
    assert response.json()["message"] == "Call is ended, not in progress"


async def test_an_unknown_call_is_a_404(sim, client):
    await begin(client)
    url = (await monitor(client))["controlUrl"].replace(client.call["id"], "nobody")
    async with httpx.AsyncClient(verify=False) as http:
        assert (await http.post(url, json={"type": "end-call"})).status_code == 404
        assert (await http.get(url)).status_code == 404
    await client.socket.close()


async def test_control_may_need_the_public_key(sim, client):
    sim.vapi.public_key = "public"
    await begin(client, monitorPlan={"controlAuthenticationEnabled": True})
    body = {"type": "control", "control": "mute-customer"}
    assert (await post(client, body)).status_code == 401
    wrong = {"Authorization": "Bearer private"}
    assert (await post(client, body, headers=wrong)).status_code == 401
    right = {"Authorization": "Bearer public"}
    assert (await post(client, body, headers=right)).status_code == 200
    await client.socket.close()


async def test_control_may_be_switched_off(sim, client):
    await begin(client)
    url = (await monitor(client))["controlUrl"]
    await client.socket.close()
    await begin(client, monitorPlan={"controlEnabled": False})
    assert "controlUrl" not in await monitor(client)
    other = url.replace(sim.vapi.calls[0].id, sim.vapi.calls[1].id)
    async with httpx.AsyncClient(verify=False) as http:
        assert (await http.post(other, json={"type": "end-call"})).status_code == 404
    await client.socket.close()
