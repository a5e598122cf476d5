"""Second barge-in: the caller interrupts, a new reply starts, and the caller interrupts again.

The echoes of the marks that the first clear flushed are still on their way when the new reply
begins: after the clear they take a round trip, and the assistant is quick.
"""

from __future__ import annotations

import pytest

from simkit import checks
from simkit.scenarios.interruptions import second_barge_in
from tests.zoo.bridges import LosesMarksToLateEchoes

ONE_WAY = [0.0, 0.08, 0.15]


def both_stop(call, one_way: float) -> None:
    assert len(call.barge_ins) == 2
    for barge_in in call.barge_ins:
        # A frame, 200 ms of voice, and the way there and back.
        assert barge_in.time_to_stop_ms < 280 + 2000 * one_way
        assert barge_in.stale_after_clear_ms == 0


@pytest.mark.parametrize("one_way", ONE_WAY)
def test_the_agent_stops_both_times(sim, serve, snapshot, one_way):
    serve()
    call = sim.run(second_barge_in(sim, latency=one_way))
    both_stop(call, one_way)
    assert len(sim.timeline.of("clear")) == 2
    assert sim.timeline == snapshot
    assert [check.name for check in checks.run(sim.finish()) if not check.passed] == []


def test_with_no_way_to_go_no_echo_is_late_and_the_wrong_bridge_is_right(sim, serve):
    serve(LosesMarksToLateEchoes)
    both_stop(sim.run(second_barge_in(sim, latency=0.0)), 0.0)


@pytest.mark.parametrize("one_way", ONE_WAY[1:])
@pytest.mark.simkit(waives={"stops-when-interrupted": "the bug is planted"})
def test_a_bridge_that_loses_marks_to_late_echoes_goes_on_talking(sim, serve, one_way):
    serve(LosesMarksToLateEchoes)
    with pytest.raises(AssertionError):
        both_stop(sim.run(second_barge_in(sim, latency=one_way)), one_way)
    # The first clear crossed the echoes; the second was never sent.
    assert len(sim.timeline.of("clear")) == 1
    failed = {check.name for check in checks.run(sim.timeline) if not check.passed}
    assert "stops-when-interrupted" in failed
