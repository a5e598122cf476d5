"""The page of a conformance run: what stands where, and that nothing in it is taken for markup."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from simkit.explore.conformance import plan, rows
from simkit.explore.races import render
from simkit.scenarios import Job, Verdict
from simkit.scenarios.registry import REGISTRY, Scenario

HOSTILE = '</script><img src=x onerror="alert(1)">\x1b[31m\u202e{{ 7 * 7 }}\0'


class Read(HTMLParser):
    """Every tag with its attributes, and the text of each element of interest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "input"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        self._open.pop()

    def handle_data(self, data):
        last = self._open[-1] if self._open else ""
        self.texts[last] = self.texts.get(last, "") + data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def verdict(name: str, result: str = "passed", said: str = "", **more) -> Verdict:
    failures = [("liveness", said)] if result in ("failed", "error") else []
    reason = said if result == "not applicable" else ""
    return Verdict(Job(name, app="my_app:app"), result, failures, reason, **more)


def page(
    *verdicts: Verdict, runs: int | None = None, app: str | None = "my_app:app", **more
) -> str:
    table = rows([one.job for one in verdicts], verdicts)
    told = {"seed": 0, "folder": "calls"} | more
    return render(table, runs=len(verdicts) if runs is None else runs, app=app, **told)


FOUND = [
    verdict("greeting", call_seconds=4.0),
    verdict("dtmf", "not applicable", "no keys"),
    verdict(
        "barge-in", "failed", "it went on\nand on", time_to_stop_ms=773.2, leaks=4, page="b-1.html"
    ),
    verdict("idle", "error", "there is no module 'x'"),
    verdict("jitter", "failed", "noise"),
]


def test_the_worst_come_first_and_each_kind_in_the_order_of_the_catalogue():
    read = Read(page(*FOUND))
    shown = [(attrs["id"], attrs["data-result"]) for attrs in read.of("tbody")]
    assert shown == [
        ("idle", "error"),
        ("barge-in", "failed"),
        ("jitter", "failed"),
        ("greeting", "passed"),
        ("dtmf", "not applicable"),
    ]


def test_the_summary_says_whose_bridge_it_is_and_how_it_went():
    text = page(*FOUND, seed=7, how=["simulated"])
    assert "<h1>my_app:app: 3 of 5 races lost</h1>" in text
    assert "seed 7 · 5 runs · 4 s of calls · simulated" in text
    counts = dict(re.findall(r'data-result="([a-z ]+)"[^>]*><b>(\d+)</b>', text))
    assert counts == {"error": "1", "failed": "2", "passed": "1", "not applicable": "1"}
    assert "<h1>simkit&#39;s bridge: none of 1 race lost</h1>" in page(FOUND[0], app=None)


def test_a_row_has_its_figures_its_sentence_its_command_and_the_way_to_the_call():
    text = page(FOUND[2])
    for told in ("773 ms", ">4</td>", "liveness: it went on</p>", "and on"):
        assert told in text
    assert f"<code>{FOUND[2].job.command()}</code>" in text
    assert {attrs["href"] for attrs in Read(text).of("a")} == {"calls/b-1.html", "#barge-in"}
    assert "How to get it right: <code>simkit scenarios barge-in</code>" in text
    assert "A right bridge clears at once" in text


def test_every_variant_is_there_with_what_broke_in_it():
    jobs = plan(["barge-in"], app="my_app:app")
    found = [Verdict(job, "passed") for job in jobs]
    found[1] = Verdict(jobs[1], "failed", [("no-stale-audio", "one"), ("scenario", "two")])
    text = page(*found)
    assert f"{len(jobs) - 1}/{len(jobs)} passed" in text
    assert "<b>no-stale-audio:</b> one</p>" in text
    assert '<p class="said">two</p>' in text
    for job in jobs:
        assert f"<code>{job.command()}</code>".replace("'", "&#39;") in text


def test_a_run_without_a_call_says_so_and_links_to_nothing():
    text = page(FOUND[3])
    assert "no call to show" in text
    assert [attrs["href"] for attrs in Read(text).of("a")] == ["#idle"]


def test_what_was_interrupted_says_so():
    assert "interrupted when 5 of 9 runs were done" in page(*FOUND, runs=9)
    assert "Not complete" not in page(*FOUND)
    nothing = page(runs=9)
    assert "Nothing was run." in nothing
    assert "0 of 9 runs" in nothing


@pytest.mark.parametrize("result", ["failed", "error", "not applicable"])
def test_whatever_a_bridge_says_or_is_called_is_text(monkeypatch, result):
    async def mine(sim):
        """A race of mine."""

    mine.__doc__ = HOSTILE
    name = "my <b>race</b>&\"'"
    monkeypatch.setitem(REGISTRY, name, Scenario(name, mine, (), 10.0))
    job = Job(name, {"words": HOSTILE}, app=HOSTILE)
    told = Verdict(job, result, [(HOSTILE, f"{HOSTILE}\ud800")], HOSTILE, page="x.html")
    text = page(told, app=HOSTILE, folder='a b"><script>', how=[HOSTILE])
    read = Read(text)
    assert len(read.of("script")) == 1
    assert not read.of("img")
    assert not read.of("b") or set(read.texts["b"]) & set("0123456789")
    assert not any(key.startswith("on") for _, attrs in read.tags for key in attrs)
    assert "49" not in read.texts["h1"]
    assert re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", text) is None
    text.encode()
    assert read.of("tbody")[0]["id"] == name


def test_a_novel_is_cut():
    assert len(page(verdict("idle", "failed", "x" * 1_000_000))) < 60_000


def test_the_page_runs_what_is_in_it_and_loads_nothing():
    text = page(*FOUND)
    read = Read(text)
    policy = next(m["content"] for m in read.of("meta") if "http-equiv" in m)
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(read.texts[tag].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    for _, attrs in read.tags:
        assert not attrs.keys() & {"src", "style", "action", "srcset"}
    assert "http:" not in text.replace("http-equiv", "")
    assert "https:" not in text


def test_the_same_verdicts_give_the_same_bytes():
    assert page(*FOUND) == page(*FOUND)
