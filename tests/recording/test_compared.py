"""The page of a replay: the recorded call above, on the replay's clock, and what differs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simkit.audio.mulaw import decode, encode
from simkit.checks import CheckResult, Violation
from simkit.recording import Recording, read, replay
from simkit.recording.as_recorded import Place, as_recorded
from simkit.recording.compared import differences, with_recording
from simkit.recording.deviation import Deviation
from simkit.recording.divergence import Divergence
from simkit.recording.utterances import track
from simkit.report import Outcome
from simkit.report.page import Page, render_page
from tests.recording.test_divergence_replay import ours
from tests.zoo.bridges import NeverClears

RECORDINGS = Path(__file__).parents[2] / "recordings"
MS = 1_000_000


@pytest.fixture(scope="module")
def captured() -> Recording:
    return read(RECORDINGS / "barge-in")


@pytest.fixture(scope="module")
def again(captured):
    return replay(captured)


@pytest.fixture(scope="module")
def broken(captured):
    return replay(captured, app=ours(NeverClears))


def instants(page: Page, panel: int, kind: str) -> list[int]:
    shown = page.panels[panel]
    return [
        at
        for at, number in zip(shown.events.t, shown.events.kind, strict=True)
        if shown.kinds[number] == kind
    ]


def spans(page: Page, panel: int, row: str) -> list[tuple[int, int, str]]:
    return [(it.start, it.end, it.text) for it in page.panels[panel].spans if it.row == row]


def test_the_same_bridge_is_below_what_it_did_at_the_same_instants(again):
    page = again.page("barge-in")
    assert [panel.title for panel in page.panels] == ["recorded: barge-in", "replayed"]
    assert (page.passed, page.differences) == (True, [])
    assert page.verdict[0].startswith("The bridge did as recorded (compared: what went to Twilio")
    for kind in ("clear", "user-interrupted", "transcript", "stop", "mark"):
        recorded, now = (instants(page, panel, kind) for panel in (0, 1))
        assert recorded
        assert now == pytest.approx(recorded, abs=1500)
    for row, apart in (("mouth", 1), ("agent", 100_000), ("ear", 30_000)):
        recorded, now = (
            [it for it in page.panels[panel].spans if it.row == row and not it.unheard]
            for panel in (0, 1)
        )
        assert [it.text for it in now] == [it.text for it in recorded]
        assert [it.start for it in now] == pytest.approx([it.start for it in recorded], abs=apart)
        assert [it.end for it in now] == pytest.approx([it.end for it in recorded], abs=apart)


def test_the_recorded_barge_in_is_measured_as_the_replayed_one_is(again):
    above, below = (panel.brackets for panel in again.page("").panels)
    [recorded], [now] = above, below
    assert recorded.onset == now.onset
    assert recorded.stop_ms == pytest.approx(now.stop_ms, abs=25)
    assert recorded.parts_ms == pytest.approx(now.parts_ms, abs=25)


def test_both_calls_have_their_sound_at_its_instants(again):
    page = again.page("")
    for panel in page.panels:
        assert panel.sound is not None
        assert set(panel.waves) == {"mouth", "ear"}
    # The caller's voice is what was captured, on both sides.
    [event] = again.timeline.of("speaks")
    first = (event.t_ns - again.sound_starts_ns) // 125_000
    assert np.abs(again.mouth[first : first + 8000]).max() > 1000
    began = (again.played_ns - again.sound_starts_ns) // 125_000
    said = decode(encode(track(again.recording, "caller")))[: len(again.mouth) - began]
    assert np.array_equal(again.mouth[began : began + len(said)], said)


def test_a_planted_bug_is_the_first_cause_where_it_was_and_is_not(broken):
    page = broken.page("barge-in")
    [clear] = instants(page, 0, "clear")
    assert instants(page, 1, "clear") == []
    [found] = page.differences
    assert (found.number, found.cause, found.sentence) == (1, None, "clear not sent")
    assert (found.above, found.below) == (pytest.approx(clear, abs=1), None)
    assert page.passed is False
    at = f"{clear / 1e6:.3f}"
    assert page.verdict[0] == (
        f"The bridge does otherwise than recorded, first at {at} s: clear not sent."
    )
    assert "clear not sent" in render_page(page)


def test_a_broken_promise_comes_before_a_bridge_that_did_as_recorded(again):
    blocked = CheckResult("no-blocking", "it never was", [Violation(MS, "it was blocked")])
    page = replace(again, checks=[blocked]).page("barge-in")
    assert page.passed is False
    assert page.verdict[0] == "1 of 1 promises was broken: no-blocking."
    assert page.verdict[1].startswith("The bridge did as recorded (compared: ")


def test_where_nothing_was_captured_what_the_agent_said_tells_what_was_heard():
    result = replay(read(RECORDINGS / "three-interruptions"), app=ours(NeverClears))
    page = result.page("")
    assert [one.sentence for one in page.differences] == ["clear not sent"] * 3
    assert [one.above for one in page.differences] == pytest.approx(instants(page, 0, "clear"))
    heard = spans(page, 0, "ear")
    recorded = [round(one.stop_ms) for one in page.panels[0].brackets if one.stop_ms is not None]
    assert recorded == [246, 255, 260]
    assert heard[0][2] == "Your"
    proofs = [proof for promise in page.promises for proof in promise.proofs]
    assert proofs
    lines = page.panels[1].events.line
    for proof in proofs:
        assert proof.call == 1
        assert [lines[place].split()[0] for place in proof.events] == [
            line.split()[0] for line in proof.lines[: len(proof.events)]
        ]


def test_it_says_whose_clock_it_is_and_what_is_not_known(again, captured):
    begins = (
        f"instants are the replay's: the recording begins at {again.divergence.begun_ns / 1e9:.3f}"
    )
    [said, *recorded] = again.page("barge-in").remarks
    assert said == f"{begins} s"
    assert recorded
    assert all(remark.startswith("recorded: ") for remark in recorded)
    nothing = Divergence(compared=[], tolerance_ms=50, causes=[], begun_ns=140 * MS)
    page = with_recording(Outcome.page(again, "x"), captured, nothing, again.played_ns)
    assert page.remarks[:2] == [
        "nothing to compare: the recording does not tell what the bridge sent",
        "instants are the replay's: the recording begins at 0.140 s",
    ]


def deviation(sentence: str, before: int | None, now: int | None, **more) -> Deviation:
    known = [one * MS for one in (before, now) if one is not None]
    return Deviation(
        kind="changed",
        leg="twilio",
        what="clear",
        t_ns=min(known),
        sentence=sentence,
        recorded_ns=None if before is None else before * MS,
        today_ns=None if now is None else now * MS,
        **more,
    )


def test_differences_are_numbered_and_consequences_name_their_cause():
    follows = [deviation("more heard", 2010, 2222), deviation("a mark", None, 2300)]
    causes = [
        deviation("clear late", 2000, 2212, consequences=follows),
        deviation("close", 9000, None, times=3),
    ]
    found = Divergence(compared=["clear"], tolerance_ms=50, causes=causes, begun_ns=140 * MS)
    told = [
        (one.number, one.above, one.below, one.sentence, one.cause) for one in differences(found)
    ]
    assert told == [
        (1, 2_140_000, 2_352_000, "clear late", None),
        (2, 2_150_000, 2_362_000, "more heard", 1),
        (3, None, 2_440_000, "a mark", 1),
        (4, 9_140_000, None, "close (3 times)", None),
    ]


def test_a_hostile_recording_is_shown_and_taken_for_nothing_else(tmp_path):
    hostile = '</script><img src=x onerror="alert(1)">\x1b[31m'
    events = [{"event": kind, "name": hostile} for kind in ("hears", "speaks", "media", "lost")]
    events += [{"event": "mark"}, {"event": "mark", "mark": {"name": hostile}}, {"event": hostile}]
    lines = [{"t_ms": 100, "leg": "twilio", "direction": "in", "message": {"event": "start"}}]
    for number, message in enumerate(events):
        way = "in" if number % 2 else "out"
        lines.append({"t_ms": 200 + number, "leg": "twilio", "direction": way, "message": message})
    for kind in ("transcript", "speech-update", "truncate", hostile):
        message = {"type": kind, "role": hostile, "transcript": [1]}
        lines.append({"t_ms": 300, "leg": "vapi", "direction": "in", "message": message})
    header = {"format": "simkit-recording", "version": 1, "duration_ms": 2000.0}
    header |= json.loads((RECORDINGS / "barge-in" / "call.jsonl").read_text().splitlines()[0])
    header["duration_ms"] = 2000.0
    (tmp_path / "call.jsonl").write_text("".join(json.dumps(it) + "\n" for it in [header, *lines]))
    result = replay(read(tmp_path))
    text = render_page(result.page(hostile))
    assert "<img" not in text
    assert "\x1b" not in text
    assert text.count("<script") == text.count("</script")
    assert not as_recorded(result.recording).timeline.of("hears")


def test_the_clock_of_a_recording_is_moved_and_nothing_else(captured):
    own = as_recorded(captured)
    place = Place.of_itself(captured)
    moved = as_recorded(captured, place._replace(begun_ns=MS, spoken_ns=place.spoken_ns + MS))
    assert [event.t_ns - MS for event in moved.timeline] == [event.t_ns for event in own.timeline]
    assert [one.time_to_stop_ms for one in moved.barge_ins] == [
        one.time_to_stop_ms for one in own.barge_ins
    ]
