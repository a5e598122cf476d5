"""The picture of a call: what is drawn where, and nothing but pictures in it."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from simkit.checks import CheckResult, Sound, Violation
from simkit.report import draw
from simkit.timeline import Timeline
from tests.report.page.test_events import two_calls
from tests.timeline.stories import MS, Story

SVG = "{http://www.w3.org/2000/svg}"


def barge_in() -> Timeline:
    story = Story().replies(900, 5000).hears(1000, 2300).speaks(2000, 800, text="wait, Thursday")
    story.timeline.record(
        "clear",
        "bridge",
        "twilio",
        t_ns=2210 * MS,
        call=1,
        sent_ns=2210 * MS,
        arrived_ns=2230 * MS,
    )
    return story.replied(2200, 2000).timeline


def boxes(picture: str) -> dict[str, tuple[float, float]]:
    """Each box that has a title: left edge and width, by the title's beginning."""
    found = {}
    for box in ElementTree.fromstring(picture).iter(f"{SVG}rect"):
        title = box.find(f"{SVG}title")
        if title is not None and title.text is not None:
            what = re.sub(r"^\S+\s+(\S+)\s+(\S+).*", r"\1 \2", title.text)
            found[what] = float(box.attrib["x"]), float(box.attrib["width"])
    return found


def test_voices_stand_where_they_sounded():
    seen = boxes(draw(barge_in()))
    spoken_x, spoken_width = seen["caller speaks"]
    heard_x, heard_width = seen["caller hears"]
    # 10 s on 772 points, from 74 on
    assert (spoken_x, heard_x) == (228.4, 151.2)
    assert spoken_width == pytest.approx(61.8, abs=0.2)
    assert heard_width == pytest.approx(100.4, abs=0.2)


def test_a_reply_ends_where_it_was_interrupted():
    x, width = boxes(draw(barge_in()))["agent speaks"]
    assert x + width == pytest.approx(74 + 2.2 * 77.2, abs=0.2)


def test_what_was_not_heard_is_told_where_nothing_else_is_written():
    def story() -> Story:
        return Story().replies(900, 5000).hears(1000, 2300).speaks(2000, 800)

    assert ">not heard: 3.70 s<" in draw(story().timeline)
    again = story().hears(2900, 4000, utterance=3)  # half a second later something else is heard
    assert ">not heard: " not in draw(again.timeline)


def test_an_interruption_says_how_long_the_agent_went_on_and_what_the_caller_was_spared():
    picture = draw(barge_in())
    assert ">stops after 300 ms</text>" in picture
    assert 'class="unheard"' in picture


def test_an_interruption_is_divided_into_its_four_parts_with_their_milliseconds():
    story = Story().replies(900, 5000, arrived=1000).hears(1100, 2400).speaks(2000)
    picture = draw(story.tells(2210).clears(2215, 2250).timeline)
    written = re.findall(
        r">(1: \S+ s|stops after .*?|(?:detect|react|fly|tail) .*?)</text>", picture
    )
    assert written == [
        "1: 2.000 s",
        "stops after 400 ms",
        "detect 210 ms",
        "react 5 ms",
        "fly 35 ms",
        "tail 150 ms",
    ]
    widths = [
        float(w)
        for w in re.findall(r'class="p\d" x="\S+" y="\S+" width="(\S+)" height="10"', picture)
    ]
    assert widths == pytest.approx([210 / 1.6, 5 / 1.6, 35 / 1.6, 150 / 1.6], abs=0.1)


def test_what_never_was_has_no_width_and_no_figure():
    picture = draw(Story(3000).replies(900, 5000).hears(1000, 3000).speaks(2000).timeline)
    assert ">never stops</text>" in picture
    assert ">detect -</text>" in picture
    assert 'height="10"' not in picture


def test_numbers_of_interruptions_never_stand_on_each_other():
    story = Story().replies(900, 5000).hears(1000, 4000)
    for t_ms in (2000, 2010, 2020, 3000):
        story.speaks(t_ms, 5, utterance=t_ms)
    picture = draw(story.timeline)
    assert re.findall(r'class="name bad">(\d)</text>', picture) == ["1", "4"]
    assert len(re.findall(r">stops after", picture)) == 4


def test_of_very_many_interruptions_the_first_are_listed():
    story = Story().replies(900, 8000).hears(1000, 9000)
    for number in range(20):
        story.speaks(2000 + 300 * number, 100, utterance=number + 2)
    picture = draw(story.timeline)
    assert len(re.findall(r">stops after", picture)) == 12
    assert ">and 8 more</text>" in picture


def test_what_matters_has_its_name_and_the_rest_on_hovering():
    picture = draw(barge_in())
    assert ">clear</text>" in picture
    assert "<title>2.210  bridge   &gt; twilio   clear</title>" in picture


def test_names_at_one_instant_stand_above_each_other_as_far_as_there_is_room():
    timeline = Story().timeline
    for kind in ("start", "fault", "error", "warning"):
        timeline.record(kind, "twilio", "bridge", t_ns=2000 * MS, call=1, shown={})
    names = re.findall(r'y="(\S+)" class="name[^>]*>(\w+)</text>', draw(timeline))
    middle = float(names[0][0])
    assert [(float(y) - middle, name) for y, name in names] == [
        (0, "start"),
        (10, "fault"),
        (-10, "error"),
    ]


def test_what_comes_from_outside_the_lanes_is_not_drawn():
    story = Story()
    empty = draw(story.timeline)
    story.timeline.record("dtmf", "phone", "bridge", t_ns=2000 * MS, call=1, digit="1")
    assert draw(story.timeline) == empty


@pytest.mark.parametrize("hours", [0.5, 1, 2, 12])
def test_instants_on_the_axis_keep_their_distance(hours):
    timeline = Timeline(lambda: round(hours * 3600 * 1000 * MS))
    marks = re.findall(r'<text x="(\S+)" y="\S+" class="dim" text-anchor="middle">', draw(timeline))
    places = [float(x) for x in marks]
    assert len(places) > 1
    assert all(right - left >= 56 for left, right in pairwise(places))


def test_a_part_of_a_call_shows_what_happens_in_it():
    late = draw(barge_in(), start=5.0, end=6.0)
    assert boxes(late) == {}
    assert ">5.5 s</text>" in late
    part = boxes(draw(barge_in(), start=2.0, end=3.0))
    assert part["caller hears"] == (74.0, pytest.approx(231.6, abs=0.2))


def test_a_part_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValueError, match=r"from 3 s on ends later; found 2 s"):
        draw(barge_in(), start=3.0, end=2.0)


def test_a_heading_stands_above_and_is_cut_to_the_width():
    picture = draw(barge_in(), heading="FAILED " + "very " * 60)
    [heading] = re.findall(r'class="heading">(.*)</text>', picture)
    assert heading.startswith("FAILED very")
    assert heading.endswith("…")
    assert len(heading) == 139
    assert boxes(picture) == boxes(draw(barge_in()))


def test_another_call_is_not_drawn():
    assert boxes(draw(barge_in(), call=2)) == {}


def test_of_several_calls_the_picture_says_which_it_shows():
    assert "call 1 of" not in draw(barge_in())
    two = two_calls().timeline
    assert ">call 2 of 2</text>" in draw(two, call=2)
    headed = draw(two, heading="x" * 200)
    assert ">call 1 of 2</text>" in headed
    [heading] = re.findall('class="heading">([^<]*)<', headed)
    assert 6.1 * len(heading) < 860 - 90


def test_what_people_say_is_text_and_nothing_else():
    hostile = '</text><script>alert(1)</script>"\x1b[2J\u202e'
    picture = draw(Story().speaks(2000, 9000, text=hostile).timeline)
    tags = {element.tag for element in ElementTree.fromstring(picture).iter()}
    assert tags == {f"{SVG}{name}" for name in ("svg", "style", "path", "rect", "title", "text")}
    assert "\x1b" not in picture
    assert "\u202e" not in picture


def test_everything_stands_in_its_place(snapshot):
    story = Story(12_000).replies(900, 5000).hears(1000, 2300).replied(2200, 2000)
    story.replies(4000, 900, utterance=3, reply=2).hears(4200, 5100, utterance=3)
    story.hears(5200, 5400, utterance=None)
    story.speaks(2000, 800, text="wait, can we do Thursday instead of all that was said before?")
    story.speaks(9000, 30, text="no", utterance=5)
    timeline = story.timeline
    timeline.record("open", "vapi", "bridge", t_ns=300 * MS, session=1)
    for at_ms, kind, source, target in (
        (100, "start", "twilio", "bridge"),
        (2100, "user-interrupted", "vapi", "bridge"),
        (2110, "clear", "bridge", "twilio"),
        (2115, "mark", "twilio", "bridge"),
        (2120, "mark", "twilio", "bridge"),
        (8000, "warning", "vapi", None),
        (8100, "fault", "vapi", None),
        (8105, "log", "bridge", None),
        (11_000, "ended", "twilio", None),
    ):
        timeline.record(
            kind, source, target, t_ns=at_ms * MS, call=1 if "twilio" in (source, target) else None,
            sent_ns=at_ms * MS, arrived_ns=(at_ms + 20) * MS, name="agent-1", reason="too late",
            status="completed", message="dropped", value=1, code=31951,
        )  # fmt: skip
    timeline.frame("twilio", "bridge", 200 * MS, 20 * MS, call=1)
    timeline.frame("bridge", "twilio", 1000 * MS, 20 * MS, call=1)
    assert draw(timeline, heading="passed") == snapshot
    assert draw(timeline, start=2.0, end=2.5) == snapshot


def test_the_same_call_gives_the_same_bytes():
    assert draw(barge_in()) == draw(barge_in())


def test_what_broke_a_promise_is_framed_and_the_picture_has_a_name():
    sounds = Sound(1, "ear", 2250 * MS, 2300 * MS), Sound(2, "ear", 1000 * MS, 2300 * MS)
    found = [Violation(2250 * MS, "heard <50 ms>", (), sounds)]
    broken = CheckResult("no-stale-audio", "", found)
    picture = ElementTree.fromstring(draw(barge_in(), heading='a "call"', checks=[broken]))
    (frame,) = (it for it in picture.iter(f"{SVG}path") if it.get("class") == "sound")
    assert frame.findtext(f"{SVG}title") == "heard <50 ms>"
    assert "no-stale-audio" in [it.text for it in picture.iter(f"{SVG}text")]
    assert picture.get("aria-label") == 'a "call"'
    waived = CheckResult("no-stale-audio", "", found, waived="known")
    assert draw(barge_in(), checks=[waived]) == draw(barge_in())
