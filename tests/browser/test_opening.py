"""What a page opens at, and the ways from what it says to the picture, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from simkit.report.page.model import Promise, Proof, Stretch

from .pages import call

if TYPE_CHECKING:
    from .driving import Browser


def test_a_failed_check_leads_to_its_instant(browser: Browser) -> None:
    page = call()
    proof = Proof(at=4_100_000, sentence="it was", call=0, events=[20], lines=["a line"])
    page.promises[0] = Promise(
        name="no-stale-audio",
        promise="nothing old is heard",
        passed=False,
        waived="",
        proofs=[proof],
    )
    browser.open(page)
    browser.click(".proofs li bdi")
    assert browser.cursor == pytest.approx(4.1)
    assert browser.span < 4
    assert browser.text("#pinned h3") == "no-stale-audio: it was"
    # Each event that shows it can be gone to.
    assert browser.text("#pinned .evidence") == page.panels[0].events.line[20]
    browser.click("#pinned .evidence button")
    assert browser.text("#pinned h3") == page.panels[0].events.line[20]
    assert browser.cursor == pytest.approx(page.panels[0].events.t[20] / 1e6)


def test_of_several_calls_the_one_that_failed_is_shown_first(browser: Browser) -> None:
    page = call()
    page.others = call("three-interruptions").panels
    proof = Proof(at=4_100_000, sentence="it was", call=1, events=[], lines=[])
    page.promises[0] = Promise(name="liveness", promise="", passed=False, waived="", proofs=[proof])
    browser.open(page)
    browser.settle()
    assert browser.run("return document.getElementById('calls').value") == "1"
    assert browser.cursor == pytest.approx(4.1)
    start, end = browser.seen()
    assert start < 4.1 < end < start + 5


def test_a_page_opens_where_a_promise_was_broken_with_the_whole_interruption(
    browser: Browser,
) -> None:
    page = call()
    (bracket,) = page.panels[0].brackets
    assert bracket.stop_ms is not None
    stopped = bracket.onset + round(1000 * bracket.stop_ms)
    proof = Proof(at=stopped + 200_000, sentence="it was", call=0, events=[20], lines=[])
    page.promises[0] = Promise(
        name="no-stale-audio", promise="", passed=False, waived="", proofs=[proof]
    )
    browser.open(page)
    start, end = browser.seen()
    assert start < bracket.onset / 1e6 - 0.5
    assert end > proof.at / 1e6 + 0.5
    assert end - start < 4
    assert browser.cursor == pytest.approx(proof.at / 1e6)
    assert browser.run("return document.getElementById('pinned').hidden")
    # A flag in the picture tells which promise it was, and leads to the evidence.
    browser.press(browser.x_of(proof.at / 1e6) + 8, 40)
    assert browser.text("#pinned h3") == "no-stale-audio: it was"


def test_the_sound_by_which_a_promise_was_broken_is_framed(browser: Browser) -> None:
    page = call()
    (bracket,) = page.panels[0].brackets
    stopped = bracket.onset + round(1000 * (bracket.stop_ms or 0))
    sounds = [Stretch(row="ear", start=stopped - 200_000, end=stopped)]
    proof = Proof(at=stopped - 200_000, sentence="it was", call=0, events=[], lines=[])
    broken = Promise(name="no-stale-audio", promise="", passed=False, waived="", proofs=[proof])
    page.promises[0] = broken
    browser.open(page)
    bare = browser.picture()
    broken.proofs[0] = replace(proof, sounds=sounds)
    browser.open(page)
    assert browser.picture() != bare
    ear = 26 + 24 + 42 + 4 + 58 + 4 + 26 + 4
    browser.press(browser.x_of((stopped - 100_000) / 1e6), ear + 40)
    assert browser.text("#pinned h3") == "no-stale-audio: it was"


def test_on_a_small_screen_figures_do_not_push_a_failed_call_off_it(
    browser: Browser, pictures: Path
) -> None:
    page = call()
    page.passed = False
    lowest = "return document.getElementById('stage').getBoundingClientRect().bottom"
    browser.open(page, width=1024, height=768)
    browser.settle()
    folded = browser.run(lowest)
    browser.shot(pictures / "small-screen.png")
    assert folded <= 768 + 40
    browser.click("#measures summary")
    assert browser.run(lowest) > folded
    page.passed = True
    browser.open(page, width=1024, height=768)
    assert browser.run("return document.getElementById('measures').open")


def test_of_long_calls_instants_are_told_with_minutes(browser: Browser) -> None:
    page = call()
    page.panels[0].duration = 2_000_000_000
    browser.open(page, at="#t=1834.532")
    browser.settle()
    assert browser.text("#clock") == "30:34.532"
    assert browser.run("return [99999000, 1e8, 119999600, 36e8].map((us) => seconds(us))") == [
        "99.999 s", "1:40.000", "2:00.000", "60:00.000",
    ]  # fmt: skip
    assert browser.run("return [minutes(6e7, 0), seconds(1.005e8, 1)]") == ["1:00", "1:40.5"]


def test_the_way_back_leads_to_where_one_was(browser: Browser) -> None:
    browser.open(call("three-interruptions"))
    whole = browser.span
    browser.click(".brackets tbody tr:nth-child(2) a")
    second = browser.cursor
    browser.click(".brackets tbody tr:nth-child(3) a")
    third = browser.cursor
    assert second < third
    assert browser.driver.current_url.endswith(f"#t={third:.3f}")
    browser.driver.back()
    browser.until(lambda: browser.cursor == pytest.approx(second, abs=1e-3), "not the second")
    browser.driver.back()
    browser.until(lambda: browser.span == pytest.approx(whole), "not as it was opened")


def test_an_instant_that_the_verdict_tells_can_be_gone_to(browser: Browser) -> None:
    browser.open(call())
    onset = call().panels[0].brackets[0].onset / 1e6
    assert f"At {onset:.3f} s the caller interrupted" in browser.text(".told")
    browser.click(".told .next a")
    assert browser.cursor == pytest.approx(onset)
    assert "the agent stops after" in browser.text("#pinned h3")


def test_interruptions_that_overlap_stand_below_each_other(browser: Browser) -> None:
    page = call("rapid-interrupts")
    first, second = page.panels[0].brackets[:2]
    assert first.onset < second.onset < first.onset + 1000 * (first.stop_ms or 0)
    browser.open(page)
    for number, y in ((0, 60), (1, 102)):
        onset = page.panels[0].brackets[number].onset / 1e6
        browser.press(browser.x_of(onset) + 3, y)
        assert browser.text("#pinned h3").startswith(f"{onset:.3f} s: interrupted")


def test_where_the_system_chooses_the_colours_the_picture_is_still_seen(
    browser: Browser, pictures: Path
) -> None:
    forced = {"name": "forced-colors", "value": "active"}
    browser.command("Emulation.setEmulatedMedia", {"features": [forced]})
    browser.open(call())
    colours, _ = browser.picture()
    browser.shot(pictures / "forced-colours.png")
    browser.command("Emulation.setEmulatedMedia", {"features": []})
    assert colours > 100


RECORDS_TEXTS = """
window.textsSeen = [];
const pen = CanvasRenderingContext2D.prototype;
const { fillText, setTransform } = pen;
pen.setTransform = function (...all) {
  if (this.canvas.id === "base") window.textsSeen = [];
  return setTransform.apply(this, all);
};
pen.fillText = function (text, x, y) {
  if (this.canvas.id === "base") {
    const { actualBoundingBoxLeft: left, actualBoundingBoxRight: right } = this.measureText(text);
    const middle = y - (this.textBaseline === "middle" ? 0 : 4);
    window.textsSeen.push([text, x - left, x + right, middle]);
  }
  return fillText.call(this, text, x, y);
};
"""


@pytest.mark.parametrize("width", [390, 1024])
def test_no_text_stands_upon_another_however_near_one_is(browser: Browser, width: int) -> None:
    browser.open(call("rapid-interrupts"), width=width)
    browser.run(RECORDS_TEXTS)
    browser.keys("b")
    left = 58 if width < 700 else 112
    for key in "++\ue014+\ue014+\ue012+\ue014":
        browser.keys(key)
        # What goes on to the left is drawn over by the names of rows.
        texts = [it for it in browser.run("return window.textsSeen") if it[1] >= left]
        assert texts
        for number, (one, start, end, y) in enumerate(texts):
            for other, begin, until, at in texts[:number]:
                apart = abs(y - at) > 9 or start >= until or end <= begin
                assert apart, (one, other, browser.seen())


def test_letters_twice_as_large_make_everything_larger(browser: Browser, pictures: Path) -> None:
    browser.open(call())
    tall = browser.run("return document.getElementById('stage').clientHeight")
    browser.run("document.documentElement.style.fontSize = '26px'")
    browser.size(1440, 900)
    twice = "return document.getElementById('stage').clientHeight"
    browser.until(lambda: browser.run(twice) >= 2 * tall - 1, "the picture is no larger")
    browser.settle()
    browser.shot(pictures / "letters-twice-as-large.png")
    assert browser.run("return document.documentElement.scrollWidth") == 1440
    # The hands know it: a click goes to the instant below it.
    browser.run("document.getElementById('stage').scrollIntoView()")
    start, end = browser.seen()
    browser.press(224 + (1440 - 224) * (2.5 - start) / (end - start), 300)
    assert browser.cursor == pytest.approx(2.5, abs=0.02)
