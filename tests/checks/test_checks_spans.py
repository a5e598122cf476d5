"""What several checks ask of a timeline: open sockets, slow readers, and what the log says."""

from __future__ import annotations

import pytest

from simkit.checks.spans import Sessions, is_held_up, said_dropped
from simkit.timeline import Timeline

S = 1_000_000_000


def sockets() -> Timeline:
    """Session 1 is tied to call 1 by what is heard, session 2 to none; 3 is of call 2."""
    timeline = Timeline(lambda: 60 * S)
    for session in (3, 1, 2):
        timeline.record("open", "vapi", "bridge", t_ns=session * S, session=session)
    for session, call in ((1, 1), (3, 2)):
        timeline.record("replies", "agent", t_ns=4 * S, session=session, utterance=session)
        timeline.record("hears", "caller", t_ns=4 * S, call=call, utterance=session)
    timeline.record("open", "somebody", "bridge", t_ns=5 * S)
    timeline.record("close", "bridge", "vapi", t_ns=9 * S, session=1)
    return timeline


def test_a_call_has_its_sockets_and_those_that_nothing_ties_to_any():
    sessions = Sessions(sockets())
    assert (sessions.of(1), sessions.of(2), sessions.of(3)) == ([1, 2], [3, 2], [2])


@pytest.mark.parametrize(
    ("t_ns", "is_open"), [(S - 1, False), (S, True), (9 * S - 1, True), (9 * S, False)]
)
def test_a_socket_is_open_from_its_opening_to_its_close(t_ns, is_open):
    timeline = sockets()
    timeline.record("close", "bridge", "vapi", t_ns=2 * S, session=2)
    assert Sessions(timeline).is_open(1, t_ns) is is_open


def test_the_last_of_a_calls_sockets_may_never_close():
    timeline = sockets()
    assert Sessions(timeline).last_ns(1) > 10**6 * S
    timeline.record("close", "bridge", "vapi", t_ns=12 * S, session=2)
    assert Sessions(timeline).last_ns(1) == 12 * S
    assert Sessions(Timeline()).last_ns(1) < -(10**6) * S


@pytest.mark.parametrize(
    ("from_ns", "until_ns", "held_up"),
    [(0, 3 * S, False), (0, 3 * S + 1, True), (8 * S - 1, 9 * S, True), (8 * S, 9 * S, False)],
)
def test_who_reads_slowly_holds_up_what_comes_meanwhile(from_ns, until_ns, held_up):
    timeline = Timeline()
    timeline.record("slow-reader", "bridge", t_ns=3 * S, peer="api.vapi.ai:443", last_ns=8 * S)
    assert is_held_up(timeline, from_ns, until_ns) is held_up


@pytest.mark.parametrize(("peer", "held_up"), [("api.vapi.ai:443", True), ("twilio:9", False)])
def test_who_never_reads_again_holds_up_for_good(peer, held_up):
    timeline = Timeline()
    timeline.record("slow-reader", "bridge", t_ns=3 * S, peer=peer, last_ns=None)
    assert is_held_up(timeline, 50 * S, 51 * S) is held_up


@pytest.mark.parametrize(("since_ns", "counts"), [(13 * S, True), (13 * S + 1, False)])
def test_what_the_log_said_ten_seconds_before_holds_still(since_ns, counts):
    timeline = Timeline()
    timeline.record("log", "bridge", t_ns=3 * S, message="dropping")
    assert bool(said_dropped(timeline, since_ns)) is counts
