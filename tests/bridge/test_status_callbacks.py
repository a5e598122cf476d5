"""Twilio's status callbacks: signed, counted once, and believed when a socket says nothing."""

from __future__ import annotations

import asyncio
import logging

import httpx
import pytest

from simkit.bridge import Bridge, ConfigError
from simkit.bridge.deliveries import Deliveries
from simkit.twilio import AUTH_TOKEN
from simkit.wire.signatures import sign
from tests.races.conftest import BRIDGE, serve

__all__ = ["serve"]

NUMBER = "+15550100"
CALL, STREAM = (f"https://{BRIDGE}/voice/{name}" for name in ("status", "stream-status"))


async def post(url, form, signature=None):
    headers = {
        "X-Twilio-Signature": sign(AUTH_TOKEN, url, form) if signature is None else signature
    }
    async with httpx.AsyncClient(verify=False) as http:
        return await http.post(url, data=form, headers=headers)


def told(bridge: Bridge, news: str) -> float:
    return bridge.metrics.value("twilio_callbacks", news=news)


async def talking(sim, bridge):
    sim.vapi.assistant(first_message="How can I help you")
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("help you")
    return call


@pytest.mark.parametrize("status", ["completed", "busy", "failed", "no-answer", "canceled"])
async def test_the_end_of_a_call_whose_socket_is_half_open_ends_its_session(sim, serve, status):
    bridge = serve()
    call = await talking(sim, bridge)
    sim.link("twilio", BRIDGE).half_open()
    await asyncio.sleep(5)
    assert len(bridge.sessions) == 1
    form = {"CallSid": call.sid, "CallStatus": status, "SequenceNumber": "3"}
    before = sim.now
    assert (await post(CALL, form)).status_code == 204
    while not sim.timeline.of("end-call"):
        await asyncio.sleep(0.01)
    assert sim.now - before < 0.2
    await call.hangs_up()
    await asyncio.sleep(2)
    assert not bridge.sessions


async def test_the_end_of_a_stream_ends_its_session(sim, serve):
    bridge = serve()
    call = await talking(sim, bridge)
    other = await talking(sim, bridge)
    form = {
        "CallSid": call.sid,
        "StreamSid": "MZ1",
        "StreamEvent": "stream-error",
        "StreamError": "Stream - Websocket - Protocol Error",
    }
    await post(STREAM, form | {"StreamEvent": "stream-started"})
    assert len(bridge.sessions) == 2
    await post(STREAM, form)
    await asyncio.sleep(1)
    assert [session.call_sid for session in bridge.sessions] == [other.sid]
    await other.hangs_up()


async def test_twilio_is_asked_to_tell_of_streams(sim, serve, caplog):
    caplog.set_level(logging.INFO, "simkit.bridge")
    bridge = serve(stream_callbacks=True)
    call = await talking(sim, bridge)
    await call.hangs_up()
    await asyncio.sleep(1)
    assert told(bridge, "new") == 2
    assert f"call {call.sid}: Twilio: stream-started" in caplog.text
    assert f"call {call.sid}: Twilio: stream-stopped" in caplog.text
    assert not bridge.sessions


def test_what_nobody_takes_is_not_asked_for(serve):
    with pytest.raises(ConfigError, match="stream_callbacks: needs status_callbacks"):
        serve(stream_callbacks=True, status_callbacks=False)


async def test_callbacks_are_told_by_twilio_in_any_order_and_twice(sim, serve):
    bridge = serve()
    sim.twilio.number(NUMBER, voice_url=f"https://{BRIDGE}/voice/inbound", status_callback=CALL)
    call = await talking(sim, bridge)
    await call.hangs_up()
    await asyncio.sleep(1)
    assert told(bridge, "new") == 1
    form = {"CallSid": call.sid, "CallStatus": "in-progress", "SequenceNumber": "2"}
    await post(CALL, form)
    await post(CALL, form)
    assert (told(bridge, "late"), told(bridge, "duplicate")) == (1, 1)


async def test_a_callback_of_no_call_is_taken_and_changes_nothing(sim, serve):
    bridge = serve()
    call = await talking(sim, bridge)
    for form in (
        {"AccountSid": "AC1"},
        {"CallSid": "CA0", "CallStatus": "completed"},
        {"CallStatus": "completed"},
    ):
        assert (await post(CALL, form)).status_code == 204
        assert (await post(STREAM, form)).status_code == 204
    assert len(bridge.sessions) == 1
    await call.hangs_up()


@pytest.mark.parametrize("url", [CALL, STREAM])
@pytest.mark.parametrize("signature", ["", "wrong", "\xe4"])
async def test_a_forged_callback_ends_nothing(sim, serve, url, signature):
    bridge = serve()
    call = await talking(sim, bridge)
    form = {"CallSid": call.sid, "CallStatus": "completed", "StreamEvent": "stream-stopped"}
    assert (await post(url, form, signature.encode("latin-1"))).status_code == 403
    assert len(bridge.sessions) == 1
    await call.hangs_up()


async def test_they_can_be_left_to_others(sim, serve):
    serve(status_callbacks=False)
    await asyncio.sleep(0.1)
    assert (await post(CALL, {})).status_code == 404


def test_what_is_remembered_of_callbacks_is_bounded():
    deliveries = Deliveries()
    for number in range(2000):
        deliveries.take(f"CA{number}", "1")
        deliveries.take("CA", str(number))
    assert len(deliveries._calls) == 1000
    assert max(len(told.keys) for told in deliveries._calls.values()) == 500
    assert deliveries.take("CA1999", "1") == "duplicate"
    assert deliveries.take("CA0", "1") == "new"
