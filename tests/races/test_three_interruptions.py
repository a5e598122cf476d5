"""Three interruptions: the instants of the published log, heard in a call."""

from __future__ import annotations

import pytest

from simkit.scenarios.interruptions import three_interruptions

FRAME_MS = 20


async def test_vapi_tells_of_the_caller_when_the_log_says(sim, serve):
    serve()
    call = await three_interruptions(sim)
    told = [barge_in.reply_at_ms for barge_in in call.barge_ins]
    assert told == pytest.approx([334, 344, 4300], abs=FRAME_MS)
    assert all(barge_in.stale_after_clear_ms == 0 for barge_in in call.barge_ins)
    # "2.1s audio dropped", "1.8s audio dropped"
    unheard = [barge_in.unheard_ms for barge_in in call.barge_ins]
    assert unheard[:2] == pytest.approx([2100, 1800], abs=600)
    assert 45 < sim.now < 49
