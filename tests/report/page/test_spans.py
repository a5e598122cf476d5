"""What lasts in a call, as a page shows it."""

from __future__ import annotations

from typing import Any

from simkit.report.page.model import Span
from tests.report.page.pages import page
from tests.timeline.stories import MS, Story, interrupted


def spans(story: Story, row: str) -> list[Span]:
    return [span for span in page(story.timeline).panels[0].spans if span.row == row]


def places(found: list[Span]) -> list[tuple[float, float, int]]:
    return [(span.start / 1000, span.end / 1000, span.reply) for span in found]


def test_what_is_heard_has_the_colour_of_the_reply_it_is_of():
    story = Story().replies(0, 500).hears(100, 600)
    story.replies(1000, 500, utterance=7, reply=2).hears(1100, 1600, utterance=7)
    story.hears(2000, 2100, utterance=None)
    assert places(spans(story, "ear")) == [(100, 600, 0), (1100, 1600, 1), (2000, 2100, -1)]
    assert places(spans(story, "agent")) == [(0, 500, 0), (1000, 1500, 1)]
    assert [span.text for span in spans(story, "ear")] == ["Your"] * 3


def test_a_reply_that_was_stopped_ends_there_and_what_was_flushed_is_shown_behind_what_was_heard():
    story = interrupted().replied(2300, 1900)
    assert places(spans(story, "agent")) == [(900, 2300, 0)]
    *_, flushed = spans(story, "ear")
    assert flushed.unheard
    assert places([flushed]) == [(2400, 3000, 0)]
    assert flushed.title == "0.600 s of reply 1 were sent and never heard"


def test_less_than_a_tenth_of_a_second_need_not_have_been_flushed():
    for sent_ms, is_shown in ((1400, True), (1399, False)):
        found = spans(interrupted().replied(2300, sent_ms), "ear")
        assert any(span.unheard for span in found) is is_shown


def test_a_reply_of_which_nothing_was_heard_is_shown_from_when_it_reached_the_bridge():
    story = Story().replies(900, 3000, arrived=1000).speaks(2000)
    assert places(spans(story, "ear")) == [(1000, 4000, 0)]


def test_a_turn_lasts_until_it_is_answered():
    story = Story().speaks(1000, 500).replies(2000, 500).hears(2100, 2600).speaks(5000, 400)
    assert [
        (*place[:2], span.title)
        for place, span in zip(places(spans(story, "turn")), spans(story, "turn"), strict=True)
    ] == [
        (1000, 2100, "turn 1, answered after 600 ms"),
        (5000, 5400, "turn 2, never answered"),
    ]


def test_noise_comes_from_the_mouth():
    [span] = spans(Story().noise(300, 200), "mouth")
    assert (span.text, span.start, span.end) == ("door", 300_000, 500_000)


def event(story: Story, kind: str, source: str, t_ms: int, **fields: Any) -> None:
    call = None if source == "bridge.example.com" else 1
    story.timeline.record(kind, source, t_ns=t_ms * MS, call=call, **fields)


def test_disturbances_last_as_long_as_they_were_in_force():
    story = Story(end_ms=9000).speaks(100)
    event(story, "background", "caller", 500, name="street", level_dbfs=-40.0)
    event(story, "background", "caller", 4000, name="nothing", level_dbfs=None)
    event(story, "carrier", "carrier", 600, towards="caller", delay_ns=0, knobs={})
    event(story, "carrier", "carrier", 700, towards="twilio", delay_ns=0, knobs={})
    event(story, "carrier", "carrier", 900, towards="caller", delay_ns=0, knobs={})
    event(story, "lost", "carrier", 1000, towards="caller", packets=2, late=0, last_ns=1020 * MS)
    event(story, "stall", "bridge.example.com", 2000, duration_ns=300 * MS, task="", line="")
    event(story, "slow-reader", "bridge.example.com", 3000, peer="x", most=1, last_ns=None)
    event(story, "fault", "vapi", 3500, name="close", value=1006)
    event(story, "ended", "twilio", 8000, status="completed")
    found = [
        (span.text, span.start / 1000, span.end / 1000) for span in spans(story, "disturbance")
    ]
    assert found == [
        ("street", 500, 4000),
        ("carrier", 600, 900),
        ("carrier", 700, 8000),
        ("carrier", 900, 8000),
        ("lost", 1000, 1040),
        ("stall", 2000, 2300),
        ("slow-reader", 3000, 8000),
        ("close", 3500, 3500),
    ]


def test_what_was_done_to_a_link_lasts_until_it_is_done_otherwise():
    story = Story(end_ms=9000).speaks(100)
    disturb = story.timeline.disturb
    disturb("link a > b", "jitter", 0.01, 0, None)
    disturb("link a > b", "silent", True, 1000 * MS, None)
    disturb("link b > a", "silent", True, 1500 * MS, None)
    disturb("link a > b", "silent", False, 2000 * MS, None)
    disturb("link a > b", "stall", 0.5, 3000 * MS, 3500 * MS)
    disturb("link a > b", "reset_after", 100, 4000 * MS, None)
    found = {
        (span.title, span.start / 1000, span.end / 1000) for span in spans(story, "disturbance")
    }
    assert found == {
        ("link a > b: jitter 0.01", 0, 9000),
        ("link a > b: silent True", 1000, 2000),
        ("link b > a: silent True", 1500, 9000),
        ("link a > b: stall 0.5", 3000, 3500),
        ("link a > b: reset_after 100", 4000, 4000),
    }


def test_a_barge_in_names_its_parts_and_the_reply_it_hit():
    story = Story().replies(0, 500).hears(100, 600)
    story.replies(1000, 3000, utterance=7, reply=2).hears(1100, 2400, utterance=7)
    story.speaks(2000, text="wait").tells(2100).clears(2110, 2130)
    [bracket] = page(story.timeline).panels[0].brackets
    assert (bracket.onset, bracket.text, bracket.told_by) == (2_000_000, "wait", "user-interrupted")
    assert bracket.parts_ms == [100.0, 10.0, 20.0, 270.0]
    assert bracket.stop_ms == 400.0
    assert bracket.reply == 1


def test_a_barge_in_hits_what_begins_to_be_heard_in_its_instant():
    story = Story().replies(900, 3000).hears(2000, 2400).speaks(2000)
    assert page(story.timeline).panels[0].brackets[0].reply == 0


def test_a_barge_in_into_something_unknown_hits_no_reply():
    story = Story().hears(1100, 2400, utterance=None).speaks(2000)
    [bracket] = page(story.timeline).panels[0].brackets
    assert bracket.reply is None
