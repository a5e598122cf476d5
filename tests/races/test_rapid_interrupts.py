"""Rapid interrupts: "wait... no... actually" within half a second."""

from __future__ import annotations

import pytest

from tests.zoo.bridges import ClearsAtEveryHint

NUMBER = "+15550100"
OFFER = "We have a table at six, at seven, at a quarter past eight and at nine in the evening."


async def caller_stammers(sim):
    sim.vapi.assistant(first_message=OFFER, replies=["Yes?"], lead=60.0, silence_frames=False)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("We have a table")
    started = sim.now
    await call.says("wait", seconds=0.12)
    await call.stays_silent(0.05)
    await call.says("no", seconds=0.1)
    await call.stays_silent(0.05)
    await call.says("actually", seconds=0.18)
    assert sim.now - started <= 0.501
    await call.hears("Yes?")
    await call.hangs_up()
    finals = [
        event.fields["text"]
        for event in sim.timeline.of("transcript")
        if (event.fields["role"], event.fields["transcript_type"]) == ("user", "final")
    ]
    assert finals == ["wait no actually"]
    assert len(sim.timeline.of("replies")) == 2
    assert len(sim.timeline.of("clear")) == 1
    assert call.barge_ins[0].time_to_stop_ms < 400


async def test_three_interruptions_make_one_clear_and_one_turn(sim, serve, snapshot):
    serve()
    await caller_stammers(sim)
    assert sim.timeline == snapshot


async def test_a_bridge_that_clears_at_every_hint_is_found_out(sim, serve):
    serve(ClearsAtEveryHint)
    with pytest.raises(AssertionError):
        await caller_stammers(sim)
