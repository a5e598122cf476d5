"""Checks of noise that stops the agent, of replies that break off and of forged requests."""

from __future__ import annotations

import pytest

from simkit.checks.intruders import SIGNATURE_REQUIRED
from simkit.checks.sound import AGENT_AUDIO_INTACT
from simkit.checks.turns import KEEPS_TALKING_WHEN_NOT
from simkit.timeline import Timeline, barge_ins
from tests.checks.test_checks_caller import MS, world

# keeps-talking-when-not


def talking() -> Timeline:
    """The agent is heard from 1 to 9 s; a dog barks at 3 s."""
    timeline = world(ends_ms=20_000)
    timeline.record(
        "replies", "agent", t_ns=900 * MS, session=1, reply=1, utterance=9, text="Long.",
        duration_ns=8000 * MS,
    )  # fmt: skip
    timeline.record(
        "hears", "caller", t_ns=1000 * MS, call=1, utterance=9, offset_ns=0, text="Long.",
        duration_ns=8000 * MS,
    )  # fmt: skip
    timeline.record(
        "noise", "caller", t_ns=3000 * MS, call=1, name="dog", level_dbfs=-20.0,
        duration_ns=300 * MS,
    )  # fmt: skip
    return timeline


def clear(timeline: Timeline, t_ms: int) -> Timeline:
    timeline.record(
        "clear", "bridge", "twilio", t_ns=t_ms * MS, call=1, arrived_ns=(t_ms + 20) * MS
    )
    return timeline


def test_a_bridge_that_clears_for_a_dog_is_told():
    result = KEEPS_TALKING_WHEN_NOT.judge(clear(talking(), 3400))
    assert result.sentence == (
        "the agent was stopped at 3.400, 400 ms after dog, which was not meant for it"
    )
    assert [event.kind for event in result.violations[0].events] == ["noise", "clear"]


def test_without_a_clear_or_long_after_the_noise_nothing_is_wrong():
    assert KEEPS_TALKING_WHEN_NOT.judge(talking()).passed
    assert KEEPS_TALKING_WHEN_NOT.judge(clear(talking(), 5001)).passed


@pytest.mark.parametrize("kind", ["user-interrupted", "interrupt"])
def test_who_obeys_the_assistant_has_not_decided(kind):
    timeline = talking()
    timeline.record(kind, "vapi", "bridge", t_ns=3200 * MS, session=1)
    assert KEEPS_TALKING_WHEN_NOT.judge(clear(timeline, 3400)).passed


def test_nor_has_who_was_spoken_to():
    timeline = talking()
    timeline.record(
        "speaks", "caller", t_ns=2600 * MS, call=1, utterance=3, text="stop", duration_ns=300 * MS
    )
    assert KEEPS_TALKING_WHEN_NOT.judge(clear(timeline, 3400)).passed


# agent-audio-intact: the end of a reply


def broken_off(heard_ms: int, *, interrupted: bool = False, ends_ms: int = 20_000) -> Timeline:
    """A reply of 2 s is done at 3 s, and so much of it was heard from 1 s on."""
    timeline = world(ends_ms=ends_ms)
    fields = {"session": 1, "reply": 1, "utterance": 9}
    timeline.record("replies", "agent", t_ns=900 * MS, text="Yes.", duration_ns=2000 * MS, **fields)
    timeline.record(
        "replied", "agent", t_ns=3000 * MS, interrupted=interrupted, audio_ns=2000 * MS, **fields
    )
    timeline.record(
        "hears", "caller", t_ns=1000 * MS, call=1, utterance=9, offset_ns=0, text="Yes.",
        duration_ns=heard_ms * MS,
    )  # fmt: skip
    timeline.frame("vapi", "bridge", 1000 * MS, 20 * MS, session=1)
    return timeline


def speaks_at(timeline: Timeline, t_ms: int) -> Timeline:
    timeline.record(
        "speaks", "caller", t_ns=t_ms * MS, call=1, utterance=8, text="wait", duration_ns=MS
    )
    return timeline


@pytest.mark.parametrize(("heard_ms", "passes"), [(2000, True), (1900, True), (1899, False)])
def test_a_reply_that_breaks_off_is_told(heard_ms, passes):
    assert AGENT_AUDIO_INTACT.judge(broken_off(heard_ms)).passed is passes


def test_the_sentence_says_how_much_was_lost():
    assert AGENT_AUDIO_INTACT.judge(broken_off(1500)).sentence == (
        'at 2.500 "Yes." broke off: the last 500 ms of it were never heard, and nobody had '
        "interrupted it"
    )


@pytest.mark.parametrize(
    "timeline",
    [
        broken_off(1500, interrupted=True),
        broken_off(1500, ends_ms=4999),
        clear(speaks_at(broken_off(1500), 2000), 2400),
    ],
    ids=["interrupted", "the call ends", "cleared"],
)
def test_an_interruption_and_the_end_of_the_call_are_reasons(timeline):
    assert AGENT_AUDIO_INTACT.judge(timeline).passed


def test_a_call_that_goes_on_for_two_seconds_more_leaves_time_for_the_end():
    result = AGENT_AUDIO_INTACT.judge(broken_off(1500, ends_ms=5000))
    assert "the last 500 ms of it were never heard" in result.sentence


def test_a_clear_is_none_when_nobody_has_said_a_word():
    assert AGENT_AUDIO_INTACT.judge(clear(broken_off(1500), 2400)).sentence == (
        'at 2.500 "Yes." broke off: the bridge had 500 ms more of it, and nobody had interrupted it'
    )


@pytest.mark.parametrize("speaks", [False, True])
def test_a_reply_of_which_nothing_is_ever_heard_is_told(speaks):
    timeline = Timeline(lambda: 9000 * MS)
    timeline.record("start", "twilio", "bridge", t_ns=100 * MS, call=1)
    timeline.frame("vapi", "bridge", 1000 * MS, 20 * MS, session=1)
    fields = {"session": 1, "reply": 1, "utterance": 9}
    timeline.record("replies", "agent", t_ns=900 * MS, text="Yes.", duration_ns=2000 * MS, **fields)
    timeline.record(
        "replied", "agent", t_ns=3000 * MS, interrupted=False, audio_ns=2000 * MS, **fields
    )
    result = AGENT_AUDIO_INTACT.judge(speaks_at(timeline, 2000) if speaks else timeline)
    assert (
        [violation.sentence for violation in result.violations] == []
        if speaks
        else [
            'at 0.900 "Yes." was never heard: the bridge had 2000 ms more of it, and nobody had '
            "interrupted it"
        ]
    )


# Clips


def test_a_clip_of_the_bridges_own_is_no_agent():
    timeline = talking()
    timeline.record("clip", "bridge", t_ns=0, utterance=5, text="Sorry.", duration_ns=500 * MS)
    timeline.record(
        "hears", "caller", t_ns=10_000 * MS, call=1, utterance=5, offset_ns=100 * MS, text="Sorry.",
        duration_ns=400 * MS,
    )  # fmt: skip
    timeline.record(
        "speaks", "caller", t_ns=10_100 * MS, call=1, utterance=3, text="no", duration_ns=300 * MS
    )
    assert AGENT_AUDIO_INTACT.judge(timeline).passed
    assert barge_ins(timeline) == []


# signature-required


def forged(status: int | None, *, how: str = "unsigned", **known: bool) -> Timeline:
    timeline = Timeline(lambda: 20_000 * MS)
    fields = {"how": how, "path": "/voice", "status": status} | known
    timeline.record("forged", "stranger", "bridge", t_ns=5000 * MS, **fields)
    return timeline


@pytest.mark.parametrize("status", [100, 101, 200, 204, 299])
def test_a_forged_request_that_is_obeyed_is_told(status):
    result = SIGNATURE_REQUIRED.judge(forged(status))
    assert result.sentence == f"a forged request (unsigned) at 5.000 was answered {status}"
    assert [event.kind for event in result.violations[0].events] == ["forged"]


def test_one_that_is_answered_as_anybody_is_was_not_obeyed_unless_something_is_done():
    timeline = forged(200, static=True)
    assert SIGNATURE_REQUIRED.judge(timeline).passed
    timeline.record("open", "vapi", "bridge", t_ns=5400 * MS, session=1)
    assert SIGNATURE_REQUIRED.judge(timeline).sentence == (
        "a forged request (unsigned) at 5.000 was answered as anybody's, and 400 ms later the "
        "bridge did what it asked for"
    )


@pytest.mark.parametrize("status", [None, 300, 401, 403, 500])
def test_one_that_is_refused_is_not(status):
    assert SIGNATURE_REQUIRED.judge(forged(status)).passed


@pytest.mark.parametrize(("at_ms", "passes"), [(4999, True), (5400, False), (6001, True)])
def test_nor_does_the_bridge_do_what_was_refused(at_ms, passes):
    timeline = forged(403)
    timeline.record("request", "bridge", "vapi", t_ns=at_ms * MS, method="POST", path="/call",
                    shown={})  # fmt: skip
    result = SIGNATURE_REQUIRED.judge(timeline)
    assert result.passed is passes
    if not passes:
        assert result.sentence == (
            "a forged request (unsigned) at 5.000 was refused, and 400 ms later the bridge did "
            "what it asked for"
        )


@pytest.mark.parametrize(
    ("kind", "source", "passes"),
    [("open", "vapi", False), ("request", "twilio", True), ("log", "bridge", True)],
)
def test_it_does_so_by_asking_or_opening_a_socket(kind, source, passes):
    timeline = forged(403)
    timeline.record(kind, source, "bridge", t_ns=5400 * MS, session=1, shown={})
    assert SIGNATURE_REQUIRED.judge(timeline).passed is passes


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "passes"),
    [(1000, 4000, True), (1000, 3999, False), (6000, None, True), (6001, None, False)],
)
def test_a_call_is_its_own_from_its_beginning_to_a_second_after_its_end(start_ms, end_ms, passes):
    timeline = forged(403)
    timeline.record("start", "twilio", "bridge", t_ns=start_ms * MS, call=1)
    if end_ms is not None:
        timeline.record("ended", "twilio", t_ns=end_ms * MS, call=1, status="completed")
    timeline.record("open", "vapi", "bridge", t_ns=5400 * MS, session=1)
    assert SIGNATURE_REQUIRED.judge(timeline).passed is passes


def test_what_it_does_for_a_call_of_its_own_is_none_of_that():
    timeline = forged(403)
    timeline.record("start", "twilio", "bridge", t_ns=5100 * MS, call=1)
    timeline.record("open", "vapi", "bridge", t_ns=5400 * MS, session=1)
    assert SIGNATURE_REQUIRED.judge(timeline).passed
