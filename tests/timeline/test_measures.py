"""The measures of a barge-in, against numbers worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simkit.timeline import BargeIn
from simkit.timeline.intervals import Interval
from tests.timeline.stories import Story, interrupted

MS = 1_000_000


def test_every_field_of_a_barge_in():
    story = interrupted().receives(2030).tells(2210).clears(2250, 2270).replied(2200, 2000)
    assert story.barge_in() == BargeIn(
        call=1,
        onset_ns=2000 * MS,
        text="wait",
        time_to_stop_ms=400.0,
        detect_ms=210.0,
        react_ms=40.0,
        fly_ms=20.0,
        tail_ms=130.0,
        detected_by="user-interrupted",
        reply=1,
        reply_at_ms=1210.0,
        unheard_ms=700.0,
        stale_after_clear_ms=110.0,
        yielded=True,
        stale=(Interval(2290 * MS, 2400 * MS),),
    )
    assert story.barge_in().parts == (210.0, 40.0, 20.0, 130.0)


def test_unheard_is_counted_from_the_whole_reply_while_it_is_not_over():
    assert interrupted().barge_in().unheard_ms == 1700.0


def test_a_reply_that_is_heard_twice_leaves_nothing_unheard():
    story = Story().replies(900, 1000).hears(1000, 2000).hears(2100, 3100).speaks(2500)
    assert story.barge_in().unheard_ms == 0.0


def test_only_what_is_heard_one_frame_after_the_clear_is_stale():
    told = interrupted().tells(2210)
    assert told.clears(2350, 2379).barge_in().stale_after_clear_ms == 1.0
    told = interrupted().tells(2210)
    assert told.clears(2350, 2380).barge_in().stale_after_clear_ms == 0.0


def test_the_next_reply_is_not_stale():
    story = interrupted().tells(2210).clears(2250, 2270)
    story.replies(2900, 1000, utterance=5, reply=2).hears(3000, 4000, utterance=5)
    assert story.barge_in().stale_after_clear_ms == 110.0


def test_what_was_on_its_way_to_the_caller_at_the_clear_is_not_stale():
    story = interrupted().tells(2210).clears(2250, 2270)
    for towards, delay_ms in (("caller", 50), ("twilio", 90)):
        story.timeline.record(
            "carrier", "carrier", t_ns=0, call=1, towards=towards, delay_ns=delay_ms * MS, knobs={}
        )
    assert story.barge_in().stale_after_clear_ms == 60.0


@pytest.mark.parametrize(
    ("stops_ms", "end_ms", "yielded"),
    [(4000, 9000, True), (4001, 9000, False), (4000, 4000, False), (3999, 3999, None)],
)
def test_who_goes_on_for_over_two_seconds_has_not_yielded(stops_ms, end_ms, yielded):
    story = Story(end_ms).replies(900, 9000).hears(1100, stops_ms).speaks(2000)
    assert story.barge_in().yielded is yielded


def test_what_begins_to_be_heard_in_the_instant_of_the_onset_is_interrupted():
    assert Story().replies(900, 3000).hears(2000, 2400).speaks(2000).barge_in().reply == 1


# What never happened


def test_without_a_message_there_is_no_detection_and_no_reaction():
    found = interrupted().clears(2250, 2270).barge_in()
    assert (found.detect_ms, found.detected_by, found.react_ms) == (None, None, None)
    assert (found.fly_ms, found.tail_ms, found.reply_at_ms) == (20.0, 130.0, None)


def test_without_a_clear_there_is_nothing_after_the_detection():
    found = interrupted().tells(2210).barge_in()
    assert found.parts == (210.0, None, None, None)
    assert found.time_to_stop_ms == 400.0
    assert found.stale_after_clear_ms is None


def test_a_clear_that_never_arrives_flies_for_ever():
    story = interrupted().tells(2210)
    story.timeline.record("clear", "bridge", "twilio", t_ns=2250 * MS, call=1)
    assert story.barge_in().parts == (210.0, 40.0, None, None)


def test_an_agent_that_goes_on_to_the_end_never_stops():
    story = Story(end_ms=2400).replies(900, 3000).hears(1100, 2400).speaks(2000)
    found = story.tells(2210).clears(2250, 2270).barge_in()
    assert found.time_to_stop_ms is None
    assert found.parts == (210.0, 40.0, 20.0, None)


def test_an_unknown_sound_can_be_interrupted_but_belongs_to_no_reply():
    found = Story().hears(1000, 2400, utterance=None).speaks(2000).clears(2100, 2120).barge_in()
    assert found.time_to_stop_ms == 400.0
    assert (found.reply, found.reply_at_ms, found.unheard_ms, found.stale_after_clear_ms) == (
        None,
        None,
        None,
        None,
    )


instants = st.integers(1, 4000)


@given(
    onset=st.integers(1100, 2399),
    stop=st.integers(2400, 4000),
    told=st.none() | instants,
    clear=st.none() | instants,
    flight=st.none() | st.integers(0, 500),
)
def test_the_parts_sum_up_and_none_never_becomes_nought(onset, stop, told, clear, flight):
    story = Story().replies(900, 3500).hears(1100, stop).speaks(onset)
    if told is not None:
        story.tells(told)
    if clear is not None:
        arrived = None if flight is None else (clear + flight) * MS
        story.timeline.record(
            "clear", "bridge", "twilio", t_ns=clear * MS, call=1, arrived_ns=arrived
        )
    found = story.barge_in()
    assert found.time_to_stop_ms == stop - onset
    is_told = told is not None and onset <= told <= stop + 1000
    is_cleared = clear is not None and (told if is_told else onset) <= clear <= stop + 1000
    assert (found.detect_ms is not None) == is_told
    assert (found.react_ms is not None) == (is_told and is_cleared)
    assert (found.fly_ms is not None) == (is_cleared and flight is not None)
    assert (found.tail_ms is not None) == (is_cleared and flight is not None)
    if None not in found.parts:
        assert sum(found.parts) == pytest.approx(found.time_to_stop_ms, abs=1e-6)


# What tells of it


@pytest.mark.parametrize(
    ("kind", "fields", "name"),
    [
        ("user-interrupted", {}, "user-interrupted"),
        ("interrupt", {}, "interrupt"),
        ("speech-update", {"role": "user", "status": "started"}, "speech-update"),
        ("transcript", {"role": "user", "transcript_type": "partial"}, "partial transcript"),
        ("transcript", {"role": "user", "transcript_type": "final"}, "final transcript"),
    ],
)
def test_each_message_that_tells_of_the_caller_is_named(kind, fields, name):
    found = interrupted().tells(2210, kind, **fields).barge_in()
    assert (found.detect_ms, found.detected_by) == (210.0, name)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("speech-update", {"role": "assistant", "status": "started"}),
        ("speech-update", {"role": "user", "status": "stopped"}),
        ("transcript", {"role": "assistant", "transcript_type": "final"}),
        ("conversation-update", {"messages": 1}),
    ],
)
def test_other_messages_do_not_tell(kind, fields):
    assert interrupted().tells(2210, kind, **fields).barge_in().detected_by is None


def test_the_first_message_counts():
    story = interrupted().tells(2300).tells(2205, "speech-update", role="user", status="started")
    assert story.barge_in().detected_by == "speech-update"


def test_a_message_from_before_the_onset_tells_of_something_else():
    assert interrupted().tells(1999).barge_in().detect_ms is None
    assert interrupted().tells(2000).barge_in().detect_ms == 0.0


def test_more_than_a_second_after_silence_a_message_tells_of_something_else():
    assert interrupted().tells(3400).barge_in().detect_ms == 1400.0
    assert interrupted().tells(3401).barge_in().detect_ms is None


def test_another_vapi_call_does_not_tell():
    assert interrupted().tells(2210, session=2).barge_in().detect_ms is None


def test_when_the_agent_ends_by_itself_the_tail_is_negative_and_the_sum_holds():
    found = Story().replies(900, 1000).hears(1100, 2100).speaks(2000)
    parts = found.tells(2210).clears(2250, 2270).barge_in().parts
    assert parts == (210.0, 40.0, 20.0, -170.0)
    assert sum(parts) == 100.0


def test_the_transcript_of_what_was_said_before_does_not_tell():
    story = interrupted().speaks(400, 300, utterance=7, text="hello")
    story.tells(2050, "transcript", role="user", transcript_type="final", text="hello")
    story.tells(2210, "transcript", role="user", transcript_type="partial", text="wait")
    assert story.barge_in().detect_ms == 210.0
