"""Second barge-in: the caller interrupts, a new reply starts, and the caller interrupts again.

The echoes of the marks that the first clear flushed are still on their way when the new reply
begins: after the clear they take a round trip, and the assistant is quick.
"""

from __future__ import annotations

import pytest

from simkit import checks
from simkit.vapi.assistant import Reply
from tests.races.conftest import BRIDGE
from tests.zoo.bridges import LosesMarksToLateEchoes

NUMBER = "+15550100"
TERMS = "Let me read you the terms and conditions from the very beginning to the very end, " * 2
OTHERS = "Then let me read you the privacy policy instead, which is every bit as long as that."
ONE_WAY = [0.0, 0.08, 0.15]


async def caller_interrupts_twice(sim, one_way: float):
    sim.link("twilio", BRIDGE).latency = one_way
    # Keeps both replies over 200 ms apart in the ear: a shorter pause is none.
    sim.twilio.settings.play_out_buffer = 0.15
    sim.vapi.assistant(
        first_message=TERMS,
        replies=[Reply(OTHERS, latency=0.05), Reply("All right.", latency=1.0)],
        final_after=0.05,
        started_before_audio=0.0,
        lead=60.0,
        silence_frames=False,
    )
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("terms and conditions")
    await call.says("wait", seconds=0.25)
    await call.hears("the privacy policy")
    await call.says("no stop", seconds=0.4)
    await call.hears("All right.")
    await call.hangs_up()
    return call


def both_stop(call, one_way: float) -> None:
    assert len(call.barge_ins) == 2
    for barge_in in call.barge_ins:
        # A frame, 200 ms of voice, and the way there and back.
        assert barge_in.time_to_stop_ms < 280 + 2000 * one_way
        assert barge_in.stale_after_clear_ms == 0


@pytest.mark.parametrize("one_way", ONE_WAY)
def test_the_agent_stops_both_times(sim, serve, snapshot, one_way):
    serve()
    call = sim.run(caller_interrupts_twice(sim, one_way))
    both_stop(call, one_way)
    assert len(sim.timeline.of("clear")) == 2
    assert sim.timeline == snapshot
    assert [check.name for check in checks.run(sim.finish()) if not check.passed] == []


def test_with_no_way_to_go_no_echo_is_late_and_the_wrong_bridge_is_right(sim, serve):
    serve(LosesMarksToLateEchoes)
    both_stop(sim.run(caller_interrupts_twice(sim, 0.0)), 0.0)


@pytest.mark.parametrize("one_way", ONE_WAY[1:])
def test_a_bridge_that_loses_marks_to_late_echoes_goes_on_talking(sim, serve, one_way):
    serve(LosesMarksToLateEchoes)
    with pytest.raises(AssertionError):
        both_stop(sim.run(caller_interrupts_twice(sim, one_way)), one_way)
    # The first clear crossed the echoes; the second was never sent.
    assert len(sim.timeline.of("clear")) == 1
    failed = {check.name for check in checks.run(sim.timeline) if not check.passed}
    assert "stops-when-interrupted" in failed
