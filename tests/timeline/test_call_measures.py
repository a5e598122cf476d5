"""What a call was like, against numbers worked out by hand."""

from __future__ import annotations

import pytest

from simkit.timeline import measures
from simkit.timeline.measures import PacingError
from tests.timeline.stories import MS, Story, interrupted


def test_of_an_empty_call_nothing_is_known_and_nothing_is_nought_but_counts():
    found = measures(Story().timeline, 1)
    assert (found.missed_rate, found.false_rate, found.leaks) == (None, None, None)
    assert (found.stale_after_clear_ms, found.unheard_ms, found.ledger_error_ms) == (None,) * 3
    assert (found.agent_to_caller, found.caller_to_agent, found.clarity) == (None,) * 3
    assert found.first_words_lost_ms is None
    assert found.time_to_stop.p50_ms is None
    assert (found.turns, found.interruptions, found.agent_interrupts, found.overlap_ms) == (0,) * 4


def test_a_call_with_one_interruption():
    story = interrupted().receives(2080).tells(2210).clears(2250, 2270).replied(2200, 2000)
    found = measures(story.timeline, 1)
    assert (found.turns, found.interruptions, found.missed_rate) == (1, 1, 0.0)
    assert found.false_rate is None  # it was meant for the agent
    assert found.time_to_stop.p50_ms == 400.0
    assert (found.stale_after_clear_ms, found.unheard_ms) == (110.0, 700.0)
    assert found.overlap_ms == 400.0
    assert found.caller_to_agent.median_ms == 80.0
    assert found.agent_to_caller.median_ms == 200.0
    assert found.first_words_lost_ms == 0.0


def test_all_calls_together_are_the_sum_and_the_spread_of_each():
    story = interrupted().tells(2210).clears(2250, 2270)
    story.replies(900, 3000, utterance=11, session=2, reply=1).hears(
        1100, 4600, utterance=11, call=2
    )
    story.speaks(2000, call=2, utterance=12)
    both = measures(story.timeline)
    assert (both.calls, both.turns, both.interruptions) == (2, 2, 2)
    assert both.missed_rate == 0.5
    assert (both.time_to_stop.samples, both.time_to_stop.p50_ms) == (2, 400.0)
    second = measures(story.timeline, 2)
    assert (second.interruptions, second.missed_rate) == (1, 1.0)


def test_an_interruption_that_the_end_of_the_run_left_open_counts_as_neither():
    story = Story(end_ms=2400).replies(900, 3000).hears(1100, 2400).speaks(2000)
    found = measures(story.timeline, 1)
    assert (found.interruptions, found.missed_rate) == (1, None)


@pytest.mark.parametrize(("said_until", "rate"), [(999, 1.0), (1000, 1.0), (1001, 0.0)])
def test_who_was_spoken_to_in_the_second_before_gave_way_to_that(said_until, rate):
    story = Story().replies(0, 3000).hears(0, 2000).noise(1500).clears(2000, 2020)
    story.speaks(500, said_until - 500)
    assert measures(story.timeline, 1).false_rate == rate


def test_a_noise_that_the_agent_talks_through_is_a_chance_not_taken():
    story = Story().replies(0, 3000).hears(0, 3000).noise(500).noise(5000)
    assert measures(story.timeline, 1).false_rate == 0.0


def test_a_natural_end_after_a_noise_is_no_giving_way():
    story = Story().replies(0, 1000).hears(0, 1000).noise(900)
    assert measures(story.timeline, 1).false_rate == 0.0


def test_who_goes_on_before_the_answer_has_not_ended_the_turn():
    story = Story().speaks(1000).speaks(2000).hears(3000, 3500).speaks(4000)
    found = measures(story.timeline, 1).response_latency
    assert (found.samples, found.p50_ms) == (1, 500.0)


@pytest.mark.parametrize(("call", "interrupts", "overlap_ms"), [(1, 1, 300.0), (2, 0, 0.0)])
def test_nobody_speaks_over_the_caller_of_another_call(call, interrupts, overlap_ms):
    found = measures(Story().speaks(1000, call=call).hears(1200, 1600).timeline, 1)
    assert (found.agent_interrupts, found.overlap_ms) == (interrupts, overlap_ms)


# What was heard


def test_a_reply_with_all_flaws():
    story = Story().replies(900, 2000).hears(1000, 1400)
    story.hears(1400, 1600, offset=300)  # 100 ms again
    story.hears(1650, 1900, offset=500)  # after a pause of 50 ms
    story.hears(1900, 2000, offset=830)  # with 80 ms missing
    found = measures(story.timeline, 1).flaws
    assert (found.repeat_ms, found.gap_ms, found.lost_ms) == (100.0, 50.0, 80.0)


def test_silence_in_place_of_what_is_missing_is_a_loss_and_no_gap():
    story = Story().replies(900, 2000).hears(1000, 1400).hears(1460, 2000, offset=460)
    found = measures(story.timeline, 1).flaws
    assert (found.repeat_ms, found.gap_ms, found.lost_ms) == (0.0, 0.0, 60.0)


def test_a_beginning_that_was_never_heard_is_lost():
    story = Story().replies(900, 2000).hears(1000, 2000, offset=140)
    assert measures(story.timeline, 1).flaws.lost_ms == 140.0


def test_clarity_is_weighted_by_length():
    story = Story().replies(900, 2000)
    story.hears(1000, 1300, snr_db=36.0, mulaw_snr_db=38.0)
    story.hears(1300, 1400, offset=300, snr_db=20.0, mulaw_snr_db=38.0)
    story.hears(1400, 1500, offset=400)
    found = measures(story.timeline, 1).clarity
    assert (found.snr_db, found.mulaw_snr_db) == (32.0, 38.0)


def test_what_somebody_else_heard_was_unheard_by_this_caller():
    story = Story().replies(900, 1000).hears(1000, 1500).hears(1000, 2000, call=2)
    assert measures(story.timeline, 1).unheard_ms == 500.0


# First words


def test_the_beginning_that_never_reached_vapi_is_lost():
    story = Story().speaks(0, 1000).receives(400, offset=320, ms=680)
    assert measures(story.timeline, 1).first_words_lost_ms == 320.0


def test_words_that_never_arrived_are_lost_whole_once_they_should_have():
    assert measures(Story().speaks(0, 1000).timeline, 1).first_words_lost_ms == 1000.0
    assert measures(Story(end_ms=800).speaks(0, 1000).timeline, 1).first_words_lost_ms == 300.0
    assert measures(Story(end_ms=500).speaks(0, 1000).timeline, 1).first_words_lost_ms is None


# What the model is told, what is left over


@pytest.mark.parametrize(("told_ms", "error"), [(900, 0.0), (1500, 600.0), (400, -500.0)])
def test_the_ledger_s_error_is_what_was_told_minus_what_was_heard(told_ms, error):
    story = Story().replies(900, 3000).hears(1000, 2400)
    story.timeline.record(
        "truncate", "bridge", "vapi", t_ns=1900 * MS, utterance=1, audio_ns=told_ms * MS
    )
    assert measures(story.timeline, 1).ledger_error_ms == error


def test_the_ledger_is_of_one_call_and_of_what_was_heard_by_then():
    story = Story().replies(900, 3000).hears(1000, 2400).hears(2500, 3000, offset=1400)
    story.timeline.record(
        "truncate", "bridge", "vapi", t_ns=1900 * MS, utterance=1, audio_ns=900 * MS
    )
    assert measures(story.timeline, 1).ledger_error_ms == 0.0
    story.hears(1000, 2000, utterance=8, call=2)
    assert measures(story.timeline, 2).ledger_error_ms is None


def ended(end_ms: float = 10_000) -> Story:
    story = Story(end_ms).replies(900, 1000).hears(1000, 2000)
    story.timeline.record("open", "vapi", "bridge", t_ns=0, session=1)
    story.timeline.record("ended", "twilio", t_ns=3000 * MS, call=1, status="completed")
    return story


def test_what_is_left_is_counted_a_second_after_the_end():
    assert measures(ended().timeline, 1).leaks == 1
    assert measures(ended(3999).timeline, 1).leaks is None
    story = ended()
    story.timeline.record("close", "bridge", "vapi", t_ns=3500 * MS, session=1, code=1000)
    assert measures(story.timeline, 1).leaks == 0
    story.timeline.record("leaks", "bridge", t_ns=4000 * MS, tasks=["a", "b"])
    assert measures(story.timeline, 1).leaks == 2
    story.timeline.record(
        "leaks", "bridge", t_ns=4000 * MS, tasks=[], sockets=["client connection"]
    )
    assert measures(story.timeline, 1).leaks == 3


# A bridge that listens for itself


def test_a_clear_before_any_message_is_the_bridge_s_own_doing():
    found = interrupted().clears(2050, 2070).tells(2210).barge_in()
    assert found.parts == (None, None, 20.0, 330.0)
    assert found.detected_by is None


# How evenly it came


def test_jitter_is_of_the_legs_of_one_call_or_the_worst_of_all():
    story = interrupted()
    for session in (1, 2):
        for t_ms in (0, 20 + 16 * session):  # a sixteenth of what it was late
            story.timeline.frame("vapi", "bridge", t_ms * MS, 20 * MS, session=session)
    assert measures(story.timeline, 1).jitter_ms == {"vapi>bridge": 1.0}
    assert measures(story.timeline).jitter_ms == {"vapi>bridge": 2.0}


def test_how_late_real_time_was_is_known_where_there_were_deadlines():
    figures = {"p50_ms": 0.1, "p95_ms": 1.0, "p99_ms": 2.0, "max_ms": 9.0}
    story = Story()
    story.timeline.record("pacing", "home", t_ns=0, deadlines=0, **figures)
    assert measures(story.timeline).pacing_error_ms is None
    story.timeline.record("pacing", "home", t_ns=MS, deadlines=3, **figures)
    assert measures(story.timeline).pacing_error_ms == PacingError(deadlines=3, **figures)
