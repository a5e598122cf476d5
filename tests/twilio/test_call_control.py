"""What a program does with a call from outside: redirect, replace, complete, streams."""

from __future__ import annotations

import pytest

from simkit.twilio.call import NotInProgress
from simkit.twilio.twiml import StreamOrder
from tests.twilio.program import BASE, CONNECT, HOST, NUMBER

SORRY = "<Response><Say>Sorry.</Say></Response>"


@pytest.fixture
def connected(sim, program):
    async def connected(twiml=CONNECT):
        program.says(twiml)
        call = await sim.twilio.call(to=NUMBER)
        await call.stays_silent(0.5)
        return call, sim.twilio.flows[0]

    return connected


async def test_new_twiml_tears_the_stream_down_at_once_and_is_followed(sim, program, connected):
    call, flow = await connected(CONNECT + "<Say>Never.</Say>")
    before = sim.now
    flow.replace(SORRY)
    await call.hears("Sorry")
    assert program.received[-1]["event"] == "stop"
    assert program.closed_with == [1000]
    assert call.heard.utterances[0].start - before < 0.1
    await call.ends()
    assert "Never" not in call.heard
    assert [event.kind for event in sim.timeline.of("updated", "stop", "ended")] == [
        "updated",
        "stop",
        "ended",
    ]


async def test_a_new_url_is_asked_by_the_method_it_names(sim, program, connected):
    program.says("<Say>Elsewhere.</Say>", "/next")
    call, flow = await connected()
    flow.redirect(f"{BASE}/next?a=b", "GET")
    await call.hears("Elsewhere")
    (asked,) = program.of("/next")
    assert (asked.method, asked.params["CallStatus"]) == ("GET", "in-progress")
    assert program.is_signed(asked)


async def test_an_action_is_not_asked_for_when_the_call_moves_on(program, connected):
    program.says("<Say>Never.</Say>", "/after")
    call, flow = await connected(CONNECT.replace("<Connect>", '<Connect action="/after">'))
    flow.replace(SORRY)
    await call.ends()
    assert program.of("/after") == []


@pytest.mark.parametrize(
    "twiml",
    [
        '<Pause length="60"/>',
        '<Say loop="0">Please hold the line.</Say>',
        '<Gather timeout="60"/>',
        '<Gather><Pause length="60"/></Gather>',
        "<Play>/slow.wav</Play>",
        "<Say>Hello.</Say><Redirect>/slow.wav</Redirect>",
    ],
)
async def test_whatever_happens_in_a_call_gives_way(sim, program, connected, twiml):
    program.says("", "/slow.wav", delay=10)
    call, flow = await connected(twiml)
    await call.stays_silent(1)
    before = sim.now
    flow.replace(SORRY)
    await call.hears("Sorry")
    assert call.heard.utterances[-1].start - before < 0.05
    await call.ends()


async def test_the_last_of_two_updates_counts(sim, program, connected):
    call, flow = await connected()
    flow.replace("<Response><Say>First.</Say></Response>")
    flow.replace("<Response><Say>Second.</Say></Response>")
    await call.ends()
    assert str(call.heard) == "Second."


async def test_an_update_that_is_no_twiml_ends_with_the_apology(program, connected):
    call, flow = await connected()
    flow.replace("<Respons")
    await call.hears("application error")
    await call.ends()
    assert program.codes() == [12100]


async def test_complete_ends_a_stream_like_a_hang_up(program, connected):
    call, flow = await connected()
    flow.complete()
    await call.ends()
    assert program.received[-1]["event"] == "stop"
    assert call.status == "completed"


@pytest.mark.parametrize("control", ["complete", "cancel", "redirect", "replace", "start_stream"])
async def test_a_call_that_is_over_cannot_be_controlled(program, connected, control):
    call, flow = await connected()
    await call.hangs_up()
    arguments = {
        "redirect": (BASE,),
        "replace": (SORRY,),
        "start_stream": (StreamOrder("wss://x"),),
    }
    with pytest.raises(NotInProgress, match="call 1 is completed"):
        getattr(flow, control)(*arguments.get(control, ()))


async def test_a_call_that_rings_can_be_completed_but_not_redirected(sim, program):
    program.says(CONNECT, delay=5)
    call = sim.twilio.rings(to=NUMBER)
    await call.stays_silent(1)
    flow = sim.twilio.flows[0]
    with pytest.raises(NotInProgress, match="ringing"):
        flow.redirect(BASE)
    flow.complete()
    await call.ends()
    assert call.status == "canceled"
    await call.stays_silent(10)
    assert program.received == []


async def test_a_stream_may_be_added_and_stopped(program, connected):
    call, flow = await connected('<Pause length="20"/>')
    streaming = flow.start_stream(StreamOrder(f"wss://{HOST}/media", {"a": "b"}, "tap"))
    await call.stays_silent(1)
    assert program.received[1]["start"]["customParameters"] == {"a": "b"}
    assert program.received[1]["streamSid"] == streaming.sid
    assert await flow.stop_stream("tap")
    await call.stays_silent(0.1)
    assert program.received[-1]["event"] == "stop"
    assert not await flow.stop_stream("tap")
    await call.hangs_up()


async def test_a_stream_beside_the_call_survives_an_update(program, connected):
    call, flow = await connected('<Start><Stream url="/media"/></Start><Pause length="20"/>')
    flow.replace('<Response><Pause length="2"/></Response>')
    await call.stays_silent(1)
    assert program.received[-1]["event"] == "media"
    await call.ends()
    assert program.received[-1]["event"] == "stop"


async def test_a_stream_that_cannot_be_added_is_reported(program, connected):
    call, flow = await connected('<Pause length="20"/>')
    flow.start_stream(StreamOrder("ws://x"))
    await call.stays_silent(1)
    assert program.codes() == [31922]
    await call.hangs_up()


async def test_a_call_that_ends_while_a_stream_is_being_stopped_waits_for_its_socket(
    sim, program, connected
):
    call, flow = await connected(
        '<Start><Stream url="/media" name="a"/></Start><Pause length="9"/>'
    )
    flow.hang_up("caller")
    await flow.stop_stream("a")
    await call.ends()
    (stop,), (ended,) = sim.timeline.of("stop"), sim.timeline.of("ended")
    assert stop.t_ns < ended.t_ns
