"""The table of races in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simkit.explore import Campaign, Tally
from simkit.explore.campaign_page import render as render_campaign
from simkit.explore.conformance import Row
from simkit.explore.races import render
from simkit.scenarios import Job, Verdict, judge

if TYPE_CHECKING:
    from pathlib import Path

    from .driving import Browser

HOSTILE = '</script><script>document.title="mine"</script><img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of three races with the page of a call beside it."""
    place = tmp_path_factory.mktemp("races")
    passed = judge(Job("greeting"), pages=place)
    lost = Verdict(
        Job("barge-in", {"lead": 60.0}),
        "failed",
        [("no-stale-audio", "caller heard 500 ms of reply 1"), ("liveness", HOSTILE)],
        time_to_stop_ms=773.0,
    )
    none = Verdict(Job("dtmf"), "not applicable", reason="no keys")
    table = [Row(one.job.scenario, [one]) for one in (passed, lost, none)]
    text = render(table, runs=4, app=HOSTILE, seed=0, folder=".")
    (place / "index.html").write_text(text, encoding="utf-8")
    return place


def go(browser: Browser, folder: Path, at: str = "", width: int = 1280) -> None:
    browser.size(width, 900)
    browser.driver.get("about:blank")
    browser.driver.get((folder / "index.html").as_uri() + at)


def click(browser: Browser, selector: str) -> None:
    browser.driver.find_element("css selector", selector).click()


def seen(browser: Browser) -> list[str]:
    return browser.run(
        "return [...document.querySelectorAll('tbody')].filter(r=>!r.hidden).map(r=>r.id)"
    )


def test_races_are_filtered_by_result_and_by_words(browser: Browser, folder: Path) -> None:
    go(browser, folder)
    assert seen(browser) == ["barge-in", "greeting", "dtmf"]
    click(browser, "[data-result=passed]")
    assert seen(browser) == ["barge-in", "dtmf"]
    assert browser.text("[role=status]") == "2 of 3 shown"
    click(browser, "[data-result=passed]")
    browser.driver.find_element("css selector", "input").send_keys("STALE")
    assert seen(browser) == ["barge-in"]


def test_what_is_folded_up_opens_and_an_address_leads_to_a_race(
    browser: Browser, folder: Path
) -> None:
    go(browser, folder, "#dtmf")
    opened = "return [...document.querySelectorAll('details')].map(d=>d.open)"
    assert browser.run(opened) == [False, False, True]
    click(browser, ".all")
    assert browser.run(opened) == [True, True, True]
    assert "no keys" in browser.text("#dtmf .variants")


def test_a_picture_leads_to_the_page_of_its_call(browser: Browser, folder: Path) -> None:
    go(browser, folder)
    click(browser, "#greeting .call a")
    browser.until(lambda: browser.text(".verdict") == "passed", "the call's page did not open")
    assert browser.driver.title == "greeting: simkit's bridge"


def test_failures_of_a_campaign_are_filtered_and_unfolded(
    browser: Browser, tmp_path: Path, pictures: Path
) -> None:
    tally = Tally()
    for seed in range(30):
        stops, lost = 180.0 + 9 * seed, [("liveness", HOSTILE)] * (seed % 3 == 0)
        job = Job("barge-in", {"lead": 60.0}, seed, varied=True)
        tally.add(Verdict(job, "failed" if lost else "passed", lost, time_to_stop_ms=stops))
        tally.add(Verdict(Job("greeting", seed=seed, varied=True), "passed"))
    campaign = Campaign(["greeting", "barge-in"], 0, 30)
    text = render_campaign(campaign, tally, runs=60, speed="60 runs in 1 s: 60 a second")
    (tmp_path / "index.html").write_text(text, encoding="utf-8")
    for width in (1280, 390):
        go(browser, tmp_path, width=width)
        assert browser.run("return document.documentElement.scrollWidth") <= width
        browser.driver.save_screenshot(str(pictures / f"campaign-{width}.png"))
    click(browser, "[data-result=passed]")
    assert seen(browser) == ["barge-in"]
    click(browser, ".all")
    assert browser.run("return [...document.querySelectorAll('details')].every(d=>d.open)")
    assert browser.text("#barge-in .failures").count("--varied") == 10
    assert browser.run("return document.querySelectorAll('img').length") == 0


def test_a_command_can_be_copied(browser: Browser, folder: Path) -> None:
    go(browser, folder)
    click(browser, "#barge-in .copy")
    told = {"copied", "press Ctrl-C"}
    browser.until(lambda: browser.text("#barge-in .copy") in told, "nothing was copied")
    chosen = browser.run("return String(getSelection())")
    assert browser.text("#barge-in .copy") == "copied" or chosen == (
        "simkit run barge-in --set lead=60.0"
    )


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_executed_and_everything_fits(
    browser: Browser, folder: Path, pictures: Path, width: int
) -> None:
    go(browser, folder, "#barge-in", width)
    assert browser.driver.title.startswith("</script>")
    assert browser.run("return document.querySelectorAll('img').length") == 0
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert browser.text(".incomplete") == "Not complete: interrupted when 3 of 4 runs were done."
    browser.driver.save_screenshot(str(pictures / f"races-{width}.png"))
