"""Vapi never opens: refused, unanswered, forbidden or broken. The caller hears a line."""

from __future__ import annotations

from typing import get_args

import pytest

from simkit import checks
from simkit.bridge.fallback import TEXT as FALLBACK
from simkit.scenarios.beginnings import NUMBER, Trouble, vapi_never_opens

AT_ONCE = ("create 401", "create 403", "open 403")
"""What will not be better the next time."""


@pytest.mark.parametrize("trouble", get_args(Trouble))
def test_the_caller_hears_a_line_and_the_call_ends(sim, serve, trouble):
    bridge = serve()
    call = sim.run(vapi_never_opens(sim, trouble=trouble))
    [played] = [e for e in sim.timeline.of("media") if (e.source, e.target) == ("bridge", "twilio")]
    assert (played.t_ns < 1_000_000_000) == (trouble in AT_ONCE)
    assert played.fields["frames"] == 1  # the line, whole
    assert call.status == "completed"
    assert [utterance.text for utterance in call.heard.utterances] == [FALLBACK]
    assert not bridge.sessions
    if trouble == "unanswered":
        reason = "an answer that may still tell of a call is waited for, to end that call"
        sim.checks.waive("clean-teardown", reason=reason)


def test_a_caller_who_gives_up_before_leaves_nothing_behind(sim, serve):
    bridge = serve()
    sim.vapi.faults.slow_open = 60.0

    async def caller():
        call = await sim.twilio.call(to=NUMBER)
        await call.stays_silent(3)
        await call.hangs_up()

    sim.run(caller())
    assert [check.name for check in checks.run(sim.finish()) if not check.passed] == []
    assert not bridge.sessions
