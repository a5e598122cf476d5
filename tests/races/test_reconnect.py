"""Reconnect: what the scenario does not ask of a bridge, and ours does all the same."""

from __future__ import annotations

from typing import get_args

import pytest

from simkit import checks
from simkit.bridge.fallback import TEXT as FALLBACK
from simkit.scenarios.endings import GREETING, Phase, reconnect
from simkit.vapi import Close
from tests.races.outcome import understood

NUMBER = "+15550100"
UNANSWERED = ("caller-is-done", "reply-announced", "mid-reply")


@pytest.mark.parametrize(
    ("phase", "carries"),
    [*((phase, True) for phase in get_args(Phase)), *((phase, False) for phase in UNANSWERED)],
)
def test_one_loss_makes_one_more_call_that_knows_what_was_said(sim, serve, phase, carries):
    bridge = serve(reply_timeout=3.0, carry_history=carries)
    sim.run(reconnect(sim, phase=phase))
    assert understood(sim)[-1] == "and when do you close?"
    assert len(sim.timeline.of("open")) == 2
    assert not bridge.sessions


def test_a_socket_that_is_lost_again_and_again_is_given_up_politely(sim, serve):
    bridge = serve()
    sim.vapi.faults.close = Close(1011, at=1.5)
    sim.vapi.assistant(first_message=GREETING)

    async def caller():
        call = await sim.twilio.call(to=NUMBER)
        await call.ends(timeout=40)
        return call

    call = sim.run(caller())
    assert call.status == "completed"
    assert len(sim.timeline.of("open")) == 4  # the first, and three tries
    [line] = [e for e in sim.timeline.of("mark") if e.source == "twilio"][-1:]
    [ended] = sim.timeline.of("ended")
    assert ended.t_ns - line.t_ns < 100_000_000  # the line was heard to its end
    assert not bridge.sessions
    assert call.heard.utterances[-1].text == FALLBACK


@pytest.mark.parametrize("when", [0.5, 2.0, 4.5])
def test_a_hang_up_during_a_reconnect_leaves_nothing_behind(sim, serve, when):
    bridge = serve()
    sim.vapi.faults.close = Close(1011, at=1.0)
    sim.vapi.assistant(first_message=GREETING)

    async def caller():
        call = await sim.twilio.call(to=NUMBER)
        await call.stays_silent(1.0 + when)
        await call.hangs_up()

    sim.run(caller())
    assert not bridge.sessions
    assert [check.name for check in checks.run(sim.finish()) if not check.passed] == []
