"""Reconnect: Vapi's socket is lost at each phase of a turn; the caller is answered all the same."""

from __future__ import annotations

import pytest

from simkit import checks
from simkit.vapi import Close
from tests.races.outcome import understood

NUMBER = "+15550100"
GREETING = "Good morning, how can I help you today?"
PHASES = {
    "before the greeting": Close(1006, on="status-update in-progress"),
    "greeting announced": Close(1006, on="speech-update assistant started"),
    "mid greeting": Close(1011, on="audio", nth=60),
    "after the greeting": Close(1012, on="speech-update assistant stopped", after=0.2),
    "caller speaks": Close(1006, on="transcript partial user"),
    "caller is done": Close(1006, on="transcript final user", after=0.1),
    "reply announced": Close(1013, on="speech-update assistant started", nth=2),
    "mid reply": Close(1006, on="speech-update assistant started", nth=2, after=0.7),
}
UNANSWERED = ("caller is done", "reply announced", "mid reply")


def lose_once(sim, close: Close) -> None:
    """Lose the socket in the first of Vapi's calls, and in none that follows it."""
    sim.vapi.faults.close = close

    def mend(event) -> None:
        if event.kind == "fault":
            sim.vapi.faults.close = None

    sim.timeline.watch(mend)


@pytest.mark.parametrize(
    ("phase", "carries"),
    [*((phase, True) for phase in PHASES), *((phase, False) for phase in UNANSWERED)],
)
def test_the_caller_is_answered_wherever_the_socket_was_lost(sim, serve, phase, carries):
    bridge = serve(reply_timeout=3.0, carry_history=carries)
    lose_once(sim, PHASES[phase])
    sim.vapi.assistant(
        first_message=GREETING, replies=["We open at nine.", "Until five.", "Goodbye."]
    )

    async def caller():
        call = await sim.twilio.call(to=NUMBER)
        await call.stays_silent(3.5)
        await call.says("when do you open?")
        await call.stays_silent(9)
        await call.says("and when do you close?")
        await call.hears_utterance()
        await call.stays_silent(2)
        await call.hangs_up()
        return call

    call = sim.run(caller())
    assert understood(sim)[-1] == "and when do you close?"
    assert len(sim.timeline.of("open")) == 2  # one loss, one more call
    assert len(sim.timeline.of("fault")) == 1
    greetings = [u for u in call.heard.utterances if u.text and GREETING.startswith(u.text[:13])]
    assert len(greetings) == 1, "the greeting was heard once, whole or not"
    assert not bridge.sessions
    failed = {check.name for check in checks.run(sim.finish()) if not check.passed}
    # A new call that knows of no question does not answer it: the caller hears the line, which is
    # no agent's.
    assert failed == (set() if carries else {"agent-audio-intact"})


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
    assert call_over(sim) - line.t_ns < 100_000_000  # the line was heard to its end
    assert not bridge.sessions
    failed = {check.name for check in checks.run(sim.finish()) if not check.passed}
    assert failed <= {"agent-audio-intact"}


def call_over(sim) -> int:
    [ended] = sim.timeline.of("ended")
    return ended.t_ns


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
