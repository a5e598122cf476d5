"""What is made ahead of calls, with the fake Vapi: sockets, calls and connections."""

from __future__ import annotations

import asyncio

import pytest

from simkit.bridge.events import AgentAudio, AgentStarted, VapiGone, VapiReady
from simkit.vapi.faults import Only
from tests.bridge.legs import Caller, opened


def kinds(sim, *wanted: str) -> list[str]:
    return [event.kind for event in sim.timeline if event.kind in wanted]


def requests(sim) -> list[str]:
    return [event.fields["method"] for event in sim.timeline.of("request")]


# Seed dialect: sockets


async def test_a_socket_that_waited_is_there_at_once_with_its_greeting(sim):
    sim.vapi.assistant(first_message="Hello there.")
    async with opened(vapi_dialect="seed", vapi_pool=1) as at:
        await asyncio.sleep(5)
        assert at.dialect.ready() == 1
        began = sim.now
        assert await at.opens() == VapiReady()
        assert sim.now == began
        await asyncio.sleep(0.001)
        numbers = [event.number for event in at.of(AgentAudio)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) > 20
        at.leg.end()
        await at.leg.close()
        await asyncio.sleep(1)
        assert at.dialect.ready() == 1
        assert [call.status for call in sim.vapi.calls] == ["ended", "in-progress"]
    assert [call.status for call in sim.vapi.calls] == ["ended", "ended"]


async def test_sockets_stay_alive_and_one_that_falls_is_opened_again(sim):
    async with opened(vapi_dialect="seed", vapi_pool=2, keepalive=10.0) as at:
        await asyncio.sleep(100)
        assert len(sim.vapi.calls) == 2
        sim.vapi.calls[0].socket.fail(1006)
        await asyncio.sleep(1)
        assert at.dialect.ready() == 2
        assert len(sim.vapi.calls) == 3


async def test_with_an_empty_pool_a_socket_is_opened_as_ever(sim):
    async with opened(vapi_dialect="seed", vapi_pool=1) as at:
        assert await at.opens() == VapiReady()
        await asyncio.sleep(1)
        assert len(sim.vapi.calls) == 2


async def test_while_vapi_is_down_the_pool_is_patient_and_the_call_is_refused_as_ever(sim):
    sim.vapi.faults.failed_open = 503
    async with opened(vapi_dialect="seed", vapi_pool=5) as at:
        await asyncio.sleep(120)
        assert len(sim.timeline.of("refused", "fault")) < 12
        assert isinstance(await at.opens(), VapiGone)
        sim.vapi.faults.failed_open = None
        await asyncio.sleep(70)
        assert at.dialect.ready() == 5


async def test_one_socket_serves_one_call(sim):
    async with opened(vapi_dialect="seed", vapi_pool=1) as at:
        await asyncio.sleep(1)
        await at.opens()
        at.leg.end()
        await at.leg.close()
        await asyncio.sleep(0.5)
        assert sim.vapi.calls[0].status == "ended"
    assert kinds(sim, "cancel-response", "flush", "close")[:2] == ["flush", "close"]


async def test_a_socket_is_handed_on_flushed_and_without_audio_in_it(sim):
    sim.vapi.assistant(first_message="Let me read you all of our terms and conditions now.")
    async with opened(vapi_dialect="seed", vapi_pool=1, vapi_pool_reuse=True) as at:
        await asyncio.sleep(0.2)
        await at.opens()
        await at.until(AgentAudio, 20)
        first = at.leg._socket
        at.leg.end()
        await at.leg.close()
        assert at.dialect.ready() == 0
        # Vapi has not answered the ping yet: the next call gets another socket.
        second = Caller(at.config, at.dialect)
        await second.opens()
        assert second.leg._socket is not first
        assert kinds(sim, "cancel-response", "flush", "close") == ["cancel-response", "flush"]
        await asyncio.sleep(2)
        second.leg.end()
        await second.leg.close()
        assert at.dialect.ready() == 1
        third = Caller(at.config, at.dialect)
        await third.opens()
        assert third.leg._socket is first
        await asyncio.sleep(1)
        assert third.of(AgentAudio) == []
        third.leg.end()
        await third.leg.close()


async def test_a_used_socket_that_speaks_while_it_waits_is_closed(sim):
    async with opened(vapi_dialect="seed", vapi_pool=1, vapi_pool_reuse=True) as at:
        await asyncio.sleep(0.2)
        await at.opens()
        at.leg.end()
        await at.leg.close()
        await asyncio.sleep(3)
        ready = at.dialect.ready()
        for call in sim.vapi.calls:
            if call.status == "in-progress":
                call.socket.send_frame(bytes(160))
        await asyncio.sleep(0.05)
        assert [call.status for call in sim.vapi.calls].count("ended") >= 1
        await asyncio.sleep(3)
        assert at.dialect.ready() == ready == 1


# Transport: calls


async def test_a_call_that_waited_is_joined_without_a_request(sim):
    sim.vapi.create_delay = 2.0
    sim.vapi.assistant(first_message="Hello there.")
    async with opened(prewarm_calls=1) as at:
        await asyncio.sleep(5)
        began = sim.now
        assert await at.opens() == VapiReady()
        assert sim.now - began < 0.2
        await at.until(AgentStarted)
        assert at.of(AgentAudio)
        at.leg.end()
        await at.leg.close()
        await asyncio.sleep(3)
    assert [call.status for call in sim.vapi.calls] == ["ended", "queued"]
    assert requests(sim) == ["POST", "POST", "DELETE"]


async def test_calls_are_replaced_before_they_expire(sim):
    async with opened(prewarm_calls=2, prewarm_age=60.0) as at:
        await asyncio.sleep(90)
        assert at.dialect.ready() == 2
    assert requests(sim).count("POST") == requests(sim).count("DELETE") == 4


async def test_a_call_that_has_expired_all_the_same_is_replaced_in_the_same_attempt(sim):
    async with opened(prewarm_calls=1) as at:
        await asyncio.sleep(1)
        sim.vapi.faults.failed_open = Only(500)
        assert await at.opens() == VapiReady()
        assert sim.vapi.calls[0].status == "queued"
        await asyncio.sleep(1)
    assert requests(sim).count("DELETE") == 2


async def test_a_key_that_is_refused_uses_up_no_calls(sim):
    async with opened(prewarm_calls=3) as at:
        await asyncio.sleep(1)
        sim.vapi.faults.failed_open = Only(401)
        gone = await at.opens()
        assert isinstance(gone, VapiGone)
        assert gone.code == 401
        assert requests(sim).count("POST") <= 4


async def test_a_call_that_replaces_a_lost_one_is_not_one_that_greets(sim):
    sim.vapi.assistant(first_message="Hello there.")
    async with opened(prewarm_calls=1, rejoin="new-call") as at:
        await asyncio.sleep(1)
        await at.opens()
        await asyncio.sleep(3)
        at.leg._socket.drop()
        await at.until(VapiGone)
        greeted = len(at.of(AgentStarted))
        assert await at.opens(attempt=1) == VapiReady()
        await at.speaks(2)
        assert len(at.of(AgentStarted)) == greeted


# Transport: connections


async def test_connections_are_kept_open_and_used(sim):
    async with opened(vapi_pool=3, keepalive=30.0) as at:
        await asyncio.sleep(300)
        client = at.dialect.rest._client
        connections = client._transport._pool.connections
        assert len(connections) == 3
        await at.opens()
        assert client._transport._pool.connections == connections
    assert set(requests(sim)) == {"HEAD", "POST"}


@pytest.mark.parametrize("settings", [{}, {"vapi_dialect": "seed"}])
async def test_by_default_nothing_is_made_ahead(sim, settings):
    async with opened(**settings) as at:
        await asyncio.sleep(100)
        assert at.dialect.ready() == 0
    assert sim.vapi.calls == []
    assert requests(sim) == []
