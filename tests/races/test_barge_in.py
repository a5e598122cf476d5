"""Barge-in: the caller interrupts, and hears nothing more of the old reply."""

from __future__ import annotations

import pytest

from simkit.scenarios.interruptions import barge_in


async def caller_interrupts(sim, **settings):
    call = await barge_in(sim, **settings)
    [found] = call.barge_ins
    assert found.time_to_stop_ms < 300
    assert sum(found.parts) == pytest.approx(found.time_to_stop_ms)
    assert found.stale_after_clear_ms == 0
    assert len(sim.timeline.of("clear")) == 1
    return found


async def test_the_agent_stops_for_the_caller(sim, serve, snapshot):
    serve()
    await caller_interrupts(sim)
    assert sim.timeline == snapshot


async def test_a_reply_that_was_sent_at_once_is_flushed(sim, serve):
    serve()
    found = await caller_interrupts(sim, lead=60.0, silence_frames=False)
    assert found.unheard_ms > 3000


async def test_audio_that_follows_the_interruption_is_not_passed_on(sim, serve):
    serve()
    await caller_interrupts(sim, late_frames=25)


@pytest.mark.parametrize(
    ("announcement", "at", "unheard"), [("appointment", 0.334, 6000), ("product", 8.0, 20_000)]
)
async def test_the_agent_stops_at_its_first_words_and_in_the_middle(
    sim, serve, announcement, at, unheard
):
    serve()
    found = await caller_interrupts(
        sim, announcement=announcement, at=at, lead=60.0, silence_frames=False
    )
    assert found.unheard_ms > unheard
