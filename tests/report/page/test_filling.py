"""A page of a run: verdict, measures, promises with their evidence, sound."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from msgspec.structs import replace

from simkit.checks import CheckResult, Violation
from simkit.report import Outcome
from simkit.report.page import page_of, render_page
from simkit.report.page.meanings import MEANINGS
from simkit.report.terminal import measured
from simkit.scenarios import find, simulate
from simkit.timeline import Timeline
from tests.report.page.pages import data_in, outcome, page
from tests.report.page.test_events import two_calls
from tests.timeline.stories import interrupted


@pytest.fixture(scope="module")
def barge_in() -> Outcome:
    return simulate(find("barge-in"))


def test_a_page_of_a_real_barge_in_tells_what_was_measured(barge_in):
    found = page_of(barge_in, "barge-in")
    assert found.passed
    assert found.verdict[0] == "All 16 promises were kept."
    [bracket] = found.panels[0].brackets
    assert sum(part for part in bracket.parts_ms if part is not None) == bracket.stop_ms
    assert found.verdict[1] == (
        f"At {bracket.onset / 1e6:.3f} s the caller interrupted, and the agent fell silent after "
        f"{bracket.stop_ms:.0f} ms."
    )
    assert [name for name, _, _ in found.measures] == [
        name for name, _ in measured(barge_in.measures)
    ]
    assert all(meaning for _, _, meaning in found.measures)


def test_sound_and_spans_lie_on_one_clock(barge_in):
    panel = page_of(barge_in, "barge-in").panels[0]
    assert panel.sound is not None
    start = panel.sound.start
    assert start == panel.waves["mouth"].start == panel.waves["ear"].start
    mouth, ear = barge_in.sound()
    for row, samples in (("mouth", mouth), ("ear", ear)):
        span = next(span for span in panel.spans if span.row == row)
        first = np.flatnonzero(np.abs(samples.astype(int)) > 300)[0]
        heard = start + first * 125
        assert abs(span.start - heard) < 60_000, row


def test_the_depth_of_the_play_out_falls_to_nothing_at_a_clear(barge_in):
    panel = page_of(barge_in, "barge-in").panels[0]
    [curve] = [curve for curve in panel.curves if curve.lane == "twilio"]
    assert (curve.name, curve.unit) == ("Twilio's play-out queue", "ms")
    cleared = panel.events.arrived[panel.events.kind.index(panel.kinds.index("clear"))]
    before, after = (value for t, value in zip(curve.t, curve.value, strict=True) if t == cleared)
    assert before > after == 0


def test_a_minute_of_call_takes_less_than_a_megabyte(barge_in):
    minute = find("three-interruptions")
    assert len(render_page(page_of(simulate(minute), "three"))) < 1_000_000


def test_every_call_of_a_run_that_was_answered_has_its_sound():
    found = page_of(simulate(find("webhook-chaos")), "three callers")
    sounds = [panel.sound for panel in [*found.panels, *found.others]]
    assert [sound is not None for sound in sounds] == [True] * 3
    starts = [sound.start for sound in sounds if sound is not None]
    assert starts == sorted(set(starts))
    for panel in found.others:
        assert panel.sound is not None
        wave, span = panel.waves["ear"], next(span for span in panel.spans if span.row == "ear")
        peaks = np.frombuffer(base64.b64decode(wave.peaks), np.int8).reshape(-1, 2)
        loud = np.flatnonzero(np.ptp(peaks, axis=1) > 2)
        assert abs(wave.start + loud[0] * wave.bucket - span.start) < 60_000
    assert found.remarks == []
    # The first ends long before the last, and its page with it.
    ends = [panel.duration for panel in (*found.panels, *found.others)]
    assert [
        max(panel.events.t) < end
        for panel, end in zip([*found.panels, *found.others], ends, strict=True)
    ] == [True] * 3
    assert ends[0] < ends[-1]


def test_a_call_without_sound_beside_one_with_sound_is_named():
    silent = outcome(two_calls().timeline, seconds=1.0)
    found = page_of(silent, "two calls")
    assert found.remarks == ["without sound: call 2"]
    assert page_of(silent, "two calls", panels=2).remarks == []


def test_every_measure_has_a_meaning():
    names = {
        name
        for story in (interrupted(), interrupted().replied(2300, 1900).speaks(5000))
        for name, _ in measured(outcome(story.timeline).measures)
    }
    assert names <= MEANINGS.keys()


def broken(*, waived: str = "") -> CheckResult:
    timeline = two_calls().timeline
    proof = [event for event in timeline if event.kind in ("receives", "user-interrupted")]
    return CheckResult("liveness", "it lives", [Violation(10**9, "it died", proof)], waived)


def test_what_breaks_a_promise_points_at_the_events_of_the_call_that_it_is_about():
    timeline = two_calls().timeline
    late = [event for event in timeline if event.call == 2]
    check = CheckResult("liveness", "it lives", [Violation(10**9, "it died", late)], "")
    found = page_of(outcome(timeline, checks=[check]), "two calls")
    [proof] = found.promises[0].proofs
    assert (proof.at, proof.sentence, proof.call) == (1_000_000, "it died", 1)
    kinds = [found.others[0].kinds[found.others[0].events.kind[at]] for at in proof.events]
    assert kinds == [event.kind for event in late]
    assert proof.lines[0] == '0.600  caller   hears      "Your"  0.900 s'
    assert found.passed is False
    assert outcome(timeline, checks=[check]).worst_call == 2
    assert outcome(timeline).worst_call == 1
    assert found.verdict[:2] == ["1 of 1 promises was broken: liveness.", "liveness: it died"]


def test_what_was_not_looked_at_in_real_time_is_not_among_the_kept_promises():
    found = [
        CheckResult("liveness", "it lives", []),
        CheckResult("no-blocking", "it never was", [], not_judged="all of it"),
        CheckResult("clean-teardown", "nothing is left", [], not_judged="tasks"),
    ]
    told = page(interrupted().timeline, checks=found)
    assert told.passed
    assert told.verdict[:2] == [
        "All 2 promises that were looked at were kept.",
        "Not judged (real time): no-blocking; clean-teardown: tasks.",
    ]
    html = render_page(told)
    assert "<summary>2 of 3 checks held</summary>" in html
    assert "<summary>1 not judged (real time)</summary>" in html
    assert "<em>not judged: tasks</em>" in html
    nothing = page(interrupted().timeline, checks=found[1:2])
    assert nothing.verdict[0] == "No promise was looked at."
    assert nothing.passed is None


def test_a_waived_promise_is_told_with_its_reason():
    found = page(interrupted().timeline, checks=[broken(waived="on purpose")])
    [promise] = found.promises
    assert (promise.passed, promise.waived) == (True, "on purpose")
    assert found.passed


def test_a_run_that_says_nothing_of_the_bridge_neither_passed_nor_failed():
    found = page(interrupted().timeline, checks=[broken()], inapplicable="no webhook")
    assert found.passed is None
    assert found.verdict[0] == "This says nothing of the bridge: no webhook."


def test_of_why_a_run_failed_the_first_line_is_the_verdict_and_all_lines_stand_below():
    found = page(interrupted().timeline, failure="nothing goes on\n\n  task 1\n  task 2")
    assert found.passed is False
    assert found.verdict[0] == "It failed: nothing goes on"
    assert found.failure == ["nothing goes on", "", "  task 1", "  task 2"]
    html = render_page(found)
    assert "<pre>nothing goes on\n\n  task 1\n  task 2</pre>" in html
    found = page(interrupted().timeline, failure="not heard. The timeline ends with:\n  0.1")
    assert found.verdict[0] == "It failed: not heard."
    assert page(interrupted().timeline, failure="short").failure == []


def test_a_page_of_nothing_says_so():
    html = render_page(page(Timeline()))
    told = data_in(html)
    assert told["passed"] is None
    assert [panel["title"] for panel in told["panels"]] == ["call 1"]
    assert told["panels"][0]["events"]["t"] == []
    assert told["panels"][0]["sound"] is None
    assert told["remarks"] == [
        "there is no sound: no call was answered",
        "nothing happened: the timeline is empty",
    ]


def test_a_call_in_which_nobody_spoke_says_so():
    silence = np.zeros(8000, np.int16)
    found = page(interrupted().timeline, sound=lambda: (silence, silence))
    assert found.panels[0].sound is not None
    assert found.remarks == ["nobody said anything: the sound is silence"]


def test_many_barge_ins_and_broken_promises_are_counted_and_not_told_one_by_one():
    check = broken()
    checks = [CheckResult(f"check-{n}", "", check.violations, "") for n in range(9)]
    [one] = outcome(interrupted().timeline).barge_ins
    found = page(interrupted().timeline, checks=checks, barge_ins=[one] * 8)
    assert found.verdict[0] == "9 of 9 promises were broken: check-0, check-1, check-2 and others."
    assert "... and 4 more." in found.verdict
    assert found.verdict[-1] == (
        "The caller interrupted 8 times; the agent fell silent after 400 ms."
    )
    never = replace(one, time_to_stop_ms=None)
    found = page(interrupted().timeline, checks=checks, barge_ins=[one, never, never])
    assert found.verdict[-1] == (
        "The caller interrupted 3 times; the agent fell silent after 400 ms, and 2 times never."
    )
    found = page(interrupted().timeline, barge_ins=[never] * 3)
    assert found.verdict[-1] == "The caller interrupted 3 times; the agent never fell silent."
    found = page(interrupted().timeline, checks=checks[:5], barge_ins=[one] * 5)
    assert not [sentence for sentence in found.verdict if "more" in sentence]


def test_a_promise_that_was_broken_very_often_shows_the_first_times():
    violations = [Violation(n, "again", ()) for n in range(1000)]
    found = page(interrupted().timeline, checks=[CheckResult("often", "", violations, "")])
    assert len(found.promises[0].proofs) == 50
