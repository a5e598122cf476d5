"""Stale burst: old caller audio comes all at once after a stall; it is not answered any more."""

from __future__ import annotations

import pytest

from simkit.scenarios.deliveries import stale_burst
from tests.races.outcome import understood


@pytest.mark.parametrize("stall", [5.0, 10.0])
def test_what_was_said_long_ago_is_not_answered(sim, serve, caplog, stall):
    bridge = serve()
    call = sim.run(stale_burst(sim, stall=stall))
    assert [utterance.text for utterance in call.heard.utterances] == ["First answer."]
    dropped = bridge.metrics.value("dropped", reason="stale")
    assert (stall - 2.2) * 50 < dropped < (stall - 1.8) * 50
    assert "stale-burst" in caplog.text
    assert f"{dropped * 20:.0f} ms of it dropped" in caplog.text


def test_a_short_stall_loses_nothing(sim, serve):
    bridge = serve()
    with pytest.raises(AssertionError, match="Vapi understood"):
        sim.run(stale_burst(sim, stall=1.9))
    assert understood(sim) == ["is there a table for tonight?", "or for tomorrow?"]
    assert bridge.metrics.value("dropped", reason="stale") == 0


@pytest.mark.simkit(waives={"caller-audio-complete": "the limit is off"})
def test_without_a_limit_the_old_question_is_answered_late(sim, serve):
    """So it is the limit that keeps the caller from an answer to what they said long ago."""
    serve(stale_after=3600.0)
    with pytest.raises(AssertionError, match="Vapi understood"):
        sim.run(stale_burst(sim, stall=5.0))
    assert understood(sim)[0] == "is there a table for tonight?"
