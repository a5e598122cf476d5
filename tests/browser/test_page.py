"""What people see and do on the page, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .pages import call, hour, two_calls

if TYPE_CHECKING:
    from .driving import Browser

EAR_Y, BRIDGE_Y = 195, 330


def test_a_page_opens_as_a_file_and_draws_the_call(browser: Browser) -> None:
    browser.open(call())
    assert browser.text(".verdict") == "passed"
    assert "promises were kept" in browser.text(".told .first")
    assert len(browser.run("return document.querySelectorAll('.measures tr')")) > 3
    colours, _ = browser.picture()
    assert colours > 100  # voices, spans, arrows and texts, each with soft edges
    assert browser.picture("overview")[0] > 20
    assert browser.span == pytest.approx(call().panels[0].duration / 1e6, rel=0.03)


def test_wheel_keys_and_buttons_zoom_and_move(browser: Browser) -> None:
    browser.open(call())
    whole, (_, drawn) = browser.span, browser.picture()
    x = browser.x_of(4.0)
    browser.wheel(x, EAR_Y, -300, ctrl=True)
    near = browser.span
    assert near < whole * 0.7
    assert browser.x_of(4.0) == pytest.approx(x, abs=2)  # what is under the pointer stays there
    assert browser.picture()[1] != drawn
    begun = browser.seen()[0]
    browser.wheel(x, EAR_Y, 120)
    assert browser.seen()[0] > begun
    assert browser.span == pytest.approx(near)
    begun = browser.seen()[0]
    browser.keys("\ue012")  # arrow left
    assert browser.seen()[0] < begun
    browser.keys("+")
    assert browser.span < near
    browser.keys("\ue010")  # end
    assert browser.seen()[1] > call().panels[0].duration / 1e6
    browser.click("#fit")
    assert browser.span == pytest.approx(whole)
    assert browser.picture()[1] == drawn


def test_where_all_is_seen_the_wheel_scrolls_the_page(browser: Browser) -> None:
    browser.open(call(), height=500)
    browser.wheel(600, 100, 200)
    browser.until(lambda: browser.run("return scrollY") > 0, "the page did not scroll")


def test_dragging_moves_and_the_ruler_marks_what_to_zoom_into(browser: Browser) -> None:
    browser.open(call())
    browser.press(browser.x_of(2.0), 10, to_x=browser.x_of(5.0))
    start, end = browser.seen()
    assert (start, end) == pytest.approx((2.0, 5.0), abs=0.1)
    browser.press(800, EAR_Y + 60, to_x=600)
    assert browser.seen()[0] > start + 0.3
    assert browser.span == pytest.approx(end - start, rel=0.01)


def test_two_fingers_zoom_on_a_phone(browser: Browser) -> None:
    browser.open(call(), width=390, height=844)
    browser.run("document.getElementById('stage').scrollIntoView()")
    whole = browser.span
    browser.pinch(200, EAR_Y, 40, 60, 80, 120)
    assert browser.span == pytest.approx(whole / 3, rel=0.05)
    browser.pinch(200, EAR_Y, 120, 80, 60, 40)
    assert browser.span == pytest.approx(whole, rel=0.1)


def test_on_the_strip_a_window_is_drawn_and_dragged(browser: Browser) -> None:
    browser.open(call())
    long = call().panels[0].duration / 1e6
    strip = browser.run("return document.getElementById('overview').getBoundingClientRect().top")
    stage = browser.run("return document.getElementById('stage').getBoundingClientRect().top")
    y = strip + 30 - stage
    browser.press(8 + 1264 * 0.2, y, to_x=8 + 1264 * 0.4)
    assert browser.seen() == pytest.approx((0.2 * long, 0.4 * long), abs=0.1)
    browser.press(8 + 1264 * 0.3, y, to_x=8 + 1264 * 0.5)
    assert browser.seen() == pytest.approx((0.4 * long, 0.6 * long), abs=0.1)
    browser.press(8 + 1264 * 0.6, y, to_x=8 + 1264 * 0.9)  # its right edge
    assert browser.seen() == pytest.approx((0.4 * long, 0.9 * long), abs=0.1)


def test_a_click_seeks_and_the_link_to_that_instant_leads_back(browser: Browser) -> None:
    browser.open(call())
    browser.press(browser.x_of(2.5), EAR_Y)
    assert browser.cursor == pytest.approx(2.5, abs=0.02)
    browser.keys("c")
    browser.until(lambda: "#t=2." in browser.driver.current_url, "the address has no instant")
    at = browser.driver.current_url.rpartition("#")[2]
    browser.open(call(), at=f"#{at}")
    browser.settle()
    assert browser.cursor == pytest.approx(2.5, abs=0.02)
    assert browser.seen()[0] < 2.5 < browser.seen()[1]
    browser.run("location.hash = '#t=6.25'")
    browser.until(lambda: browser.cursor == 6.25, "the page did not follow the link")


def test_the_sound_plays_and_the_cursor_goes_with_it(browser: Browser) -> None:
    browser.open(call(), at="#t=1")
    browser.settle()
    browser.keys(" ")
    browser.until(lambda: browser.cursor > 1.2, "the cursor does not move")
    assert browser.run("return document.getElementById('play').ariaLabel") == "Pause"
    browser.keys(" ")
    assert browser.run("return document.getElementById('play').ariaLabel") == "Play"


def test_one_side_is_heard_alone(browser: Browser) -> None:
    browser.open(call(), at="#t=1")
    browser.settle()
    # What goes to the loudspeakers is looked at on its way.
    browser.run(
        """const make = AudioContext.prototype.createChannelMerger;
        AudioContext.prototype.createChannelMerger = function (count) {
          const merger = make.call(this, count);
          window.ears = this.createAnalyser();
          merger.connect(window.ears);
          return merger;
        };"""
    )
    for speed, side, is_heard in (("0.25", "ear", True), ("0.5", "mouth", False)):
        choose(browser, "ears", side)
        choose(browser, "speed", speed)
        browser.run("location.hash = arguments[0]", f"#t=1.{speed[-2:]}")
        if browser.run("return document.getElementById('play').ariaLabel") == "Play":
            browser.keys(" ")
        before = browser.cursor
        browser.until(lambda now=before: browser.cursor > now + 0.1, "it stands still")
        loudest = 0.0
        while browser.cursor < before + 0.25:
            loudest = max(
                loudest,
                browser.run(
                    "const all = new Float32Array(window.ears.fftSize); "
                    "window.ears.getFloatTimeDomainData(all); "
                    "return Math.max(...all.map(Math.abs))"
                ),
            )
        # The agent speaks at that time, and the caller does not.
        assert (loudest > 0.01) == is_heard, side


def choose(browser: Browser, name: str, value: str) -> None:
    browser.run(
        "const it = document.getElementById(arguments[0]); it.value = arguments[1]; "
        "it.dispatchEvent(new Event('change'))",
        name,
        value,
    )


def test_a_click_while_it_plays_goes_on_from_there(browser: Browser) -> None:
    browser.open(call())
    browser.click("#play")
    browser.press(browser.x_of(6.0), EAR_Y)
    browser.until(lambda: browser.cursor > 6.1, "it does not play from there")


def test_events_are_hidden_by_kind_and_by_leg(browser: Browser) -> None:
    browser.open(call())
    browser.settle()
    drawn = browser.picture()[1]
    browser.click("#as-table")
    every = int(browser.run("return document.querySelector('#events table').ariaRowCount"))
    browser.run("document.getElementById('filter').open = true")
    for group, name in ((2, "transcript"), (1, "Twilio ↔ Bridge")):
        label = f"#choices fieldset:nth-of-type({group}) label"
        browser.run(
            "[...document.querySelectorAll(arguments[0])]"
            ".find((it) => it.textContent.startsWith(arguments[1])).click()",
            label,
            name,
        )
    browser.settle()
    left = int(browser.run("return document.querySelector('#events table').ariaRowCount"))
    assert left < every - 5
    assert browser.text("#hidden") == f"−{every - left}"
    assert browser.picture()[1] != drawn
    assert "Twilio" not in browser.run(
        "const cells = document.querySelectorAll('#events td:nth-child(3)'); "
        "return [...cells].map((it) => it.textContent)"
    )


def test_search_finds_and_enter_goes_from_one_to_the_next(browser: Browser) -> None:
    browser.open(call())
    browser.keys("/")
    browser.keys("Thursday")
    found = int(browser.text("#hits").split()[0])
    assert found > 2
    browser.keys("\ue007")
    first = browser.text("#pinned h3")
    browser.keys("\ue007")
    assert "Thursday" in first
    assert browser.text("#pinned h3") != first


def test_keys_go_through_events_and_say_which(browser: Browser) -> None:
    browser.open(call())
    browser.keys("n")
    first = browser.text("#said")
    browser.keys("n")
    assert browser.text("#said") not in ("", first)
    browser.keys("p")
    assert browser.text("#said") == first
    assert "in flight" in browser.text("#pinned")
    browser.keys("\ue00c")  # escape
    assert browser.run("return document.getElementById('pinned').hidden")
    browser.keys("?")
    assert browser.run("return document.getElementById('help').open")
    browser.keys("\ue00c")
    assert not browser.run("return document.getElementById('help').open")


def test_a_barge_in_is_shown_with_its_four_parts(browser: Browser) -> None:
    browser.open(call())
    bracket = call().panels[0].brackets[0]
    browser.keys("b")
    assert browser.span < 2
    assert browser.cursor == pytest.approx(bracket.onset / 1e6)
    for name, part in zip(("detect", "react", "fly", "tail"), bracket.parts_ms, strict=True):
        assert f"{name}{part:.0f} ms" in browser.text("#pinned dl")


def test_a_key_while_the_picture_glides_goes_on_from_where_it_leads(browser: Browser) -> None:
    browser.open(call("three-interruptions"))
    onsets = [it.onset / 1e6 for it in call("three-interruptions").panels[0].brackets]
    browser.keys("b", "b", "b", "-", "-")
    start, end = browser.seen()
    assert start < onsets[2] < end < onsets[2] + 5
    assert start > onsets[1]


def test_a_click_shows_the_fields_of_a_message(browser: Browser) -> None:
    browser.open(call())
    events = call().panels[0].events
    at = next(i for i, line in enumerate(events.line) if line.endswith("clear"))
    browser.keys("b")
    # In the middle of its arrow, between the lanes of bridge and Twilio.
    middle = (events.sent[at] + events.arrived[at]) / 2e6
    lanes = browser.run("return document.getElementById('stage').clientHeight")
    for y in range(int(EAR_Y), int(lanes), 6):
        browser.press(browser.x_of(middle), y)
        if browser.text("#pinned h3").endswith("clear"):
            break
    assert browser.text("#pinned h3") == events.line[at]
    assert "20 ms" in browser.text("#pinned")


def test_the_table_goes_by_keys_and_leads_to_the_picture(browser: Browser) -> None:
    browser.open(call())
    browser.keys("t")
    active = "return document.activeElement.ariaRowIndex"
    assert browser.run(active) == "2"
    browser.keys("\ue015", "\ue015")  # down
    assert browser.run(active) == "4"
    browser.keys("\ue010")  # end
    last = browser.run("return document.querySelector('#events table').ariaRowCount")
    assert browser.run(active) == last
    browser.keys("\ue007")
    row = browser.run("return document.querySelector('#events [aria-selected=true]').ariaRowIndex")
    assert row == last
    assert browser.cursor > 5


def test_another_call_of_the_run_can_be_looked_at(browser: Browser) -> None:
    page = call()
    page.others = call("three-interruptions").panels
    page.others.append(call("false-positive").panels[0])
    page.others[1].sound, page.others[1].waves = None, {}
    browser.open(page)
    whole, (_, drawn) = browser.span, browser.picture()
    choose(browser, "calls", "1")
    browser.settle()
    assert browser.span > 3 * whole
    assert browser.picture()[1] != drawn
    browser.keys(" ")
    browser.until(lambda: browser.cursor > 0.2, "its sound does not play")
    choose(browser, "calls", "2")
    assert browser.run("return document.getElementById('play').disabled")
    browser.click(".brackets[data-call='0'] tbody td")  # a barge-in of the first call
    assert browser.run("return document.getElementById('calls').value") == "0"
    assert browser.cursor == pytest.approx(call().panels[0].brackets[0].onset / 1e6)


def test_a_long_table_says_on_paper_how_many_rows_are_not_there(browser: Browser) -> None:
    browser.open(hour())
    browser.keys("t")
    every = int(browser.run("return document.querySelector('#events table').ariaRowCount")) - 1
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert len(browser.run("return document.querySelectorAll('#events [aria-rowindex]')")) == 500
    assert browser.text("#events .rest").startswith(f"and {every - 500} more events, from ")
    browser.command("Emulation.setEmulatedMedia", {"media": "print"})
    paper = browser.run("return document.getElementById('events').offsetHeight")
    browser.command("Emulation.setEmulatedMedia", {"media": ""})
    assert paper < 25_000  # and no white paper for the others
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.run("return document.querySelectorAll('#events .rest').length") == 0
    assert len(browser.run("return document.querySelectorAll('#events [aria-rowindex]')")) < 200


def test_two_calls_stand_above_each_other_with_what_differs(browser: Browser) -> None:
    browser.open(two_calls())
    browser.settle()
    drawn = browser.picture()[1]
    browser.keys("d")
    assert browser.text("#pinned h3") == "1: number 1 differs"
    assert browser.picture()[1] != drawn
    browser.keys("d", "d")
    assert "has no such thing" in browser.text("#pinned")
    assert "first cause" in browser.text(".differences li:first-child")
