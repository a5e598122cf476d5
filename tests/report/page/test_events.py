"""Which events a page shows of a call, and on which lanes."""

from __future__ import annotations

from simkit.report.page.model import Panel
from tests.report.page.pages import page
from tests.timeline.stories import MS, Story, interrupted


def shown(panel: Panel) -> list[tuple[int, str, str, str]]:
    events, names = panel.events, [lane.id for lane in panel.lanes]
    return [
        (
            events.t[at] // 1000,
            names[events.source[at]],
            names[events.target[at]] if events.target[at] >= 0 else "",
            panel.kinds[events.kind[at]],
        )
        for at in range(len(events.t))
    ]


def test_messages_and_what_happens_are_shown_with_both_their_ends():
    panel = page(interrupted().tells(2100).clears(2110, 2130).timeline).panels[0]
    assert shown(panel) == [
        (900, "agent", "", "replies"),
        (1100, "caller", "", "hears"),
        (2000, "caller", "", "speaks"),
        (2100, "vapi", "bridge", "user-interrupted"),
        (2110, "bridge", "twilio", "clear"),
    ]
    assert (panel.events.sent[4], panel.events.arrived[4]) == (2_110_000, 2_130_000)
    assert (panel.events.sent[3], panel.events.arrived[3]) == (2_100_000, 2_100_000)
    assert panel.events.line[4] == "2.110  bridge   > twilio   clear"
    assert panel.duration == 10_000_000


def test_what_no_timeline_prints_is_not_shown():
    assert shown(page(Story().receives(100).timeline).panels[0]) == []


def test_there_is_a_lane_for_each_who_took_part():
    story = interrupted()
    story.timeline.record(
        "lost", "carrier", t_ns=0, call=1, towards="caller", packets=1, late=0, last_ns=0
    )
    story.timeline.record("open", "openai", "bridge", t_ns=0, session=1)
    story.timeline.record("forged", "stranger", "bridge", t_ns=0, how="unsigned")
    lanes = page(story.timeline).panels[0].lanes
    assert [lane.id for lane in lanes] == [
        "caller",
        "carrier",
        "twilio",
        "bridge",
        "openai",
        "stranger",
        "agent",
    ]
    assert lanes[1].name == "Carrier"


def test_what_happens_to_the_program_is_the_bridges_and_what_happens_to_the_test_is_not():
    story = interrupted()
    for host in ("bridge.example.com", "home"):
        story.timeline.record("stall", host, t_ns=0, duration_ns=1, task="", line="")
    found = shown(page(story.timeline).panels[0])
    assert [source for _, source, _, kind in found if kind == "stall"] == ["bridge", "home"]


def two_calls() -> Story:
    story = Story().replies(0, 900).hears(100, 1000).speaks(2000)
    story.replies(500, 900, utterance=5, session=2).hears(600, 1500, utterance=5, call=2)
    story.speaks(3000, utterance=6, call=2)
    story.tells(3100, session=1).tells(3200, session=2).tells(3300, session=3)
    story.timeline.record("fault", "vapi", t_ns=3400 * MS, name="x", value=1)
    return story


def test_each_call_has_its_own_and_what_may_be_anybodys():
    found = page(two_calls().timeline)
    [other] = found.others
    assert (found.panels[0].title, other.title) == ("call 1", "call 2")
    first = [t for t, _, _, _ in shown(found.panels[0])]
    second = [t for t, _, _, _ in shown(other)]
    assert first == [0, 100, 2000, 3100, 3300, 3400]
    assert second == [500, 600, 3000, 3200, 3300, 3400]
    assert {span.start // 1000 for span in other.spans if span.row == "mouth"} == {3000}


def test_of_very_many_calls_the_first_are_shown_and_a_remark_says_so():
    story = Story()
    for call in range(1, 31):
        story.speaks(call, call=call, utterance=call)
    found = page(story.timeline)
    assert len(found.others) == 20
    assert "shown are 21 calls of 30" in found.remarks
