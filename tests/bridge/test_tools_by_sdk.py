"""What the official client makes of tool calls, and of what the bridge answers."""

from __future__ import annotations

import json

import pytest

from simkit.bridge.metrics import Metrics
from simkit.bridge.tools import Tools
from simkit.bridge.vapi_webhook import decode

types = pytest.importorskip("vapi.types")


async def weather(city: str) -> dict:
    if city == "Atlantis":
        raise ValueError
    return {"city": city, "degrees": 22}


async def test_its_tool_calls_are_understood_and_our_results_by_it(sim):
    asked = [
        types.ToolCall(
            id=str(number),
            type="function",
            function=types.ToolCallFunction(name=name, arguments=json.dumps({"city": city})),
        )
        for number, (name, city) in enumerate(
            [("weather", "Rome"), ("weather", "Atlantis"), ("wether", "Rome")]
        )
    ]
    message = types.ServerMessageToolCalls(
        type="tool-calls", tool_call_list=asked, tool_with_tool_call_list=[]
    )
    body = json.dumps({"message": json.loads(message.json(by_alias=True))}).encode()
    told = decode(body)
    assert told.type == "tool-calls"
    tools = Tools({"weather": weather}, timeout=1.0, metrics=Metrics())
    found = await tools.answer("call", told.tool_call_list)
    answer = types.ServerMessageResponseToolCalls.model_validate({"results": found})
    assert [each.tool_call_id for each in answer.results] == ["0", "1", "2"]
    assert [each.result for each in answer.results] == ['{"city":"Rome","degrees":22}', None, None]
    assert [bool(each.error) for each in answer.results] == [False, True, True]
    await tools.close()


@pytest.mark.parametrize("status", ["queued", "in-progress", "ended"])
def test_its_status_updates_are_understood(status):
    message = types.ServerMessageStatusUpdate(
        type="status-update", status=status, ended_reason="customer-ended-call", timestamp=1.0
    )
    told = decode(json.dumps({"message": json.loads(message.json(by_alias=True))}).encode())
    assert (told.type, told.status, told.ended_reason) == (
        "status-update",
        status,
        "customer-ended-call",
    )
