"""Vapi never opens: refused, unanswered, forbidden or broken. The caller hears a line."""

from __future__ import annotations

import pytest

from simkit import checks
from tests.races.conftest import BRIDGE

NUMBER = "+15550100"
WITHOUT_AN_AGENT = {"caller-audio-complete", "agent-audio-intact"}
"""Nobody was there to hear the caller, and the line is no agent's."""


def breaks(sim, kind: str) -> None:
    link = sim.link(BRIDGE, "api.vapi.ai").towards("api.vapi.ai")
    if kind in ("refuse", "unanswered"):
        setattr(link, kind, True)
    else:
        name, _, status = kind.partition(" ")
        setattr(sim.vapi.faults, name, float(status) if "slow" in name else int(status))


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        ("failed_create 401", 0.3),
        ("failed_create 403", 0.3),
        ("failed_open 500", 9.0),
        ("failed_open 403", 9.0),
        ("failed_create 500", 21.0),
        ("refuse", 21.0),
        ("unanswered", 21.0),
        ("slow_open 60", 21.0),
    ],
)
def test_the_caller_hears_a_line_and_the_call_ends(sim, serve, kind, seconds):
    bridge = serve()
    breaks(sim, kind)

    async def caller():
        call = await sim.twilio.call(to=NUMBER)
        heard = await call.hears_sound(timeout=25)
        await call.ends(timeout=30)
        return call, heard

    call, heard = sim.run(caller())
    assert heard < seconds
    assert call.status == "completed"
    assert len(call.heard.utterances) == 0
    [played] = [e for e in sim.timeline.of("media") if (e.source, e.target) == ("bridge", "twilio")]
    assert played.fields["frames"] == 1  # the line, whole
    assert not bridge.sessions
    failed = {check.name for check in checks.run(sim.finish()) if not check.passed}
    # An answer that may still tell of a call is waited for, so that the call can be ended.
    asks_still = {"clean-teardown"} if kind == "unanswered" else set()
    assert failed <= WITHOUT_AN_AGENT | asks_still


def test_a_caller_who_gives_up_before_leaves_nothing_behind(sim, serve):
    bridge = serve()
    breaks(sim, "slow_open 60")

    async def caller():
        call = await sim.twilio.call(to=NUMBER)
        await call.stays_silent(3)
        await call.hangs_up()

    sim.run(caller())
    assert [check.name for check in checks.run(sim.finish()) if not check.passed] == []
    assert not bridge.sessions
