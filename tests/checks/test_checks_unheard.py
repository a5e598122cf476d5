"""Replies that were sent whole, and that the bridge threw away in a quiet call."""

from __future__ import annotations

import pytest

from simkit.checks.sound import AGENT_AUDIO_INTACT
from simkit.timeline import Timeline
from tests.checks.test_checks_caller import MS, hears, says

S = 1000 * MS


def thrown_away(
    heard_ms: int = 0,
    *,
    ends_ns: int = 20 * S,
    sent_ns: int = 4 * S,
    long_ns: int = 4 * S,
    interrupted: bool = False,
    came_ns: int = 2 * S,
) -> Timeline:
    """Call 1: a reply of 4 s is made at 2 s and done at 3 s; of it so much is heard from 2.5 s on.

    What is interrupted is judged here alone: who was not interrupted breaks off otherwise, too.
    """
    timeline = Timeline(lambda: ends_ns)
    timeline.record("start", "twilio", "bridge", t_ns=100 * MS, call=1)
    timeline.record("open", "vapi", "bridge", t_ns=200 * MS, session=1)
    timeline.frame("vapi", "bridge", came_ns, 20 * MS, session=1)
    fields = {"session": 1, "reply": 1, "utterance": 9}
    timeline.record("replies", "agent", t_ns=2 * S, text="Yes.", duration_ns=long_ns, **fields)
    timeline.record(
        "replied", "agent", t_ns=3 * S, interrupted=interrupted, audio_ns=sent_ns, **fields
    )
    if heard_ms:
        hears(timeline, 2500, ms=heard_ms)
    return timeline


def ties(timeline: Timeline, session: int, call: int) -> None:
    """Let a caller hear something of a session, long before."""
    key = 100 + session
    timeline.record(
        "replies", "agent", t_ns=500 * MS, session=session, reply=1, utterance=key, text="Hi.",
        duration_ns=MS,
    )  # fmt: skip
    timeline.record(
        "hears", "caller", t_ns=600 * MS, call=call, utterance=key, offset_ns=0, duration_ns=MS,
        text="Hi.",
    )  # fmt: skip


def passes(timeline: Timeline) -> bool:
    return AGENT_AUDIO_INTACT.judge(timeline).passed


def test_what_was_sent_and_never_heard_is_told():
    result = AGENT_AUDIO_INTACT.judge(thrown_away())
    assert result.sentence == (
        'at 2.000 "Yes." was never heard: the bridge had 4000 ms more of it, and nobody had '
        "interrupted it"
    )
    assert [event.kind for event in result.violations[0].events] == ["replies", "replied"]


def test_it_counts_from_when_it_arrived():
    timeline = thrown_away()
    timeline.of("replies")[0].arrived_ns = 2 * S + 10 * MS
    assert AGENT_AUDIO_INTACT.judge(timeline).sentence.startswith("at 2.010")


def test_a_reply_that_nobody_made_or_of_which_nothing_was_sent_is_none():
    timeline = thrown_away()
    timeline.of("replied")[0].fields["utterance"] = 5
    assert passes(timeline)
    assert passes(thrown_away(sent_ns=0))
    assert not passes(thrown_away(sent_ns=200 * MS + 1))


@pytest.mark.parametrize(("sent_ns", "fine"), [(200 * MS, True), (200 * MS + 1, False)])
def test_200_ms_are_no_loss(sent_ns, fine):
    assert passes(thrown_away(sent_ns=sent_ns)) is fine


@pytest.mark.parametrize(("long_ns", "fine"), [(4 * S + 500 * MS, False), (4 * S + 501 * MS, True)])
def test_what_was_interrupted_before_its_last_half_second_is_not_missed(long_ns, fine):
    assert passes(thrown_away(interrupted=True, long_ns=long_ns)) is fine


@pytest.mark.parametrize(("came_ns", "fine"), [(2 * S - 1, True), (2 * S, False)])
def test_an_assistant_that_has_lost_its_voice_is_not_the_bridges_doing(came_ns, fine):
    assert passes(thrown_away(came_ns=came_ns)) is fine


def test_nor_is_what_went_to_the_assistant_its_voice():
    timeline = thrown_away(came_ns=1 * S)
    timeline.frame("bridge", "vapi", 3 * S, 20 * MS, session=1)
    assert passes(timeline)


@pytest.mark.parametrize(("heard_ms", "fine"), [(1999, False), (2000, True)])
def test_2_s_of_its_end_may_be_on_their_way_still(heard_ms, fine):
    assert passes(thrown_away(heard_ms, interrupted=True)) is fine


@pytest.mark.parametrize(("off_ns", "fine"), [(500 * MS, True), (500 * MS - 1, False)])
@pytest.mark.parametrize("sign", [-1, 1])
def test_but_not_if_a_clear_made_an_end_of_it(off_ns, fine, sign):
    timeline = thrown_away(3000, interrupted=True)
    timeline.record("clear", "bridge", "twilio", t_ns=5500 * MS + sign * off_ns, call=1)
    timeline.record("clear", "bridge", "twilio", t_ns=5500 * MS, call=2)
    assert passes(timeline) is fine
    assert fine or AGENT_AUDIO_INTACT.judge(timeline).sentence.startswith(
        'at 5.500 "Yes." broke off: the bridge had 1000 ms more of it'
    )


@pytest.mark.parametrize(("ends_ns", "fine"), [(6 * S - 1, True), (6 * S, False)])
@pytest.mark.parametrize("how", ["the run", "hangs-up", "stop", "error"])
def test_what_there_was_no_time_for_is_not_missed(how, ends_ns, fine):
    timeline = thrown_away(ends_ns=ends_ns if how == "the run" else 20 * S)
    if how != "the run":
        timeline.record(how, "twilio", t_ns=ends_ns, call=1, code=31903, reason="")
    assert passes(timeline) is fine


def test_another_error_or_the_end_of_another_call_leaves_time():
    timeline = thrown_away()
    ties(timeline, 1, 1)
    timeline.record("error", "twilio", t_ns=3 * S, call=1, code=31951, reason="")
    timeline.record("stop", "twilio", t_ns=3 * S, call=2)
    assert not passes(timeline)


def test_what_the_carrier_lost_meanwhile_is_an_excuse():
    timeline = thrown_away()
    timeline.record(
        "lost", "carrier", t_ns=5 * S, call=1, towards="caller", packets=1, late=0, last_ns=5 * S
    )
    assert passes(timeline)


@pytest.mark.parametrize("kind", ["noise", "background", "dtmf", "fault", "garbage", "stall"])
@pytest.mark.parametrize(
    ("t_ns", "fine"),
    [(1400 * MS - 1, False), (1400 * MS, True), (8 * S, True), (8 * S + 1, False)],
)
def test_who_makes_a_sound_half_a_second_before_or_till_2_s_after_interrupts(kind, t_ns, fine):
    timeline = thrown_away()
    timeline.record(
        kind, "caller", t_ns=t_ns, call=1, name="dog", duration_ns=100 * MS, level_dbfs=-20.0
    )
    assert passes(timeline) is fine


def test_a_fault_of_no_call_is_anybodys_and_another_callers_voice_is_not():
    timeline = thrown_away()
    ties(timeline, 1, 1)
    says(timeline, 3000, call=2)
    assert not passes(timeline)
    timeline.record("fault", "vapi", t_ns=3 * S, name="close", value=1006)
    assert passes(timeline)


@pytest.mark.parametrize(
    ("t_ns", "session", "fine"),
    [
        (1500 * MS - 1, 1, False),
        (1500 * MS, 1, True),
        (8 * S, 1, True),
        (8 * S + 1, 1, False),
        (3 * S, 2, False),
    ],
)
def test_a_wish_of_the_assistant_or_the_bridge_takes_its_place(t_ns, session, fine):
    timeline = thrown_away()
    timeline.record("say", "bridge", "vapi", t_ns=t_ns, session=session)
    assert passes(timeline) is fine


@pytest.mark.parametrize("calls", [1, 2])
def test_a_reply_that_nothing_ties_to_a_call_belongs_to_the_one_that_has_none(calls):
    timeline = thrown_away()
    if calls == 2:
        timeline.record("start", "twilio", "bridge", t_ns=100 * MS, call=2)
    assert passes(timeline) is (calls == 2)  # nobody knows which
    if calls == 2:
        ties(timeline, 2, 2)
        assert not passes(timeline)
