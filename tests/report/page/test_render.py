"""A page is one file in which nothing that somebody said is taken for markup."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.checks import CheckResult, Violation
from simkit.report.page import page_of, render, render_page
from simkit.report.page.model import (
    Bracket,
    Curve,
    Difference,
    Events,
    Lane,
    Page,
    Panel,
    Promise,
    Proof,
    Sound,
    Span,
    Wave,
)
from tests.report.page.pages import HOSTILE, Read, outcome, page, read
from tests.timeline.stories import Story, interrupted


def full_of(text: str) -> Page:
    """A page that has a text in every place that holds one."""
    panel = Panel(
        title=text,
        duration=1_000_000,
        lanes=[Lane(id=text, name=text)],
        kinds=[text],
        events=Events(
            t=[0],
            source=[0],
            target=[-1],
            kind=[0],
            sent=[0],
            arrived=[0],
            line=[text],
            fields=[{text: text, "deep": [{text: [text]}]}],
        ),
        spans=[Span(row="mouth", start=0, end=1, text=text, title=text)],
        curves=[Curve(name=text, lane=text, unit=text, t=[0], value=[1.0])],
        brackets=[
            Bracket(
                onset=0,
                text=text,
                stop_ms=1.0,
                parts_ms=[None, None, None, None],
                told=[text] * 5,
                told_by=text,
                reply=None,
                unheard_ms=None,
                yielded=None,
            )
        ],
        waves={"mouth": Wave(start=0, bucket=5000, peaks="")},
        sound=Sound(start=0, mime="audio/flac", data=""),
    )
    proof = Proof(at=0, sentence=text, call=0, events=[0], lines=[text])
    return Page(
        format=1,
        title=text,
        passed=False,
        verdict=[text],
        measures=[(text, text, text)],
        promises=[
            Promise(name=text, promise=text, passed=False, waived=text, proofs=[proof]),
            Promise(name=text, promise=text, passed=True, waived=text, proofs=[proof]),
        ],
        panels=[panel],
        others=[panel],
        differences=[Difference(number=1, above=0, below=None, sentence=text, cause=None)],
        failure=[],
        remarks=[text],
    )


def elements(html: Read) -> list[tuple[str, list[str]]]:
    return [(tag, sorted(attributes)) for tag, attributes in html.tags]


HARMLESS = read(full_of("hello"))


def test_a_hostile_text_in_every_place_makes_no_other_element_and_no_other_attribute():
    hostile = read(full_of(HOSTILE))
    assert elements(hostile) == elements(HARMLESS)
    assert hostile.scripts[1] == HARMLESS.scripts[1]


def test_what_the_page_is_told_is_what_it_was_given():
    told = full_of(HOSTILE)
    assert read(told).data == json.loads(json.dumps(msgspec.to_builtins(told)))


def test_the_script_that_begins_it_all_comes_last():
    begins = (Path(render.__file__).parent / "page.js").read_text()
    assert HARMLESS.scripts[1].endswith(begins)


def test_what_is_no_number_in_json_is_never_written():
    broken = full_of("hello")
    broken.panels[0].duration = math.nan
    with pytest.raises(ValueError, match="not JSON compliant"):
        render_page(broken)


@settings(max_examples=20)
@given(st.text(st.characters(codec=None), min_size=1, max_size=30))
def test_any_text_at_all_stays_data(text):
    html = read(full_of(text))
    assert {str(one) for one in elements(html)} <= {str(one) for one in elements(HARMLESS)}
    assert html.scripts[1:] == HARMLESS.scripts[1:]
    assert html.data["title"] == text


def test_the_data_holds_no_sign_of_markup_and_no_letter_that_ends_a_line_of_script():
    data = read(full_of(HOSTILE)).scripts[0]
    assert data.isascii()
    assert not set(data) & set("<>&\x00\x1b\r\n")


def test_the_policy_lets_run_what_is_in_the_page_and_nothing_else():
    html = read(page(interrupted().timeline))
    rules = dict(rule.split(" ", 1) for rule in html.policy.split("; "))
    assert rules.pop("default-src") == "'none'"
    [script], [style] = html.scripts[1:], html.styles
    for rule, text in (("script-src", script), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules.pop(rule) == f"'sha256-{digest}'"
    assert rules == {
        "media-src": "blob: data:",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_nothing_is_fetched_and_nothing_runs_outside_the_one_script():
    html = read(page(interrupted().timeline, seconds=1))
    assert [tag for tag, _ in html.tags if tag in ("link", "iframe", "object", "base")] == []
    for _, attributes in html.tags:
        assert not attributes.keys() & {"src", "style", "action", "srcset"}
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("href") or "#").startswith("#")


def test_the_same_page_is_the_same_bytes():
    one, other = (render_page(page(interrupted().timeline, seconds=2)) for _ in range(2))
    assert one == other
    assert "\r" not in one


def test_names_of_tests_and_reasons_may_be_anything():
    violation = Violation(10**9, HOSTILE, interrupted().timeline.events)
    check = CheckResult("liveness", HOSTILE, [violation], "")
    found = outcome(interrupted().timeline, checks=[check], failure=HOSTILE)
    html = Read(render_page(page_of(found, HOSTILE, [HOSTILE])))
    plain = Read(render_page(page_of(found, "hello", ["hello"])))
    assert elements(html) == elements(plain)


def test_a_hostile_timeline_is_data_too():
    story = Story().replies(900, 3000).hears(1100, 2400).speaks(2000, text=HOSTILE)
    story.timeline.record(HOSTILE, HOSTILE, HOSTILE, t_ns=0, call=1, **{HOSTILE: [{HOSTILE: 1}]})
    html = read(page(story.timeline))
    plain = read(page(Story().replies(900, 3000).hears(1100, 2400).speaks(2000).timeline))
    assert [tag for tag, _ in html.tags] == [tag for tag, _ in plain.tags]
    [event] = [e for e in html.data["panels"][0]["events"]["fields"] if HOSTILE in e]
    assert event == {HOSTILE: [{HOSTILE: 1}]}


def test_numbers_that_json_has_no_words_for_do_not_break_it():
    story = interrupted()
    fields: dict[str, Any] = {"a": float("nan"), "b": [float("inf")], "c": {1: b"raw", None: ()}}
    story.timeline.record("odd", "bridge", t_ns=0, call=1, **fields)
    [found] = [
        e for e in read(page(story.timeline)).data["panels"][0]["events"]["fields"] if "a" in e
    ]
    assert json.loads(json.dumps(found)) == {
        "a": "nan",
        "b": ["inf"],
        "c": {"1": "b'raw'", "None": []},
    }
