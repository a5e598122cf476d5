"""The recordings of the project: each is whole, small, free of secrets, and replays."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from simkit.recording import read, replay
from simkit.recording.scrub import findings
from simkit.recording.utterances import utterances

FOLDER = Path(__file__).parents[2] / "recordings"
README = (FOLDER / "README.md").read_text()
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/call.jsonl"))
CAPTURED = [name for name in NAMES if (FOLDER / name / "to-vapi.flac").exists()]


@pytest.mark.parametrize("name", NAMES)
def test_it_replays_as_recorded_and_every_promise_holds(name: str) -> None:
    again = replay(read(FOLDER / name))
    assert again.faults == []
    assert again.timeline.of("hears")


@pytest.mark.parametrize("name", CAPTURED)
def test_it_is_whole_small_and_nobodys_business(name: str) -> None:
    recording = read(FOLDER / name)
    assert [e.message["event"] for e in recording.events if e.leg == "call"] == ["ended"]
    assert f"| `{name}` | {recording.header.source} |" in README
    assert sum(path.stat().st_size for path in (FOLDER / name).iterdir()) < 180_000
    assert set(findings(recording)) <= {"SID", "UUID", "phone number"}  # the fakes' own


@pytest.mark.parametrize("name", ["barge-in", "rapid-interrupts", "json-audio", "cold-start"])
def test_on_live_legs_its_instants_are_those_recorded(name: str) -> None:
    recording = read(FOLDER / name)
    again = replay(recording, legs={"twilio": "live", "vapi": "live"}).timeline
    [first, *_] = again.of("connected")
    origin_ms = first.t_ns / 1e6 - recording.events[0].t_ms

    def now(kind: str) -> list[float]:
        return [event.t_ns / 1e6 - origin_ms for event in again.of(kind)]

    then = [event.t_ms for event in recording.messages("twilio", "out", "clear")]
    assert now("clear") == pytest.approx(then, abs=5)
    # An utterance found by loudness lies on a grid of 20 ms, the voice's frames on another.
    spoken = [
        said.t_ms - recording.header.links_ms["vapi"] for said in utterances(recording, "agent")
    ]
    assert now("replies") == pytest.approx(spoken, abs=5)


def test_all_of_them_are_told_of() -> None:
    assert len(CAPTURED) == 9
    assert all(f"| `{name}` |" in README for name in NAMES)


def test_each_shows_what_it_says() -> None:
    def of(name: str, leg: str, direction: str, kind: str) -> list[float]:
        found = read(FOLDER / name).messages(leg, direction, kind)
        return [event.t_ms for event in found]

    def pause_ms(name: str) -> float:
        instants = [frame.t_ns for frame, _ in read(FOLDER / name).frames("twilio", "in")]
        return max(after - before for before, after in pairwise(instants)) / 1e6

    for name in ("barge-in", "rapid-interrupts"):
        assert len(of(name, "twilio", "out", "clear")) == 1
    [asked], [opened] = (
        of("cold-start", "vapi", direction, kind)
        for direction, kind in (("in", "response"), ("in", "opened"))
    )
    assert opened - asked > 1500
    [lost] = of("vapi-lost", "vapi", "in", "disconnected")
    first, second = of("vapi-lost", "vapi", "in", "opened")
    assert first < lost < second
    assert 750 < pause_ms("stall-then-burst") < 2000
    fallback = [len(data) for _, data in read(FOLDER / "no-answer").frames("twilio", "out")]
    assert max(fallback) > 8000
    [stopped] = of("hang-up-mid-reply", "twilio", "in", "stop")
    assert stopped - read(FOLDER / "hang-up-mid-reply").duration_ms > -1000
    assert read(FOLDER / "json-audio").formats["to-vapi.flac"].message["type"] == "audio"


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9])
def test_what_a_crash_left_of_it_replays_as_recorded_up_to_there(
    tmp_path: Path, share: float
) -> None:
    shutil.copytree(FOLDER / "barge-in", tmp_path / "left")
    events = tmp_path / "left" / "call.jsonl"
    data = events.read_bytes()
    events.write_bytes(data[: round(len(data) * share)])
    again = replay(read(tmp_path / "left"))
    assert again.recording.cut_tail
    assert (again.failure, again.divergence.causes) == ("", [])
