"""Rapid interrupts: "wait... no... actually" within half a second."""

from __future__ import annotations

from simkit.scenarios.interruptions import rapid_interrupts


async def test_three_interruptions_make_one_clear_and_one_turn(sim, serve, snapshot):
    serve()
    call = await rapid_interrupts(sim)
    spoken = [e for e in sim.timeline.of("speaks") if e.source == "caller"]
    assert spoken[-1].t_ns + spoken[-1].fields["duration_ns"] - spoken[0].t_ns <= 501_000_000
    assert len(sim.timeline.of("replies")) == 2
    assert len(sim.timeline.of("clear")) == 1
    assert call.barge_ins[0].time_to_stop_ms < 400
    assert sim.timeline == snapshot
