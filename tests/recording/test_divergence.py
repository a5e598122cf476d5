"""Divergence: what differs is classified, told in sentences, and its first cause comes first."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from simkit.recording.deviation import Deviation
from simkit.recording.divergence import deviations
from simkit.recording.outputs import Leg, Output, Outputs

MS = 1_000_000


def says(at_ms: float, kind: str, leg: Leg = "twilio", **fields) -> Output:
    return Output(t_ns=round(at_ms * MS), leg=leg, kind=kind, fields=fields)


def mark(at_ms: float, name: str) -> Output:
    return says(at_ms, "mark", name=name)


def sound(at_ms: float, audio_ms: float, *, over_ms: float | None = None, leg: Leg = "twilio"):
    """Audio, sent in real time or within ``over_ms``."""
    frames = max(1, round(audio_ms / 20))
    last_ms = at_ms + (audio_ms - 20 if over_ms is None else over_ms)
    return Output(
        t_ns=round(at_ms * MS),
        leg=leg,
        kind="media",
        until_ns=round(last_ms * MS),
        frames=frames,
        audio_ns=round(audio_ms * MS),
    )


def compared(recorded: list[Output], today: list[Output], **options) -> list[Deviation]:
    return deviations(
        Outputs(sorted(recorded, key=lambda one: one.t_ns), 60_000 * MS),
        Outputs(sorted(today, key=lambda one: one.t_ns), 60_000 * MS),
        **options,
    )


def told(recorded: list[Output], today: list[Output], **options) -> list[tuple[str, ...]]:
    """Return kind and sentence of each cause, and the sentences of what follows from it."""
    return [
        (cause.kind, cause.sentence, *(one.sentence for one in cause.consequences))
        for cause in compared(recorded, today, **options)
    ]


def instants(recorded: list[Output], today: list[Output]) -> list[tuple[float | None, ...]]:
    """Return of each cause and what follows when it was in the recording, and is now."""
    return [
        tuple(None if t_ns is None else t_ns / MS for t_ns in (one.recorded_ns, one.today_ns))
        for cause in compared(recorded, today)
        for one in (cause, *cause.consequences)
    ]


# One at a time

CALL = [
    sound(100, 5000, over_ms=200),
    says(2000, "clear"),
    sound(4000, 1000),
    mark(5000, "one"),
    sound(8000, 1000),
    mark(9000, "two"),
]


def without(*gone: Output) -> list[Output]:
    return [output for output in CALL if output not in gone]


def test_the_same_is_the_same():
    assert compared(CALL, CALL) == []


def test_a_message_that_is_not_sent_is_missing():
    assert told(CALL, without(CALL[3])) == [("missing", 'mark "one" not sent')]


def test_a_message_that_was_not_recorded_is_extra():
    assert told(CALL, [*CALL, says(12_000, "clear")]) == [
        ("extra", "clear sent; not in the recording")
    ]


def test_a_clear_that_comes_late_is_told_with_what_the_caller_heard_more():
    assert told(CALL, [*without(CALL[1]), says(2212, "clear")]) == [
        ("late", "clear sent 212 ms later than recorded", "caller heard 212 ms more of reply 1")
    ]


def test_a_clear_that_comes_early_is_told_with_what_the_caller_heard_less():
    assert told(CALL, [*without(CALL[1]), says(1700, "clear")]) == [
        ("early", "clear sent 300 ms earlier than recorded", "caller heard 300 ms less of reply 1")
    ]


def test_a_clear_that_does_not_come_lets_the_caller_hear_on():
    [cause] = compared(CALL, without(CALL[1]))
    assert (cause.kind, cause.sentence) == ("missing", "clear not sent")
    assert [one.sentence for one in cause.consequences] == [
        "caller heard 3100 ms more of reply 1",
        "caller heard reply 2 1100 ms later",
    ]


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (without(CALL[3]), [(5000, None)]),
        ([*CALL, says(12_000, "clear")], [(None, 12_000)]),
        ([*without(CALL[1]), says(2212, "clear")], [(2000, 2212), (2000, 2212)]),
        ([*without(CALL[4]), sound(8300, 1000)], [(8000, 8300)]),
        ([*without(CALL[2]), sound(4000, 700)], [(5000, 4700)]),
        ([*CALL, sound(15_000, 700)], [(None, 15_000)]),
        (without(CALL[2]), [(4000, None)]),
    ],
)
def test_it_is_known_when_it_was_and_when_it_is_now(today, expected):
    assert instants(CALL, today) == expected


def test_a_reply_that_is_not_sent_is_missing():
    assert told(CALL, without(CALL[2])) == [("missing", "reply 2 not sent (1.0 s)")]


def test_a_reply_that_was_not_recorded_is_extra():
    assert told(CALL, [*CALL, sound(15_000, 700)]) == [
        ("extra", "a reply sent (0.7 s); not in the recording")
    ]


def test_a_reply_that_begins_late_takes_its_mark_along():
    later = [sound(4300, 1000), mark(5300, "one")]
    assert told(CALL, [*without(CALL[2], CALL[3]), *later]) == [
        (
            "late",
            "reply 2 begins 300 ms later than recorded",
            'mark "one" sent 300 ms later than recorded',
        )
    ]


def test_a_shorter_reply_is_told_by_what_was_heard():
    assert told(CALL, [*without(CALL[2]), sound(4000, 700)]) == [
        ("changed", "caller heard 300 ms less of reply 2")
    ]


def test_pauses_within_a_reply_are_told():
    halves = [sound(4000, 500), sound(4690, 500)]
    assert told(CALL, [*without(CALL[2]), *halves]) == [
        ("changed", "190 ms more of silence within reply 2")
    ]


def test_the_same_audio_in_other_chunks_is_the_same():
    chunks = [sound(4000 + 250 * number, 250, over_ms=0) for number in range(4)]
    assert told(CALL, [*without(CALL[2]), *chunks]) == []
    assert told([*without(CALL[2]), *chunks], CALL) == []


def test_instants_within_the_tolerance_are_the_same():
    today = [*without(CALL[1]), says(2050, "clear")]
    assert told(CALL, today) == []
    assert told(CALL, today, tolerance_ms=40)[0][1] == "clear sent 50 ms later than recorded"


def test_marks_may_have_other_names_if_each_is_always_the_same():
    renamed = [mark(5000, "x1"), mark(9000, "x2")]
    assert told(CALL, [*without(CALL[3], CALL[5]), *renamed]) == []


def test_a_name_that_stood_for_one_mark_and_now_for_two_is_changed():
    recorded = [mark(1000, "a"), mark(2000, "a")]
    assert told(recorded, [mark(1000, "x"), mark(2000, "y")]) == [
        ("changed", 'mark "a" called "y", where it was "x" before')
    ]


def test_a_message_that_says_something_else_is_changed():
    recorded, today = says(500, "say", "vapi", text="Hello"), says(500, "say", "vapi", text="Bye")
    assert told([recorded], [today]) == [("changed", 'say text is "Bye", was "Hello"')]
    assert told([says(500, "close", code=1000)], [says(500, "close", code=1011)]) == [
        ("changed", "close code is 1011, was 1000")
    ]


def test_a_clear_that_changed_places_is_reordered_however_close():
    recorded = [says(2000, "clear"), mark(2001, "a")]
    assert told(recorded, [mark(2000, "a"), says(2001, "clear")]) == [
        ("reordered", 'mark "a" before the clear, not after it')
    ]


def test_a_reply_before_the_clear_is_flushed_by_it():
    recorded = [says(2000, "clear"), sound(2001, 1000, over_ms=0)]
    [cause] = compared(recorded, [sound(2000, 1000, over_ms=0), says(2001, "clear")])
    assert cause.kind == "reordered"
    assert [one.sentence for one in cause.consequences] == ["caller heard 999 ms less of reply 1"]


def test_the_callers_audio_is_compared_too():
    whole = sound(0, 5000, leg="vapi")
    assert told([whole], [sound(0, 4000, leg="vapi")]) == [
        ("changed", "Vapi was sent 1000 ms less of the caller's audio")
    ]
    assert told([whole], []) == [("missing", "the caller's audio not sent (5.0 s)")]


# Causes and consequences


def test_what_is_in_step_again_has_a_cause_of_its_own():
    today = [*without(CALL[1], CALL[5]), says(2212, "clear")]
    assert [cause[1] for cause in told(CALL, today)] == [
        "clear sent 212 ms later than recorded",
        'mark "two" not sent',
    ]


def test_after_a_close_all_that_is_missing_follows_from_it():
    today = [*CALL[:2], says(3000, "close", code=1011)]
    [cause] = compared(CALL, today)
    assert cause.sentence == "close sent; not in the recording"
    assert [one.kind for one in cause.consequences] == ["missing"] * 4
    assert {one.times for one in cause.consequences} == {1}


def test_many_of_a_kind_in_close_succession_are_told_once():
    frames = [mark(4020 + 20 * number, "part") for number in range(50)]
    [cause] = compared(CALL, [*CALL, *frames])
    assert (str(cause), cause.times) == ('mark "part" sent; not in the recording (50 times)', 50)


def test_what_comes_after_a_reply_that_is_as_recorded_is_no_consequence():
    reply = sound(8000, 1000)
    assert told([mark(5000, "one"), reply], [reply, says(9500, "clear")]) == [
        ("missing", 'mark "one" not sent'),
        ("extra", "clear sent; not in the recording"),
    ]


@pytest.mark.parametrize(("late_ms", "causes"), [(250, 1), (350, 1), (249, 2), (351, 2)])
def test_what_is_as_late_as_something_within_the_tolerance_follows_from_it(late_ms, causes):
    recorded = [mark(5000, "one"), mark(9000, "two")]
    today = [mark(5300, "one"), mark(9000 + late_ms, "two")]
    assert len(compared(recorded, today)) == causes


@pytest.mark.parametrize(("later_ms", "times"), [(250, [2]), (251, [1, 1])])
def test_again_is_within_a_quarter_of_a_second(later_ms, times):
    found = compared([mark(5000, "one"), mark(5000 + later_ms, "two")], [])
    assert [one.times for one in found] == times


def test_what_is_like_an_earlier_cause_is_not_counted_with_a_later_one():
    recorded = [mark(5000, "one"), says(5100, "clear"), mark(5300, "two")]
    assert told(recorded, [says(5100, "clear"), says(5200, "clear")]) == [
        ("missing", 'mark "one" not sent'),
        ("extra", "clear sent; not in the recording", 'mark "two" not sent'),
    ]


def test_the_same_again_is_no_consequence():
    recorded = [says(1000, "clear"), says(5000, "clear")]
    assert told(recorded, []) == [("missing", "clear not sent")] * 2


def test_a_late_beginning_on_one_leg_explains_the_other():
    recorded = [sound(100, 3000, leg="vapi"), sound(500, 1000)]
    today = [sound(900, 2200, leg="vapi"), sound(1300, 1000)]
    [cause] = compared(recorded, today)
    assert cause.what == "the caller's audio"
    assert "reply 1 begins 800 ms later than recorded" in [
        one.sentence for one in cause.consequences
    ]


def test_what_comes_at_the_very_end_may_or_may_not_come():
    recorded = [mark(59_980, "last")]
    assert told(recorded, []) == []
    assert told([], recorded) == []


# Properties


@st.composite
def calls(draw) -> list[Output]:
    """A call: a few replies, played in real time or queued at once, with what goes with them."""
    outputs: list[Output] = []
    at_ms = 500.0
    for number in range(draw(st.integers(1, 4))):
        length_ms = draw(st.integers(20, 150)) * 20.0
        over_ms = draw(st.sampled_from([None, 0.0, 100.0]))
        reply = sound(at_ms, length_ms, over_ms=over_ms)
        outputs.append(reply)
        if draw(st.booleans()):
            outputs.append(says(at_ms + length_ms * draw(st.floats(0.3, 0.9)), "clear"))
        else:
            outputs.append(mark(at_ms + length_ms, f"mark-{number}"))
        if draw(st.booleans()):
            outputs.append(says(at_ms + length_ms + 300, "say", "vapi", text=f"{number}"))
        at_ms += length_ms + draw(st.integers(2000, 4000))
    return sorted(outputs, key=lambda one: one.t_ns)


some = settings(max_examples=60)


@some
@given(calls())
def test_a_call_does_not_diverge_from_itself(call):
    assert compared(call, call, tolerance_ms=0) == []


@some
@given(calls(), st.data())
def test_whatever_is_removed_is_told_first_as_missing(call, data):
    gone = data.draw(st.sampled_from(call))
    first = compared(call, [one for one in call if one is not gone])[0]
    assert (first.kind, first.leg, first.t_ns) == ("missing", gone.leg, gone.t_ns)


@some
@given(calls(), st.data())
def test_whatever_is_added_is_told_first_as_extra(call, data):
    added = data.draw(
        st.sampled_from([says(0, "clear"), mark(0, "new"), says(0, "say", "vapi", text="new")])
    )
    at_ns = data.draw(st.integers(400, 12_000)) * MS
    added = structs.replace(added, t_ns=at_ns)
    first = compared(call, [*call, added])[0]
    assert (first.kind, first.leg, first.t_ns) == ("extra", added.leg, at_ns)


@some
@given(calls(), st.data())
def test_whatever_is_moved_is_told_first_as_late_or_early(call, data):
    moved = data.draw(st.sampled_from(call))
    by_ms = data.draw(st.integers(51, 250)) * data.draw(st.sampled_from([1, -1]))
    later = structs.replace(
        moved, t_ns=moved.t_ns + by_ms * MS, until_ns=moved.until_ns + by_ms * MS
    )
    first = compared(call, [one for one in call if one is not moved] + [later])[0]
    assert (first.kind, first.leg) == ("late" if by_ms > 0 else "early", moved.leg)
    assert first.by_ms == pytest.approx(by_ms)
