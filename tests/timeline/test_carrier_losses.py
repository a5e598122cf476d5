"""What the carrier did to a call, read from its timeline."""

from __future__ import annotations

import pytest

from simkit import checks
from simkit.timeline import Timeline, carrier_delay_ns, carrier_lost_ns

MS = 1_000_000


def story(missing_ms: int, lost_packets: int, towards: str = "caller") -> Timeline:
    """The caller hears a reply of 2 s with a hole at 1 s, of which the carrier lost some."""
    timeline = Timeline(lambda: 5000 * MS)
    timeline.record(
        "replies", "agent", t_ns=0, session=1, reply=1, utterance=0, text="hello", duration_ns=2000
        * MS,
    )  # fmt: skip
    if lost_packets:
        timeline.record(
            "lost", "carrier", t_ns=1000 * MS, call=1, towards=towards, packets=lost_packets,
            late=0, last_ns=(980 + 20 * lost_packets) * MS,
        )  # fmt: skip
    for start, offset, duration in ((0, 0, 1000), (1000 + missing_ms, 1000 + missing_ms, 500)):
        timeline.record(
            "hears", "caller", t_ns=start * MS, call=1, utterance=0, offset_ns=offset * MS,
            duration_ns=duration * MS, text="hello",
        )  # fmt: skip
    return timeline


def intact(timeline: Timeline) -> bool:
    return next(c for c in checks.run(timeline) if c.name == "agent-audio-intact").passed


def test_a_hole_that_the_carrier_made_is_not_the_bridges():
    assert intact(story(missing_ms=200, lost_packets=10))


def test_a_hole_that_is_larger_than_what_was_lost_is():
    assert not intact(story(missing_ms=500, lost_packets=10))
    assert not intact(story(missing_ms=200, lost_packets=0))
    assert not intact(story(missing_ms=200, lost_packets=10, towards="twilio"))


def test_what_is_left_between_losses_is_not_held_against_the_bridge():
    timeline = story(missing_ms=200, lost_packets=10)
    unknown = timeline.record(
        "hears", "caller", t_ns=1210 * MS, call=1, utterance=None, offset_ns=0,
        duration_ns=100 * MS, text="",
    )  # fmt: skip
    assert intact(timeline)
    unknown.t_ns = 3000 * MS
    assert not intact(timeline)


def test_a_gap_in_which_nothing_is_missing_is_no_loss():
    timeline = story(missing_ms=0, lost_packets=0)
    assert carrier_lost_ns(timeline, 1, "caller", 0, 5000 * MS) == 0
    assert carrier_delay_ns(timeline, 1, "caller") == 0


def test_a_run_of_losses_counts_for_the_time_it_covers():
    timeline = story(missing_ms=200, lost_packets=10)
    assert carrier_lost_ns(timeline, 1, "caller", 1100 * MS, 1110 * MS) == 200 * MS
    assert carrier_lost_ns(timeline, 1, "caller", 1200 * MS, 2000 * MS) == 0
    assert carrier_lost_ns(timeline, 1, "caller", 0, 1000 * MS) == 0
    assert carrier_lost_ns(timeline, 2, "caller", 0, 5000 * MS) == 0


def test_the_delay_is_that_of_the_direction():
    timeline = Timeline()
    timeline.record("carrier", "carrier", call=1, towards="twilio", delay_ns=80 * MS, knobs={})
    assert carrier_delay_ns(timeline, 1, "twilio") == 80 * MS
    assert carrier_delay_ns(timeline, 1, "caller") == 0


@pytest.mark.parametrize(("delay_ms", "complete"), [(0, False), (900, True)])
def test_what_was_still_on_a_slow_line_at_the_end_was_not_lost(delay_ms, complete):
    """The call ends at 4 s; what the caller said from 2 to 3.4 s arrived to 2.6 s of it."""
    timeline = Timeline(lambda: 5000 * MS)
    timeline.record(
        "carrier", "carrier", t_ns=0, call=1, towards="twilio", delay_ns=delay_ms * MS, knobs={}
    )
    timeline.record(
        "speaks", "caller", t_ns=2000 * MS, call=1, utterance=0, text="hello",
        duration_ns=1400 * MS,
    )  # fmt: skip
    timeline.record(
        "receives", "vapi", t_ns=2900 * MS, session=1, utterance=0, offset_ns=0,
        duration_ns=600 * MS,
    )  # fmt: skip
    timeline.record("ended", "twilio", t_ns=4000 * MS, call=1, status="completed")
    found = next(c for c in checks.run(timeline) if c.name == "caller-audio-complete")
    assert found.passed is complete
