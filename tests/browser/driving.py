"""A browser that is driven: Chromium without a screen, which must stay silent and ask nobody."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from simkit.report.page import render_page
from simkit.report.page.model import Page

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--autoplay-policy=no-user-gesture-required",
)
PATIENCE = 20.0
"""Seconds of real time for what a busy machine may take long for."""


class Browser:
    """A browser, and the page that is open in it."""

    def __init__(self, chromium: str, chromedriver: str, folder: Path) -> None:
        self.folder = folder
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(chromedriver))

    def open(self, page: Page, *, at: str = "", width: int = 1280, height: int = 900) -> None:
        """Write a page and open the file, as a double click does."""
        path = self.folder / "page.html"
        path.write_text(render_page(page), encoding="utf-8")
        self.size(width, height)
        self.driver.get("about:blank")
        self.driver.get(f"{path.as_uri()}{at}")

    def size(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 500}
        self.command("Emulation.setDeviceMetricsOverride", metrics)
        self.command("Emulation.setTouchEmulationEnabled", {"enabled": width < 500})

    def command(self, name: str, settings: dict[str, Any]) -> Any:
        return self.driver.execute_cdp_cmd(name, settings)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript in the page and return what it returns."""
        return self.driver.execute_script(script, *arguments)

    def until(self, is_so: Callable[[], Any], what: str) -> None:
        WebDriverWait(self.driver, PATIENCE, 0.02).until(lambda _: is_so(), what)

    def settle(self) -> None:
        """Wait until the picture glides no more and is drawn."""
        self.driver.execute_async_script(
            """const done = arguments[arguments.length - 1];
            const stage = document.getElementById("stage");
            let before = "", still = 0;
            const look = () => {
              const now = stage.dataset.from + stage.dataset.to;
              still = now === before ? still + 1 : 0;
              before = now;
              if (still > 3) done(); else requestAnimationFrame(look);
            };
            look();"""
        )

    def keys(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()
        self.settle()

    def click(self, selector: str) -> None:
        self.driver.find_element(By.CSS_SELECTOR, selector).click()
        self.settle()

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0]).textContent", selector))

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Do something with the mouse at a place of the picture; 0, 0 is its left upper corner."""
        left, top = self._corner()
        settings = {"type": kind, "x": left + x, "y": top + y, **more}
        self.command("Input.dispatchMouseEvent", settings)

    def press(self, x: float, y: float, to_x: float | None = None, **more: Any) -> None:
        """Click, or drag to another place."""
        held = {"button": "left", "buttons": 1, "clickCount": 1, **more}
        self.mouse("mousePressed", x, y, **held)
        if to_x is not None:
            for step in range(1, 5):
                self.mouse("mouseMoved", x + (to_x - x) * step / 4, y, **held)
        self.mouse("mouseReleased", x if to_x is None else to_x, y, **held)
        self.settle()

    def wheel(self, x: float, y: float, delta: float, *, ctrl: bool = False) -> None:
        self.mouse("mouseWheel", x, y, deltaX=0, deltaY=delta, modifiers=2 if ctrl else 0)
        self.settle()

    def pinch(self, x: float, y: float, *apart: float) -> None:
        """Put two fingers on the picture, so far apart, and go on to other distances."""
        left, top = self._corner()
        for number, wide in enumerate(apart):
            kind = "touchMove" if number else "touchStart"
            spots = [
                {"x": left + x + side * wide / 2, "y": top + y, "id": finger}
                for finger, side in ((1, -1), (2, 1))
            ]
            self.command("Input.dispatchTouchEvent", {"type": kind, "touchPoints": spots})
        self.command("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        self.settle()

    def _corner(self) -> tuple[float, float]:
        left, top = self.run(
            "const b = document.getElementById('stage').getBoundingClientRect(); "
            "return [b.left, b.top]"
        )
        return left, top

    def seen(self) -> tuple[float, float]:
        """Return from when until when is seen, in seconds."""
        start, end = self.run(
            "const d = document.getElementById('stage').dataset; return [+d.from, +d.to]"
        )
        return start / 1e6, end / 1e6

    @property
    def span(self) -> float:
        """Seconds that are seen."""
        start, end = self.seen()
        return end - start

    @property
    def cursor(self) -> float:
        """Second at which the cursor stands."""
        return float(self.run("return +document.getElementById('stage').dataset.cursor / 1e6"))

    def x_of(self, second: float) -> float:
        """Return where an instant is on the picture."""
        start, end = self.seen()
        width = self.run("return document.getElementById('stage').clientWidth")
        left = 58 if width < 700 else 112
        return float(left + (second - start) / (end - start) * (width - left))

    def picture(self, canvas: str = "base") -> tuple[int, int]:
        """Return how many colours a canvas has, and a digest of all that is drawn."""
        colours, digest = self.run(
            """const canvas = document.getElementById(arguments[0]);
            const copy = new OffscreenCanvas(canvas.width, canvas.height);
            const pen = copy.getContext("2d", { willReadFrequently: true });
            pen.drawImage(canvas, 0, 0);
            const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
            const all = new Uint32Array(data.buffer);
            let digest = 0;
            for (let i = 0; i < all.length; i++) digest = (digest * 31 + all[i]) | 0;
            return [new Set(all).size, digest];""",
            canvas,
        )
        return int(colours), int(digest)

    def shot(self, path: Path) -> None:
        """Keep a picture of what is on the screen."""
        taken = self.command("Page.captureScreenshot", {"format": "png"})
        path.write_bytes(base64.b64decode(taken["data"]))

    def complaints(self) -> list[str]:
        """Return what the console told since the last look."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def asked_for(self) -> set[str]:
        """Return which addresses were asked for since the last look, but for files and blobs."""
        messages = [
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        ]
        addresses = {
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        }
        return {one for one in addresses if not one.startswith(("file:", "blob:", "about:"))}
