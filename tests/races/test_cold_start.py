"""Cold start: the caller speaks from the first frame, Vapi's socket opens late."""

from __future__ import annotations

import pytest

from simkit.scenarios.beginnings import cold_start
from tests.zoo.bridges import DropsUntilReady


@pytest.mark.parametrize("late", [0.2, 0.4, 1.2])
async def test_every_word_is_transcribed_however_late_vapi_opens(sim, serve, snapshot, late):
    serve()
    await cold_start(sim, late=late)
    assert sim.timeline == snapshot


@pytest.mark.parametrize("late", [0.2, 0.4, 1.2])
@pytest.mark.simkit(waives={"caller-audio-complete": "the bug is planted"})
async def test_a_bridge_that_drops_until_vapi_is_ready_loses_words(sim, serve, late):
    serve(DropsUntilReady)
    with pytest.raises(AssertionError, match="and Vapi understood"):
        await cold_start(sim, late=late)


async def test_what_waits_is_bounded(sim, serve):
    serve(cold_start_limit=0.5)
    with pytest.raises(AssertionError, match="and Vapi understood"):
        await cold_start(sim, late=1.2)
