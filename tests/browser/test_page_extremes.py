"""Pages of calls that are hostile, empty, silent or very long."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .pages import call, hostile, hour, two_calls, without_events
from .test_page import EAR_Y

if TYPE_CHECKING:
    from .driving import Browser


@pytest.mark.parametrize(
    "text",
    [
        "<script>window.broken = 1</script>",
        "</script><script>window.broken = 1</script>",
        "<img src=x onerror='window.broken = 1'>",
        '"><svg onload=window.broken=1>',
        "javascript:window.broken=1",
        "{{ 7 * 7 }}{% raw %} <!-- <script> ]]> &lt;b&gt;",
        "\x00\x07\x1b[31m\u202e\u2028\u2029\ud800 \r\n",
    ],
)
def test_whatever_texts_say_they_stay_texts(browser: Browser, text: str) -> None:
    page = hostile(two_calls(), text)
    page.others = hostile(call(), text).panels
    browser.open(page)
    browser.settle()
    browser.keys("n", "b", "d", "t")
    browser.mouse("mouseMoved", 500, EAR_Y)
    browser.run("document.getElementById('filter').open = true")
    assert browser.run("return window.broken") is None
    assert browser.run("return document.querySelectorAll('script').length") == 2
    assert browser.run("return document.querySelectorAll('img, main [onload]').length") == 0
    if text.isprintable():
        assert text in browser.text(".told")
        assert text in browser.text("#events")


def test_an_empty_call_says_so(browser: Browser) -> None:
    browser.open(without_events())
    assert "nothing happened" in browser.text("#nothing")
    assert not browser.run("return document.getElementById('stage').checkVisibility()")


def test_what_has_nothing_to_show_is_not_seen(browser: Browser) -> None:
    visible = (
        "return [...document.querySelectorAll('[hidden]')]"
        ".filter((it) => it.checkVisibility()).map((it) => it.id)"
    )
    for page, absent in ((call(), "#which"), (without_events(), "#tools")):
        browser.open(page)
        # Another rule of the sheet gives it a place; that it is hidden weighs more.
        assert browser.run("return document.querySelector(arguments[0]).hidden", absent)
        assert browser.run(visible) == []


def test_a_call_without_sound_is_drawn_and_says_so(browser: Browser) -> None:
    page = call()
    page.panels[0].waves, page.panels[0].sound = {}, None
    browser.open(page)
    assert browser.picture()[0] > 50
    assert browser.run("return document.getElementById('play').disabled")
    browser.keys(" ")
    assert "no sound" in browser.text("#note")


def test_an_hour_opens_in_three_seconds_and_can_be_moved_in(
    browser: Browser, pictures: Path, record_property: pytest.RecordProperty
) -> None:
    browser.open(hour())
    drawn = browser.run("return performance.getEntriesByName('drawn')[0].startTime / 1000")
    record_property("seconds until an hour is drawn", drawn)
    print(f"an hour is drawn after {drawn:.2f} s")
    assert drawn < 3
    browser.settle()
    browser.shot(pictures / "hour-1280-light.png")
    whole = browser.span
    for _ in range(6):
        browser.wheel(700, EAR_Y, -300, ctrl=True)
    assert browser.span < whole / 20
    browser.keys("t", "\ue010")
    rows = browser.run("return document.querySelectorAll('#events tbody tr').length")
    assert rows < 200  # of over ten thousand events
    assert browser.run("return +document.activeElement.ariaRowIndex") > 10_000
