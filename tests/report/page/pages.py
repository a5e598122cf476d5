"""Pages of timelines by hand, and what a browser would read of them."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np

from simkit.report import Outcome
from simkit.report.page import Page, page_of, render_page
from simkit.timeline import Timeline, barge_ins, measures

HOSTILE = "</script><script>alert(1)</script><b>&amp;\u2028\u2029\x00\x1b[2J\u202e\ud800'\"`{{7*7}}"
"""What somebody might say, or call something."""


def outcome(timeline: Timeline, *, seconds: float = 0.0, **known: Any) -> Outcome:
    """What a run with this timeline shows, with a tone for sound."""
    tone = (np.sin(np.arange(round(seconds * 8000)) / 4) * 8000).astype(np.int16)
    facts: dict[str, Any] = {
        "barge_ins": barge_ins(timeline),
        "measures": measures(timeline),
        "checks": [],
        "sound": lambda: (tone, tone),
        "call_seconds": 1.0,
        "cpu_seconds": 1.0,
    }
    return Outcome(timeline=timeline, **(facts | known))


def page(timeline: Timeline, **known: Any) -> Page:
    return page_of(outcome(timeline, **known), "a call")


class Read(HTMLParser):
    """A page as its elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.policy = ""
        self._open = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag
        self.tags.append((tag, dict(attrs)))
        if tag == "meta" and dict(attrs).get("http-equiv") == "Content-Security-Policy":
            self.policy = dict(attrs)["content"] or ""
        if tag in ("script", "style"):
            (self.scripts if tag == "script" else self.styles).append("")

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            self.scripts[-1] += data
        elif self._open == "style":
            self.styles[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    @property
    def data(self) -> dict[str, Any]:
        """What the page is told."""
        found: dict[str, Any] = json.loads(self.scripts[0])
        return found


def read(page: Page) -> Read:
    return Read(render_page(page))


def data_in(html: str) -> dict[str, Any]:
    """What a page that was written is told."""
    [data] = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.DOTALL)
    found: dict[str, Any] = json.loads(data)
    return found
