"""The Vapi leg when its socket is lost: told, joined again, or begun anew."""

from __future__ import annotations

import asyncio

import pytest

from simkit.bridge.events import (
    AgentStarted,
    VapiGone,
    VapiReady,
)
from simkit.vapi.faults import Close, Only
from tests.bridge.legs import SILENCE, opened
from tests.bridge.test_vapi_leg import HOST, OtherVapi


@pytest.mark.parametrize("code", [1005, 1006, 1011, 1012])
async def test_a_loss_is_told_once_with_its_code(sim, code):
    sim.vapi.faults.close = Close(code, at=1.0)
    async with opened() as at:
        await at.opens()
        gone = await at.until(VapiGone)
        await at.speaks(1)
        assert at.of(VapiGone) == [gone]
    assert gone.code == code
    assert gone.reason == f"socket closed with {code}"


async def test_after_a_loss_a_call_that_cannot_be_joined_is_replaced_and_does_not_greet(sim):
    sim.vapi.assistant(first_message="Hello there.")
    sim.vapi.faults.close = Only(Close(1006, at=3.0))
    async with opened() as at:
        await at.opens()
        await at.until(VapiGone)
        greeted = len(at.of(AgentStarted))
        assert await at.opens(attempt=1) == VapiReady(rejoined=False)
        await at.speaks(2)
        assert len(at.of(AgentStarted)) == greeted
        at.leg.end()
        await at.leg.close()
    assert [call.ended_reason for call in sim.vapi.calls][1] == "assistant-ended-call"
    assert len(sim.vapi.calls) == 2
    assert at.metrics.value("reconnects", outcome="new call") == 1


async def test_a_new_call_is_told_what_was_said_in_the_lost_one(sim):
    sim.vapi.assistant(first_message="Hello there.")
    sim.vapi.faults.close = Only(Close(1006, at=4.0))
    async with opened() as at:
        await at.opens()
        await at.until(VapiGone)
        await at.opens(attempt=1)
        await at.speaks(2)
    [told] = sim.timeline.of("add-message")
    assert told.fields["text"].splitlines()[1:] == ["You: Hello there."]
    assert len(at.of(AgentStarted)) == 1


async def test_a_new_call_that_greets_begins_without_a_past(sim):
    sim.vapi.assistant(first_message="Hello there.")
    sim.vapi.faults.close = Only(Close(1006, at=4.0))
    async with opened() as at:
        await at.opens()
        await at.until(VapiGone)
        at.leg.open("CA1", 1, greets=True)
        await at.speaks(3)
    assert sim.timeline.of("add-message") == []
    assert len(at.of(AgentStarted)) == 2


async def test_a_new_call_is_told_nothing_if_that_is_wanted(sim):
    sim.vapi.assistant(first_message="Hello there.")
    sim.vapi.faults.close = Only(Close(1006, at=4.0))
    async with opened(carry_history=False) as at:
        await at.opens()
        await at.until(VapiGone)
        await at.opens(attempt=1)
        await at.speaks(1)
    assert sim.timeline.of("add-message") == []


async def test_with_new_call_the_old_address_is_not_tried_and_its_call_is_ended(sim):
    vapi = OtherVapi(sim)
    async with opened(vapi_url=f"https://{HOST}", rejoin="new-call") as at:
        await at.opens()
        await vapi.sockets[0].close(1011)
        await at.until(VapiGone)
        assert await at.opens(attempt=1) == VapiReady()
        await asyncio.sleep(1)
        at.leg.end()
    assert vapi.joined == ["c1", "c2"]
    assert sorted(vapi.asked) == ["GET /call/c1", "POST /call", "POST /call"]


async def test_a_call_that_may_be_joined_again_goes_on(sim):
    vapi = OtherVapi(sim)
    async with opened(vapi_url=f"https://{HOST}") as at:
        await at.opens()
        await vapi.sockets[0].close(1011)
        await at.until(VapiGone)
        assert await at.opens(attempt=1) == VapiReady(rejoined=True)
        at.leg.send_audio(SILENCE)
        at.leg.end()
        await at.leg.close()
    assert vapi.joined == ["c1", "c1"]
    assert vapi.asked == ["POST /call"]
    assert vapi.came[-3:-1] == [
        {"type": "websocket.receive", "bytes": SILENCE},
        {"type": "websocket.receive", "text": '{"type":"end-call"}'},
    ]


@pytest.mark.parametrize("code", [500, 404, 1008])
async def test_an_address_that_is_refused_the_second_time_means_a_new_call(sim, code):
    vapi = OtherVapi(sim)
    async with opened(vapi_url=f"https://{HOST}") as at:
        await at.opens()
        await vapi.sockets[0].close(1011)
        await at.until(VapiGone)
        vapi.refuses = [code]
        found = await at.opens(attempt=1)
        if found == VapiReady(rejoined=True):
            # It was let in before it was shown the door: the next attempt has a new call.
            gone = await at.until(VapiGone, 2)
            assert gone.code == 1011
            found = await at.opens(attempt=2)
        assert found == VapiReady(rejoined=False)
    assert vapi.joined == ["c1", "c1", "c2"]


@pytest.mark.parametrize("code", [401, 403])
async def test_a_key_that_is_refused_the_second_time_is_no_reason_for_a_new_call(sim, code):
    vapi = OtherVapi(sim)
    async with opened(vapi_url=f"https://{HOST}") as at:
        await at.opens()
        await vapi.sockets[0].close(1011)
        await at.until(VapiGone)
        vapi.refuses = [code]
        gone = await at.opens(attempt=1)
    assert gone.code == code
    assert vapi.calls == 1
