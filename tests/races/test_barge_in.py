"""Barge-in: the caller interrupts, and hears nothing more of the old reply."""

from __future__ import annotations

import pytest

from simkit import checks
from tests.zoo.bridges import NeverClears

NUMBER = "+15550100"
OFFER = (
    "Your appointment is scheduled for Tuesday at 3 PM with Doctor Smith at the downtown office, "
    "and you should be there ten minutes early."
)


async def caller_interrupts(sim, **assistant):
    sim.vapi.assistant(first_message=OFFER, replies=["Thursday it is."], **assistant)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Tuesday at 3 PM")
    await call.says("wait, can we do Thursday instead?")
    await call.hears("Thursday it is.")
    await call.hangs_up()
    [barge_in] = call.barge_ins
    assert barge_in.time_to_stop_ms < 300
    assert sum(barge_in.parts) == pytest.approx(barge_in.time_to_stop_ms)
    assert barge_in.stale_after_clear_ms == 0
    assert len(sim.timeline.of("clear")) == 1
    return barge_in


async def test_the_agent_stops_for_the_caller(sim, serve, snapshot):
    serve()
    await caller_interrupts(sim)
    assert sim.timeline == snapshot


async def test_a_reply_that_was_sent_at_once_is_flushed(sim, serve):
    serve()
    barge_in = await caller_interrupts(sim, lead=60.0, silence_frames=False)
    assert barge_in.unheard_ms > 3000


async def test_audio_that_follows_the_interruption_is_not_passed_on(sim, serve):
    serve()
    await caller_interrupts(sim, audio_after_interrupt=25)


async def test_without_a_clear_the_old_reply_goes_on(sim, serve):
    serve(NeverClears)
    with pytest.raises(AssertionError):
        await caller_interrupts(sim, lead=60.0, silence_frames=False)


def test_a_check_tells_of_the_missing_clear(sim, serve):
    serve(NeverClears)

    async def call():
        sim.vapi.assistant(first_message=OFFER, lead=60.0, silence_frames=False)
        call = await sim.twilio.call(to=NUMBER)
        await call.hears("Your appointment")
        await call.says("wait")
        await call.hears("ten minutes early")
        await call.hangs_up()

    sim.run(call())
    failed = {check.name: check for check in checks.run(sim.finish()) if not check.passed}
    assert "the agent went on" in failed["stops-when-interrupted"].sentence
