"""The caller hangs up, at whatever moment: the call ends at once and nothing is left of it."""

from __future__ import annotations

import asyncio

import pytest

from tests.twilio.program import BASE, CONNECT, HOST, NUMBER


@pytest.fixture
def quiet(sim, program):
    """After the test: no task of Twilio's is left, and nothing went wrong unseen."""
    yield
    left = [
        task.get_name()
        for task in asyncio.all_tasks(sim.loop)
        if task.get_name().startswith("twilio")
    ]
    assert left == []
    assert sim.timeline.of("unhandled-error") == []


@pytest.mark.parametrize("after", [0.0, 0.01, 0.03, 0.05, 0.07, 1.0])
async def test_during_the_webhook(sim, program, quiet, after):
    program.says(CONNECT, delay=2)
    sim.twilio.number(NUMBER, voice_url=f"{BASE}/voice/inbound", status_callback=f"{BASE}/status")
    call = sim.twilio.rings(to=NUMBER)
    await asyncio.sleep(after)
    await call.hangs_up()
    assert sim.now == pytest.approx(after)
    assert call.status == "no-answer"
    await asyncio.sleep(20)
    assert program.sockets == []
    assert program.statuses("CallStatus") == ["no-answer"]
    assert program.codes() == []


async def test_before_anything_was_sent(sim, program, quiet):
    program.says(CONNECT)
    call = sim.twilio.rings(to=NUMBER)
    await call.hangs_up()
    await asyncio.sleep(1)
    assert call.status == "no-answer"


@pytest.mark.parametrize("after", [0.061, 0.08, 0.1, 0.12, 0.14, 0.16, 0.2, 0.45])
async def test_while_the_stream_is_being_connected(sim, program, quiet, after):
    program.says(CONNECT)
    program.accept_after = 0.3
    call = sim.twilio.rings(to=NUMBER)
    await asyncio.sleep(after)
    await call.hangs_up()
    assert sim.now <= after + 1.1
    await asyncio.sleep(2)
    assert [m["event"] for m in program.received if m["event"] == "media"] == []
    assert 31902 not in program.codes()


async def test_while_the_server_does_not_answer_the_upgrade(sim, program, quiet):
    program.says(CONNECT)
    program.accept_after = 100
    call = sim.twilio.rings(to=NUMBER)
    await asyncio.sleep(1)
    await call.hangs_up()
    assert sim.now < 2.2


@pytest.mark.parametrize(
    "twiml",
    [
        '<Say loop="0">Please hold the line.</Say>',
        '<Pause length="60"/>',
        '<Gather timeout="60"><Say loop="0">Press a key.</Say></Gather>',
        '<Gather input="speech" timeout="60"/>',
        '<Play loop="0" digits="1"/><Pause length="60"/>',
        "<Play>/slow.wav</Play>",
        "<Say>Hi.</Say><Redirect>/slow.wav</Redirect>",
        '<Start><Stream url="/media"/></Start><Pause length="60"/>',
        '<Start><Stream url="wss://dead.example.com/"/></Start><Pause length="60"/>',
    ],
)
async def test_during_any_verb(sim, program, quiet, twiml):
    sim.host("dead.example.com")
    sim.link("twilio", "dead.example.com").half_open()
    program.says("", "/slow.wav", delay=10)
    program.says(twiml)
    call = await sim.twilio.call(to=NUMBER)
    await asyncio.sleep(2)
    before = sim.now
    await call.hangs_up()
    assert sim.now - before < 0.1
    assert call.status == "completed"
    heard = len(call.heard.utterances)
    await asyncio.sleep(20)
    assert len(call.heard.utterances) == heard
    assert program.received == [] or program.received[-1]["event"] == "stop"


async def test_while_speaking_to_a_gather(sim, program, quiet):
    program.says('<Gather input="speech" action="/got"/>')
    call = await sim.twilio.call(to=NUMBER)
    await call.says("I would like to leave", wait=False)
    await asyncio.sleep(0.4)
    await call.hangs_up()
    await asyncio.sleep(20)
    assert program.of("/got") == []


async def test_during_the_apology(sim, program, quiet):
    program.says("", status=500)
    call = sim.twilio.rings(to=NUMBER)
    await asyncio.sleep(1)
    await call.hangs_up()
    assert sim.now < 1.01
    assert call.status == "completed"


async def test_while_the_fallback_is_asked(sim, program, quiet):
    program.says("", status=500)
    program.says(CONNECT, "/fallback", delay=3)
    sim.twilio.number(NUMBER, voice_url=f"{BASE}/voice/inbound", fallback_url=f"{BASE}/fallback")
    call = sim.twilio.rings(to=NUMBER)
    await asyncio.sleep(1)
    await call.hangs_up()
    await asyncio.sleep(20)
    assert call.status == "no-answer"
    assert program.sockets == []


async def test_while_the_connection_is_retried(sim, program, quiet):
    sim.link("twilio", HOST).half_open()
    sim.twilio.number(NUMBER, voice_url=f"{BASE}/voice/inbound#rc=5")
    call = sim.twilio.rings(to=NUMBER)
    await asyncio.sleep(7)
    await call.hangs_up()
    assert sim.now == pytest.approx(7.0)
    await asyncio.sleep(20)
    assert len(sim.timeline.of("retry")) == 1


async def test_when_the_server_closes_at_the_same_instant(sim, program, quiet):
    program.says(CONNECT + "<Say>Never heard.</Say>")
    call = await sim.twilio.call(to=NUMBER)
    await asyncio.sleep(0.5)
    closing = asyncio.ensure_future(program.sockets[0].close())
    await asyncio.sleep(0.02)
    await call.hangs_up()
    await closing
    await asyncio.sleep(2)
    assert len(sim.timeline.of("ended")) == 1


async def test_a_person_who_was_called_hangs_up_while_it_is_being_connected(sim, program, quiet):
    program.says(CONNECT, "/answered", delay=1)
    person = sim.twilio.person("+15550123")
    sim.twilio.create_call(to="+15550123", from_=NUMBER, url=f"{BASE}/answered")
    call = await person.answers()
    await asyncio.sleep(0.5)
    await call.hangs_up()
    await asyncio.sleep(5)
    assert call.status == "completed"
    assert program.sockets == []
