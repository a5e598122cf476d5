"""Which instants are a barge-in, and which Vapi call a phone call was bridged to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simkit.timeline import barge_ins, sessions_of
from tests.timeline.stories import Story, interrupted

# What is a barge-in


@pytest.mark.parametrize("onset", [500, 1099, 2400, 3000])
def test_a_caller_who_speaks_while_the_agent_is_silent_does_not_interrupt(onset):
    story = Story().replies(900, 3000).hears(1100, 2400).speaks(onset)
    assert barge_ins(story.timeline) == []


@pytest.mark.parametrize("onset", [1100, 2399])
def test_the_agent_s_first_instant_counts_and_so_does_its_last(onset):
    found = Story().replies(900, 3000).hears(1100, 2400).speaks(onset).barge_in()
    assert found.time_to_stop_ms == 2400 - onset


def test_a_pause_of_199_ms_belongs_to_the_speech():
    story = Story().hears(1000, 2000).hears(2199, 3000).speaks(1500)
    assert story.barge_in().time_to_stop_ms == 1500.0
    in_the_pause = Story().hears(1000, 2000).hears(2199, 3000).speaks(2100)
    assert in_the_pause.barge_in().time_to_stop_ms == 900.0


def test_a_pause_of_200_ms_is_silence():
    story = Story().hears(1000, 2000).hears(2200, 3000).speaks(1500)
    assert story.barge_in().time_to_stop_ms == 500.0
    in_the_pause = Story().hears(1000, 2000).hears(2200, 3000).speaks(2100)
    assert barge_ins(in_the_pause.timeline) == []


@given(st.permutations([(1000, 1200), (1150, 1900), (2050, 2600), (2799, 2900), (3100, 3200)]))
def test_pieces_merge_in_whatever_order_they_were_recorded(pieces):
    story = Story().speaks(1100)
    for start, end in pieces:
        story.hears(start, end)
    assert story.barge_in().time_to_stop_ms == 1800.0


def test_the_reply_that_is_interrupted_is_the_one_heard_last():
    story = Story().replies(900, 500).hears(1000, 1500)
    story.replies(1500, 3000, utterance=5, reply=2).hears(1600, 2400, utterance=5).speaks(2000)
    assert story.barge_in().reply == 2


def test_barge_ins_come_in_the_order_of_their_onsets():
    story = Story().hears(1000, 2000, call=2).speaks(1500, call=2, text="second call")
    story.hears(1000, 2000, call=1).speaks(1600, call=1, text="first call")
    story.speaks(1200, call=1, text="earlier")
    assert [found.text for found in barge_ins(story.timeline)] == [
        "earlier",
        "second call",
        "first call",
    ]
    assert [found.text for found in barge_ins(story.timeline, call=2)] == ["second call"]


def test_callers_do_not_interrupt_each_other_s_agents():
    story = Story().hears(1000, 2000, call=1).speaks(1500, call=2)
    assert barge_ins(story.timeline) == []


def test_a_clear_of_another_call_is_not_this_one_s():
    assert interrupted().tells(2210).clears(2250, 2270, call=2).barge_in().react_ms is None


# Which Vapi call


def test_sessions_are_told_by_what_crossed():
    story = Story().replies(900, 1000, utterance=1, session=7).hears(1000, 2000, utterance=1)
    story.speaks(3000, utterance=2).receives(3030, utterance=2, session=8)
    assert sessions_of(story.timeline, 1) == {7, 8}


def test_two_calls_at_once_keep_their_sessions():
    story = Story()
    for call, session in ((1, 2), (2, 1)):
        story.replies(900, 2000, utterance=10 * call, session=session)
        story.hears(1000, 3000, utterance=10 * call, call=call)
        story.speaks(2000, utterance=20 * call, call=call)
        story.receives(2030, utterance=20 * call, session=session)
    assert sessions_of(story.timeline, 1) == {2}
    assert sessions_of(story.timeline, 2) == {1}
    story.tells(2100, session=1).tells(2300, session=2)
    assert [found.detect_ms for found in barge_ins(story.timeline)] == [300.0, 100.0]


def test_a_call_that_nothing_crossed_has_no_session():
    story = Story().speaks(1000).hears(1000, 1500, utterance=None)
    story.receives(1030, utterance=None)
    assert sessions_of(story.timeline, 1) == set()
