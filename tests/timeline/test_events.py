"""The timeline as a collection: order, runs of media, equality."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simkit.timeline import Event, Timeline

MS = 1_000_000
FRAME_NS = 20 * MS


def frames_at(*instants_ms: float, **leg: int) -> Timeline:
    timeline = Timeline()
    for instant in instants_ms:
        timeline.frame("twilio", "bridge", round(instant * MS), FRAME_NS, **leg)
    return timeline


# Runs of media


def test_frames_that_follow_each_other_fold_into_one_event():
    [run] = frames_at(0, 20, 40)
    assert run.kind == "media"
    assert run.t_ns == 0
    assert run.fields == {
        "frames": 3,
        "audio_ns": 60 * MS,
        "last_ns": 40 * MS,
        "out_of_order": 0,
        "jitter_ns": 0,
    }


def test_a_run_is_dated_at_its_first_frame():
    assert [run.t_ns for run in frames_at(7, 27, 300)] == [7 * MS, 300 * MS]


def test_a_pause_of_100_ms_does_not_end_a_run():
    assert len(frames_at(0, 100)) == 1


def test_a_nanosecond_more_does():
    assert len(frames_at(0, 100.000001)) == 2


def test_the_pause_is_counted_from_the_last_frame():
    assert len(frames_at(0, 90, 180, 270)) == 1


@given(st.lists(st.integers(0, 250), max_size=40))
def test_no_frame_is_lost_however_the_runs_break(gaps_ms):
    instants = [sum(gaps_ms[:count]) for count in range(len(gaps_ms) + 1)]
    runs = frames_at(*instants).events
    assert sum(run.fields["frames"] for run in runs) == len(instants)
    assert sum(run.fields["audio_ns"] for run in runs) == len(instants) * FRAME_NS
    assert len(runs) == 1 + sum(gap > 100 for gap in gaps_ms)


def test_legs_directions_calls_and_sessions_have_runs_of_their_own():
    timeline = Timeline()
    timeline.frame("twilio", "bridge", 0, FRAME_NS, call=1)
    timeline.frame("bridge", "twilio", 0, FRAME_NS, call=1)
    timeline.frame("twilio", "bridge", 0, FRAME_NS, call=2)
    timeline.frame("bridge", "vapi", 0, FRAME_NS, session=1)
    timeline.frame("bridge", "vapi", 0, FRAME_NS, session=2)
    timeline.frame("bridge", "vapi", FRAME_NS, FRAME_NS, session=2)
    assert [event.fields["frames"] for event in timeline] == [1, 1, 1, 1, 2]


def test_frames_out_of_order_are_counted():
    timeline = Timeline()
    for in_order in (True, False, False):
        timeline.frame("twilio", "bridge", 0, FRAME_NS, in_order=in_order)
    assert timeline.events[0].fields["out_of_order"] == 2


def test_after_the_end_of_a_run_the_next_frame_begins_another():
    timeline = frames_at(0, 20, call=1)
    timeline.end_run("twilio", "bridge", call=1)
    timeline.frame("twilio", "bridge", 40 * MS, FRAME_NS, call=1)
    assert [event.fields["frames"] for event in timeline] == [2, 1]


def test_ending_a_run_leaves_other_legs_alone():
    timeline = frames_at(0, call=1)
    timeline.end_run("twilio", "bridge", call=2)
    timeline.end_run("bridge", "twilio", call=1)
    timeline.frame("twilio", "bridge", 20 * MS, FRAME_NS, call=1)
    assert len(timeline) == 1


# Order


def test_an_event_is_dated_now_unless_told_otherwise():
    timeline = Timeline(lambda: 42)
    assert timeline.record("clear", "bridge").t_ns == 42
    assert timeline.record("clear", "bridge", t_ns=0).t_ns == 0


def test_events_come_by_their_instants():
    timeline = Timeline()
    for instant in (30, 10, 20):
        timeline.record("mark", "bridge", t_ns=instant, name=str(instant))
    assert [event.t_ns for event in timeline] == [10, 20, 30]


def test_events_of_one_instant_keep_the_order_of_recording():
    timeline = Timeline()
    for name in "cab":
        timeline.record("mark", "bridge", t_ns=5, name=name)
    timeline.record("mark", "bridge", t_ns=1, name="first")
    assert [event.fields["name"] for event in timeline] == ["first", "c", "a", "b"]


@given(st.lists(st.integers(0, 3)))
def test_the_order_is_that_of_a_stable_sort(instants):
    timeline = Timeline()
    for number, instant in enumerate(instants):
        timeline.record("mark", "bridge", t_ns=instant, number=number)
    expected = sorted(range(len(instants)), key=instants.__getitem__)
    assert [event.fields["number"] for event in timeline] == expected


def test_a_redated_event_moves_to_its_arrival():
    timeline = Timeline()
    asked = timeline.record("request", "twilio", "bridge", t_ns=0)
    timeline.record("open", "vapi", t_ns=5)
    timeline.redate(asked, 10)
    assert [event.kind for event in timeline] == ["open", "request"]
    assert asked.t_ns == asked.arrived_ns == 10


def test_an_event_that_never_arrived_keeps_its_date():
    timeline = Timeline()
    asked = timeline.record("request", "twilio", "bridge", t_ns=3)
    timeline.redate(asked, None)
    assert (asked.t_ns, asked.arrived_ns) == (3, None)


def test_a_look_at_the_timeline_does_not_change_its_order():
    def recorded(look):
        timeline = Timeline()
        timeline.record("told", "twilio", t_ns=10)
        asked = timeline.record("asked", "twilio", t_ns=5)
        look(timeline)
        timeline.redate(asked, 10)
        return [event.kind for event in timeline]

    assert recorded(look=str) == recorded(look=len)


# What it answers


def test_events_are_found_by_kind_and_call():
    timeline = Timeline()
    for kind, call in (("mark", 1), ("clear", 1), ("mark", 2), ("open", None)):
        timeline.record(kind, "bridge", call=call)
    assert [event.kind for event in timeline.of("mark", "clear")] == ["mark", "clear", "mark"]
    assert [event.call for event in timeline.of("mark", call=2)] == [2]
    assert timeline.of("open", call=1) == []


def test_events_do_not_share_their_fields():
    Event(t_ns=0, source="bridge", kind="a").fields["seen"] = True
    assert Event(t_ns=0, source="bridge", kind="b").fields == {}


def test_its_duration_is_the_clock_it_was_given():
    now = [0]
    timeline = Timeline(lambda: now[0])
    now[0] = 7 * MS
    assert timeline.duration_ns == 7 * MS


def test_its_repr_counts_events_and_seconds():
    timeline = Timeline(lambda: 1_500 * MS)
    timeline.record("clear", "bridge")
    assert repr(timeline) == "<Timeline of 1 events, 1.500 s>"


# Equality


def test_timelines_are_equal_when_they_read_the_same():
    assert frames_at(0, 20) == frames_at(0, 20)
    assert frames_at(0, 20) != frames_at(0, 20, 40)


def test_what_the_text_does_not_show_does_not_count():
    one, other = Timeline(), Timeline()
    one.record("clear", "bridge", "twilio", sent_ns=1)
    other.record("clear", "bridge", "twilio", sent_ns=2)
    assert one == other


@pytest.mark.parametrize("other", ["", 0, None, [], object()])
def test_the_comparison_with_anything_else_is_left_to_the_other(other):
    assert Timeline().__eq__(other) is NotImplemented
    assert Timeline() != other


def test_an_object_that_knows_timelines_may_decide():
    class Agrees:
        def __eq__(self, other: object) -> bool:
            return isinstance(other, Timeline)

        __hash__ = None

    assert Timeline() == Agrees()


def test_a_timeline_cannot_be_a_key():
    with pytest.raises(TypeError, match="unhashable"):
        hash(Timeline())


def test_a_watcher_sees_every_event_until_it_is_told_to_stop():
    timeline = Timeline()
    seen: list[str] = []
    timeline.record("before", "caller")
    stop = timeline.watch(lambda event: seen.append(event.kind))
    timeline.record("clear", "bridge")
    timeline.record("mark", "twilio")
    stop()
    timeline.record("after", "caller")
    assert seen == ["clear", "mark"]
