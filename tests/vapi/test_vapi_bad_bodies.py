"""Whatever a client posts, the fake answers; whatever a server answers, the fake goes on."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.responses import Response

import simkit
from tests.vapi.conftest import HEADERS, URL
from tests.vapi.hooks import URL as HOOK_URL
from tests.vapi.hooks import Hook

CREATE: dict[str, Any] = {
    "name": "n",
    "metadata": {"a": 1},
    "assistantId": "a",
    "transport": {
        "provider": "vapi.websocket",
        "conversationType": "voice",
        "audioFormat": {"format": "mulaw", "container": "raw", "sampleRate": 8000},
    },
    "assistantOverrides": {
        "name": "n",
        "model": {"messages": [{"role": "system", "content": "c"}]},
        "voice": {"provider": "p"},
        "variableValues": {"a": 1},
        "artifactPlan": {"recordingEnabled": True},
        "monitorPlan": {"listenEnabled": True, "controlAuthenticationEnabled": False},
        "serverMessages": ["status-update", "end-of-call-report"],
        "server": {
            "url": HOOK_URL,
            "timeoutSeconds": 2,
            "secret": "s",
            "headers": {"X-A": "b"},
            "backoffPlan": {"type": "fixed", "maxRetries": 1, "baseDelaySeconds": 1},
        },
    },
}
COMMANDS: list[dict[str, Any]] = [
    {"type": "say", "content": "hello", "endCallAfterSpoken": False},
    {"type": "add-message", "message": {"role": "user", "content": "c"}},
    {"type": "control", "control": "mute-assistant"},
    {"type": "transfer", "destination": {"type": "number", "number": "+15550123"}},
    {"type": "handoff", "destination": {"type": "assistant"}},
]
WRONG = st.sampled_from(
    [None, True, 0, -1, 0.5, 10**30, "", "x", "\ud800", "\u0000", "a" * 50, [], {}, [None], {"": 1}]
).map(copy.deepcopy)


@st.composite
def mutated(draw: st.DrawFn, body: dict[str, Any]) -> bytes:
    """Replace, remove or add something somewhere; now and then, cut the bytes."""
    body = copy.deepcopy(body)
    for _ in range(draw(st.integers(1, 3))):
        place: Any = body
        while isinstance(place, dict) and place:
            key = draw(st.sampled_from(sorted(place)))
            if not isinstance(place[key], (dict, list)) or draw(st.booleans()):
                break
            if isinstance(place[key], list):
                break
            place = place[key]
        if not isinstance(place, dict) or not place:
            continue
        action = draw(st.sampled_from(["replace", "remove", "add"]))
        if action == "add":
            place[draw(st.sampled_from(["x", "", "server", "serverUrl"]))] = draw(WRONG)
        elif action == "remove":
            del place[key]
        else:
            place[key] = draw(WRONG)
    data = json.dumps(body).encode()
    if draw(st.integers(0, 9)) == 0:
        data = data[: draw(st.integers(0, len(data)))] + draw(st.binary(max_size=2))
    return data


async def post(url: str, body: bytes) -> httpx.Response:
    async with httpx.AsyncClient(verify=False) as http:
        return await http.post(url, content=body, headers=HEADERS)


async def whole_call(sim: simkit.Simulation, body: bytes) -> None:
    """Create a call; hold and end it if Vapi took the body."""
    from websockets.asyncio.client import connect

    response = await post(f"{URL}/call", body)
    assert response.status_code in (201, 400), response.text
    if response.status_code == 400:
        assert response.json()["statusCode"] == 400
        return
    call = response.json()
    async with connect(call["transport"]["websocketCallUrl"]) as socket:
        await socket.send(b"\x55" * 777)
        await asyncio.sleep(1)
    await asyncio.sleep(10)
    async with httpx.AsyncClient(verify=False) as http:
        for path in ("", "/mono-recording", "/call-logs"):
            shown = await http.get(f"{URL}/call/{call['id']}{path}", headers=HEADERS)
            assert shown.status_code in (200, 302, 404)
        assert (await http.get(f"{URL}/call", headers=HEADERS)).status_code == 200


@settings(max_examples=60)
@given(mutated(CREATE))
def test_a_mutated_call_is_refused_or_held(body):
    with simkit.Simulation() as sim:
        Hook(sim)
        sim.vapi.assistant(first_message="Hello.")
        sim.run(whole_call(sim, body))
        assert sim.timeline.of("unhandled-error") == []


@settings(max_examples=15)
@given(st.lists(st.sampled_from(COMMANDS).flatmap(mutated), min_size=4, max_size=8))
def test_mutated_commands_are_refused_or_obeyed(bodies):
    async def scenario(sim: simkit.Simulation) -> None:
        from websockets.asyncio.client import connect

        call = (await post(f"{URL}/call", json.dumps(CREATE).encode())).json()
        async with connect(call["transport"]["websocketCallUrl"]):
            async with httpx.AsyncClient(verify=False) as http:
                shown = (await http.get(f"{URL}/call/{call['id']}", headers=HEADERS)).json()
            for body in bodies:
                response = await post(shown["monitor"]["controlUrl"], body)
                assert response.status_code in (200, 400), response.text
                await asyncio.sleep(0.5)
        await asyncio.sleep(5)

    with simkit.Simulation() as sim:
        Hook(sim)
        sim.vapi.assistant(first_message="Hello.", replies=lambda heard: f"you said {heard}")
        sim.run(scenario(sim))
        assert sim.timeline.of("unhandled-error") == []


TOOL_ANSWER = {"results": [{"toolCallId": "x", "name": "n", "result": "r", "metadata": {"a": 1}}]}
ASSISTANT_ANSWER = {"assistant": {"name": "n", "model": {}}, "assistantId": "a", "squad": {}}


@settings(max_examples=20)
@given(mutated(TOOL_ANSWER), mutated(ASSISTANT_ANSWER), st.integers(200, 599))
def test_mutated_answers_of_a_server_are_taken_or_not(tool, assistant, status):
    async def scenario(sim: simkit.Simulation) -> None:
        response = await post(f"{URL}/call", json.dumps(CREATE).encode())
        call = next(call for call in sim.vapi.calls if call.id == response.json()["id"])
        found = await sim.vapi.ask_tool(call, "weather")
        assert isinstance(found.result, str)
        assert isinstance((await sim.vapi.ask_assistant()).ended_reason, str)

    with simkit.Simulation() as sim:
        hook = Hook(sim)
        sim.vapi.server = {"url": HOOK_URL}
        retried = [Response(tool, status_code=status)] * (1 if 200 <= status < 300 else 2)
        hook.answers = [*retried, Response(assistant)]
        sim.run(scenario(sim))
        assert sim.timeline.of("unhandled-error") == []
