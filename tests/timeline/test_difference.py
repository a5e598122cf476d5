"""The difference of two timelines: order, instants, and what is folded away."""

from __future__ import annotations

from simkit.timeline import Timeline
from simkit.timeline.difference import difference

MS = 1_000_000


def timeline(*events: tuple[int, str, str, dict]) -> Timeline:
    made = Timeline()
    for at_ms, source, kind, fields in events:
        target = fields.pop("to", None)
        made.record(kind, source, target, t_ns=at_ms * MS, **fields)
    return made


def call(*, start: int = 0, speaks: int = 1000, clear: int = 1200, told: int = 1199) -> Timeline:
    return timeline(
        (start, "twilio", "connected", {"to": "bridge"}),
        (start + 100, "vapi", "open", {"to": "bridge"}),
        (start + speaks, "caller", "speaks", {"text": "wait", "duration_ns": 300 * MS}),
        (start + told, "vapi", "user-interrupted", {"to": "bridge"}),
        (start + clear, "bridge", "clear", {"to": "twilio"}),
    )


def test_a_timeline_differs_in_nothing_from_itself():
    found = difference(call(), call())
    assert (found.order, found.swapped) == ("", 0)
    assert [pair.late_ms for pair in found.pairs] == [0.0] * 5


def test_instants_count_from_the_first_event():
    found = difference(call(), call(start=700))
    assert [pair.late_ms for pair in found.pairs] == [0.0] * 5


def test_what_is_late_is_told_in_milliseconds():
    found = difference(call(), call(clear=1230))
    assert [pair.late_ms for pair in found.pairs] == [0, 0, 0, 0, 30]
    assert found.pairs[-1].what == "bridge > twilio clear"


def test_after_an_action_of_the_caller_instants_count_from_it():
    found = difference(call(), call(speaks=1040, told=1239, clear=1240))
    assert [pair.late_ms for pair in found.pairs] == [0, 0, 40, 0, 0]
    assert (found.pairs[-1].first_ns, found.pairs[-1].second_ns) == (1200 * MS, 1240 * MS)


def test_another_order_is_told_with_its_place():
    found = difference(call(), call(clear=1150))
    assert found.order == (
        "at 1.199, vapi > bridge user-interrupted: after bridge > twilio clear, not before it"
    )


def test_neighbours_within_the_tolerance_have_no_order():
    found = difference(call(), call(clear=1190), tolerance_ms=15)
    assert (found.order, found.swapped) == ("", 1)


def test_neighbours_that_are_close_in_one_only_have_an_order():
    assert difference(call(told=1150), call(clear=1190), tolerance_ms=15).order
    assert difference(call(), call(clear=1150), tolerance_ms=15).order


def test_an_event_that_is_only_in_one_is_told():
    longer = call()
    longer.record("mark", "bridge", "twilio", t_ns=1300 * MS, name="a")
    found = difference(call(), longer, tolerance_ms=15)
    assert found.order == 'at 1.300, only in the second: bridge > twilio mark "a"'
    found = difference(longer, call(), tolerance_ms=15)
    assert found.order == 'at 1.300, only in the first: bridge > twilio mark "a"'


def test_the_same_event_twice_is_paired_in_order():
    first, second = call(), call()
    for made, times in ((first, (1300, 1400)), (second, (1305, 1407))):
        for at_ms in times:
            made.record("mark", "bridge", "twilio", t_ns=at_ms * MS, name="a")
    assert [pair.late_ms for pair in difference(first, second).pairs[-2:]] == [5, 7]


def test_marks_are_told_apart_by_their_names():
    first, second = call(), call()
    first.record("mark", "bridge", "twilio", t_ns=1300 * MS, name="a")
    second.record("mark", "bridge", "twilio", t_ns=1300 * MS, name="b")
    assert (
        difference(first, second).order == 'at 1.300, only in the first: bridge > twilio mark "a"'
    )


def test_sound_is_folded_away():
    second = call()
    second.frame("bridge", "vapi", 1100 * MS, 20 * MS, call=1)
    second.record("pacing", "simkit", t_ns=1300 * MS, deadlines=1)
    for at_ms in (1100, 1110):
        second.record(
            "hears", "caller", t_ns=at_ms * MS, utterance=1, text="so", duration_ns=10 * MS
        )
    first = call()
    first.record("hears", "caller", t_ns=1100 * MS, utterance=1, text="so", duration_ns=20 * MS)
    found = difference(first, second)
    assert (found.order, len(found.pairs)) == ("", 6)


def test_empty_timelines_differ_in_nothing():
    found = difference(Timeline(), Timeline())
    assert (found.pairs, found.order) == ([], "")
