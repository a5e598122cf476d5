"""Calls that a program has Twilio make."""

from __future__ import annotations

import pytest

from simkit.twilio.call import NotInProgress
from tests.twilio.program import BASE, CONNECT

OWN = "+15550100"
THEIRS = "+15550123"
ALL = ("initiated", "ringing", "answered", "completed")


def create(sim, **options):
    options = {
        "to": THEIRS,
        "from_": OWN,
        "url": f"{BASE}/answered",
        "status_callback": f"{BASE}/status",
        "events": ALL,
    } | options
    return sim.twilio.create_call(**options)


async def test_a_call_that_is_answered_is_told_of_in_four_steps(sim, program):
    program.says(CONNECT, "/answered")
    person = sim.twilio.person(THEIRS, answers_after=3.0)
    flow = create(sim)
    assert flow.status == "queued"
    call = await person.answers()
    await call.says("Hello?")
    await call.stays_silent(48.5)
    await call.hangs_up()
    await call.stays_silent(1)
    (asked,) = program.of("/answered")
    assert asked.params["CallStatus"] == "in-progress"
    assert asked.params["Direction"] == "outbound-api"
    assert (asked.params["From"], asked.params["To"]) == (OWN, THEIRS)
    assert "CallToken" not in asked.params
    assert program.statuses("CallStatus") == ["initiated", "ringing", "in-progress", "completed"]
    assert program.statuses("SequenceNumber") == ["0", "1", "2", "3"]
    assert {asked.params["CallbackSource"] for asked in program.of("/status")} == {
        "call-progress-events"
    }
    last = program.of("/status")[-1].params
    assert (last["CallDuration"], last["Duration"]) == ("49", "1")
    assert last["SipResponseCode"] == "200"
    assert "CallDuration" not in program.of("/status")[2].params
    assert all(program.is_signed(asked) for asked in program.asked)
    assert program.received[-1]["event"] == "stop"
    assert call.status == "completed"


@pytest.mark.parametrize(
    ("script", "status", "sip", "steps"),
    [
        ({"busy": True}, "busy", "486", 3),
        ({"no_answer": True}, "no-answer", "487", 3),
        ({"answers_after": 61.0}, "no-answer", "487", 3),
        ({"fails": True}, "failed", "404", 2),
    ],
)
async def test_a_call_that_is_not_answered_says_why(sim, program, script, status, sip, steps):
    sim.twilio.person(THEIRS, **script)
    flow = create(sim, timeout=60.0)
    await flow.ended.wait()
    await sim.twilio.calls[0].stays_silent(1)
    last = program.of("/status")[-1].params
    assert len(program.of("/status")) == steps
    assert last["SequenceNumber"] == str(steps - 1)
    assert (last["CallStatus"], last["SipResponseCode"]) == (status, sip)
    assert (last["Duration"], last["CallDuration"]) == ("0", "0")
    assert (flow.status, program.of("/answered")) == (status, [])


async def test_it_rings_no_longer_than_the_timeout(sim, program):
    sim.twilio.person(THEIRS, no_answer=True)
    flow = create(sim, timeout=7.0)
    await flow.ended.wait()
    assert sim.now == pytest.approx(7.5)


async def test_only_the_end_is_told_by_default(sim, program):
    program.says("<Hangup/>", "/answered")
    flow = create(sim, events=("completed",))
    await flow.ended.wait()
    await sim.twilio.calls[0].stays_silent(1)
    assert program.statuses("CallStatus") == ["completed"]
    assert program.statuses("SequenceNumber") == ["0"]


async def test_a_document_can_be_given_instead_of_a_url(sim, program):
    person = sim.twilio.person(THEIRS)
    create(sim, url=None, twiml="<Response><Say>This is your dentist.</Say></Response>")
    call = await person.answers()
    await call.hears("your dentist")
    await call.ends()
    assert program.of("/answered") == []


async def test_a_call_can_be_canceled_while_it_rings(sim, program):
    person = sim.twilio.person(THEIRS, answers_after=10)
    flow = create(sim)
    await flow.channel.until(seconds=2)
    assert flow.status == "ringing"
    flow.cancel()
    await flow.ended.wait()
    assert (flow.status, sim.now) == ("canceled", pytest.approx(2.0))
    with pytest.raises(NotInProgress):
        flow.cancel()
    with pytest.raises(
        TimeoutError, match="did not pick up a call within 20 s: 'answers' is their"
    ):
        await person.answers(timeout=20)


async def test_a_call_that_is_answered_cannot_be_canceled_but_completed(sim, program):
    program.says(CONNECT, "/answered")
    person = sim.twilio.person(THEIRS, answers_after=0)
    flow = create(sim)
    call = await person.answers()
    await call.stays_silent(1)
    with pytest.raises(NotInProgress, match="in-progress"):
        flow.cancel()
    flow.complete()
    await call.ends()
    assert call.status == "completed"


async def test_a_call_waits_for_its_turn(sim, program):
    program.says(CONNECT, "/answered")
    flow = create(sim, queued_for=4.0)
    call = await sim.twilio.person(THEIRS).answers()
    assert sim.now == pytest.approx(4.0 + 0.5 + 2.0)
    await call.hangs_up()
    assert flow.seconds == 0


async def test_a_call_lasts_no_longer_than_its_limit(sim, program):
    program.says(CONNECT, "/answered")
    create(sim, time_limit=5.0)
    call = await sim.twilio.person(THEIRS).answers()
    answered = sim.now
    await call.ends()
    assert sim.now - answered == pytest.approx(5.0, abs=0.1)


async def test_digits_are_pressed_before_anything_else(sim, program):
    program.says("<Say>Hello.</Say>", "/answered")
    create(sim, send_digits="1w2")
    call = await sim.twilio.person(THEIRS).answers()
    await call.hears("keys")
    await call.hears("Hello")
    assert program.of("/answered")[0].at - sim.twilio.flows[0].started_ns / 1e9 > 0.9


async def test_whoever_was_not_spoken_of_picks_up(sim, program):
    program.says(CONNECT, "/answered")
    first, second = create(sim), create(sim, to="+15550124")
    await first.answered.wait()
    assert not second.ended.is_set()


@pytest.mark.parametrize("options", [{"url": None}, {"twiml": "<Response/>"}])
async def test_a_call_needs_either_a_url_or_a_document(sim, program, options):
    with pytest.raises(ValueError, match="either url or twiml"):
        create(sim, **options)


@pytest.mark.parametrize(
    "script", [{"answers_after": -1}, {"busy": True, "no_answer": True}, {"answers_after": 1e999}]
)
def test_a_person_who_makes_no_sense_is_refused(sim, script):
    with pytest.raises(ValueError, match=r"answers_after|choose one"):
        sim.twilio.person(THEIRS, **script)
