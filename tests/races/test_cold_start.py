"""Cold start: the caller speaks from the first frame, Vapi's socket opens late."""

from __future__ import annotations

import pytest

from tests.races.outcome import understood
from tests.zoo.bridges import DropsUntilReady

NUMBER = "+15550100"
WORDS = "book a table for two on Friday please"


async def caller_speaks_at_once(sim, late: float):
    sim.vapi.open_delay = late
    sim.vapi.assistant(replies=["A table for two."])
    call = await sim.twilio.call(to=NUMBER)
    await call.says(WORDS)
    await call.hears("A table for two.")
    await call.hangs_up()
    assert understood(sim) == [WORDS]


@pytest.mark.parametrize("late", [0.2, 0.4, 1.2])
async def test_every_word_is_transcribed_however_late_vapi_opens(sim, serve, snapshot, late):
    serve()
    await caller_speaks_at_once(sim, late)
    assert sim.timeline == snapshot


@pytest.mark.parametrize("late", [0.2, 0.4, 1.2])
async def test_a_bridge_that_drops_until_vapi_is_ready_loses_words(sim, serve, late):
    serve(DropsUntilReady)
    with pytest.raises(AssertionError):
        await caller_speaks_at_once(sim, late)


async def test_what_waits_is_bounded(sim, serve):
    serve(cold_start_limit=0.5)
    with pytest.raises(AssertionError):
        await caller_speaks_at_once(sim, 1.2)
