"""How the page looks: dark and light, on paper, and at two widths."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .pages import call, two_calls

if TYPE_CHECKING:
    from .driving import Browser


def test_dark_and_light_follow_the_system_and_the_button(browser: Browser) -> None:
    colour = "return getComputedStyle(document.documentElement).backgroundColor"
    for scheme in ("dark", "light"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        browser.command("Emulation.setEmulatedMedia", {"features": [feature]})
        browser.open(call())
        browser.run("localStorage.clear()")
        before, drawn = browser.run(colour), browser.picture()[1]
        browser.click("#theme")
        assert browser.run(colour) != before
        assert browser.picture()[1] != drawn
        browser.run("localStorage.clear()")
    browser.command("Emulation.setEmulatedMedia", {"features": []})


def test_on_paper_stand_the_verdict_the_tables_and_the_picture(
    browser: Browser, pictures: Path
) -> None:
    browser.open(call())
    browser.click("#theme")
    before = browser.picture()[1]
    printed = browser.command("Page.printToPDF", {"printBackground": False})
    file = base64.b64decode(printed["data"])
    (pictures / "printed.pdf").write_bytes(file)
    assert file.startswith(b"%PDF")
    assert b"/Image" in file  # the picture
    browser.settle()
    assert browser.picture()[1] == before
    browser.run("localStorage.clear()")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_laptop_and_a_phone(
    browser: Browser, pictures: Path, width: int, scheme: str
) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.command("Emulation.setEmulatedMedia", {"features": [feature]})
    shown = {"call": call(), "three": call("three-interruptions"), "two": two_calls()}
    for name, page in shown.items():
        browser.open(page, width=width, height=844 if width < 500 else 900)
        browser.settle()
        assert browser.run("return document.documentElement.scrollWidth") == width
        browser.shot(pictures / f"{name}-{width}-{scheme}.png")
        browser.keys("b")
        browser.shot(pictures / f"{name}-barge-in-{width}-{scheme}.png")
    browser.command("Emulation.setEmulatedMedia", {"features": []})
