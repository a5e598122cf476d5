"""Questions to a server: tools' results, and which assistant takes a call."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.responses import JSONResponse

from simkit.vapi.asking import NO_RESULT
from tests.vapi.conftest import HEADERS
from tests.vapi.conftest import URL as API
from tests.vapi.hooks import URL, Hook


@pytest.fixture
def hook(sim):
    return Hook(sim)


@pytest.fixture
async def call(sim, client, hook):
    server = {"url": URL, "timeoutSeconds": 3}
    client.body = {"assistantOverrides": {"server": server, "serverMessages": []}}
    await client.open()
    await client.speak(None, 0.3)
    yield sim.vapi.calls[0]
    await client.socket.close()
    await asyncio.sleep(0.1)


def result(value, **fields):
    """Answer the tool call that comes with ``value``."""

    def answer(message):
        [tool] = message["toolCallList"]
        return {"results": [{"toolCallId": tool["id"], "result": value} | fields]}

    return answer


async def test_a_tool_is_called_and_answers(sim, client, hook, call):
    hook.answers = [result("22 degrees")]
    found = await sim.vapi.ask_tool(call, "weather", {"city": "Rome"})
    assert (found.name, found.result, found.problem) == ("weather", "22 degrees", "")
    [(_, message)] = hook.of("tool-calls")
    [tool] = message["toolCallList"]
    assert tool["function"] == {"name": "weather", "arguments": {"city": "Rome"}}
    assert message["toolWithToolCallList"][0]["toolCall"] == tool
    assert message["call"]["id"] == call.id
    await asyncio.sleep(0.1)
    [(_, told)] = client.of("tool-calls")
    assert told["toolCallList"] == [tool]


async def test_tools_stand_in_the_artifact(sim, client, hook, call):
    hook.answers = [result("22 degrees")]
    await sim.vapi.ask_tool(call, "weather", {"city": "Rome"})
    await client.socket.close()
    await asyncio.sleep(4)
    async with httpx.AsyncClient(verify=False) as http:
        shown = (await http.get(f"{API}/call/{call.id}", headers=HEADERS)).json()
    asked, answered = shown["artifact"]["messages"]
    assert asked["role"] == "tool_calls"
    [tool] = asked["toolCalls"]
    assert tool["function"]["arguments"] == '{"city":"Rome"}'
    assert (answered["role"], answered["result"]) == ("tool_call_result", "22 degrees")
    assert answered["toolCallId"] == tool["id"]


async def test_a_server_that_wants_tool_calls_is_asked_once(sim, client, hook):
    wanted = ["tool-calls"]
    client.body = {"assistantOverrides": {"server": {"url": URL}, "serverMessages": wanted}}
    await client.open()
    await sim.vapi.ask_tool(sim.vapi.calls[0], "weather")
    await client.speak(None, 0.5)
    assert hook.kinds == ["tool-calls"]
    await client.socket.close()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (result({"degrees": 22}), "the result is no text, found dict: it is dropped"),
        (result(None), "the result is no text, found NoneType"),
        (201, "HTTP 201 instead of 200"),
        (500, "HTTP 500 instead of 200"),
        ({"results": "yes"}, 'no list of "results"'),
        ({"results": [{"toolCallId": "other", "result": "x"}]}, "no result has the toolCallId"),
        (JSONResponse([1]), 'no list of "results"'),
    ],
)
async def test_an_answer_that_breaks_the_rules_does_not_count(sim, hook, call, answer, problem):
    hook.answers = [answer]
    found = await sim.vapi.ask_tool(call, "weather")
    assert found.result == NO_RESULT
    assert problem in found.problem
    assert any("tool weather" in event.fields["reason"] for event in sim.timeline.of("warning"))


async def test_an_error_is_what_the_model_gets(sim, hook, call):
    hook.answers = [result(None, error="no such city")]
    assert (await sim.vapi.ask_tool(call, "weather")).result == "no such city"


async def test_the_body_of_a_failure_may_count(sim, hook, call):
    sim.vapi.account.tool_error_bodies = "parsed"

    def failure(message):
        return JSONResponse(result("sorry")(message), status_code=500)

    hook.answers = [failure]
    assert (await sim.vapi.ask_tool(call, "weather")).result == "sorry"


async def test_a_slow_tool_is_not_waited_for(sim, hook, call):
    hook.delay = 4.0
    before = sim.now
    found = await sim.vapi.ask_tool(call, "weather")
    assert found.problem == "the server did not answer"
    assert sim.now - before == pytest.approx(3.0)


async def test_a_tool_may_have_a_server_of_its_own(sim, hook, call):
    tool = {"server": {"url": URL, "secret": "of the tool"}}
    await sim.vapi.ask_tool(call, "weather", tool=tool)
    assert hook.headers[-1]["x-vapi-secret"] == "of the tool"


async def test_an_async_tool_is_not_waited_for(sim, hook, call):
    hook.delay = 2.0
    before = sim.now
    found = await sim.vapi.ask_tool(call, "weather", tool={"async": True})
    assert (found.problem, sim.now) == ("", before)
    await asyncio.sleep(0.1)
    assert hook.kinds == ["tool-calls"]
    await asyncio.sleep(2)


async def test_without_a_server_a_tool_has_no_result(sim, client):
    await client.open()
    found = await sim.vapi.ask_tool(sim.vapi.calls[0], "weather")
    assert found.problem == "there is no server to ask"
    await client.socket.close()


# assistant-request


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        ({"assistantId": "a"}, "assistantId", ""),
        ({"assistant": {"name": "Ann"}}, "assistant", ""),
        ({"squadId": "s"}, "squadId", ""),
        ({"squad": {"members": []}}, "squad", ""),
        ({"assistant": {"colour": 1}}, "none", "assistant-request-returned-invalid-assistant"),
        ({"error": "We are closed."}, "none", "assistant-request-returned-error"),
        ({}, "none", "assistant-request-returned-no-assistant"),
        ([1], "none", "assistant-request-returned-no-assistant"),
        (500, "none", "assistant-request-failed"),
        (
            {"destination": {"type": "number", "number": "+15550123"}},
            "destination",
            "assistant-request-returned-forwarding-phone-number",
        ),
    ],
)
async def test_a_server_says_which_assistant_takes_a_call(sim, hook, answer, kind, reason):
    sim.vapi.server = {"url": URL}
    hook.answers = [answer]
    found = await sim.vapi.ask_assistant(customer="+15550144")
    assert (found.kind, found.ended_reason) == (kind, reason)
    [(_, message)] = hook.of("assistant-request")
    assert message["call"]["customer"] == {"number": "+15550144"}


async def test_an_assistant_is_waited_for_7500_ms_whatever_the_server_says(sim, hook):
    plan = {"maxRetries": 5}
    sim.vapi.server = {"url": URL, "timeoutSeconds": 60, "backoffPlan": plan}
    hook.delay = 7.6
    before = sim.now
    found = await sim.vapi.ask_assistant()
    assert found.ended_reason == "assistant-request-failed"
    assert sim.now - before == pytest.approx(7.5)
    assert len(hook.came) == 1
    await asyncio.sleep(1)


async def test_an_assistant_in_time_is_taken(sim, hook):
    sim.vapi.server = {"url": URL}
    hook.delay = 7.4
    hook.answers = [{"assistantId": "a"}]
    assert (await sim.vapi.ask_assistant()).value == "a"
