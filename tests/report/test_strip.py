"""The strip: where what stands, and that it stays small."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from simkit.checks import Sound, Violation
from simkit.report.strip import WIDTH, strip
from simkit.timeline import Timeline
from tests.timeline.stories import MS, Story


def boxes(text: str) -> dict[str, list[tuple[float, float]]]:
    """Left edge and width of each box, by its class."""
    found: dict[str, list[tuple[float, float]]] = {}
    for box in ElementTree.fromstring(text).iter("rect"):
        if box.attrib["class"] == "ground":
            continue
        place = float(box.attrib["x"]), float(box.attrib["width"])
        found.setdefault(box.attrib["class"], []).append(place)
    return found


def test_voices_stand_where_they_sounded_and_an_interruption_until_silence():
    story = Story(10_000).replies(1000, 5000).hears(1000, 2300).speaks(2000, 800)
    seen = boxes(strip(story.replied(2200, 1000).timeline))
    second = WIDTH / 10
    assert seen["mouth"] == [(2 * second, pytest.approx(0.8 * second, abs=0.1))]
    sent, heard = seen["r0"]
    assert sent == (second, pytest.approx(1.2 * second, abs=0.1))
    assert heard == (second, pytest.approx(1.3 * second, abs=0.1))
    assert seen["stop"] == [(2 * second, pytest.approx(0.3 * second, abs=0.1))]


def test_what_broke_stands_at_its_instant_and_other_calls_are_left_out():
    story = Story(10_000).speaks(2000, 800).speaks(5000, 800, call=2)
    stale = Sound(1, "ear", 2000 * MS, 3000 * MS), Sound(2, "ear", 4000 * MS, 5000 * MS)
    text = strip(
        story.timeline,
        [Violation(2000 * MS, "", (), stale), *(Violation(t, "") for t in (2000 * MS, 7000 * MS))],
    )
    assert boxes(text)["sound"] == [(WIDTH / 5, WIDTH / 10)]
    assert len(boxes(text)["mouth"]) == 1
    assert f'class="broken" d="M{WIDTH / 5:g} 0V40M{WIDTH * 0.7:g} 0V40"' in text


@pytest.mark.parametrize(
    ("ms", "names"),
    [
        (9_500, {"2 s": 21.05, "4 s": 42.11, "6 s": 63.16, "8 s": 84.21}),
        (500, {"0.1 s": 20.0, "0.2 s": 40.0, "0.3 s": 60.0, "0.4 s": 80.0}),
        (150_000, {"30 s": 20.0, "60 s": 40.0, "90 s": 60.0, "2:00": 80.0}),
    ],
)
def test_some_lines_have_their_instants_below_them(ms, names):
    root = ElementTree.fromstring(strip(Story(ms).speaks(100, 100).timeline))
    assert {it.text: float(it.attrib["x"].rstrip("%")) for it in root.iter("text")} == names


def test_a_call_of_an_hour_with_thousands_of_pieces_is_small():
    story = Story(3_600_000)
    for number in range(5000):
        story.speaks(number * 700, 300)
    text = strip(story.timeline, [Violation(1000 * number * MS, "") for number in range(3000)])
    assert len(boxes(text)["mouth"]) < WIDTH
    assert len(text) < 20_000


def test_where_nothing_happened_there_is_nothing_to_draw():
    assert strip(Timeline()) == strip(Story(1000).timeline) == ""
