"""Stale burst: old caller audio comes all at once after a stall; it is not answered any more."""

from __future__ import annotations

import pytest

from tests.races.conftest import BRIDGE
from tests.races.outcome import understood

NUMBER = "+15550100"


async def caller_is_held_up(sim, seconds: float):
    """The caller speaks into a stall, waits until it is over, and speaks again."""
    sim.vapi.assistant(replies=["First answer.", "Second answer.", "Third answer."])
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(1.0)
    sim.link("twilio", BRIDGE).towards(BRIDGE).stall(seconds)
    await call.says("is there a table for tonight?")
    await call.stays_silent(seconds - 0.5)
    await call.says("or for tomorrow?")
    await call.hears_utterance()
    await call.stays_silent(1.0)
    await call.hangs_up()
    return call


@pytest.mark.parametrize("stall", [5.0, 10.0])
def test_what_was_said_long_ago_is_not_answered(sim, serve, caplog, stall):
    bridge = serve()
    call = sim.run(caller_is_held_up(sim, stall))
    assert understood(sim) == ["or for tomorrow?"]
    assert [utterance.text for utterance in call.heard.utterances] == ["First answer."]
    dropped = bridge.metrics.value("dropped", reason="stale")
    assert (stall - 2.2) * 50 < dropped < (stall - 1.8) * 50
    assert "stale-burst" in caplog.text
    assert f"{dropped * 20:.0f} ms of it dropped" in caplog.text


def test_a_short_stall_loses_nothing(sim, serve):
    bridge = serve()
    sim.run(caller_is_held_up(sim, 1.9))
    assert understood(sim) == ["is there a table for tonight?", "or for tomorrow?"]
    assert bridge.metrics.value("dropped", reason="stale") == 0


def test_without_a_limit_the_old_question_is_answered_late(sim, serve):
    """So it is the limit that keeps the caller from an answer to what they said long ago."""
    serve(stale_after=3600.0)
    sim.run(caller_is_held_up(sim, 5.0))
    assert understood(sim)[0] == "is there a table for tonight?"
