"""Traces of streamdouble: the same call with audio in them, its shape without."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simkit.audio import mulaw
from simkit.recording import Recording, RecordingError, read, replay, streamdouble
from simkit.recording.imports import import_files, recognise
from simkit.recording.report import ImportReport

BEGAN = 34483.670451
"""Seconds of the clock of whoever made the trace."""


def frame(at: float, way: str, level: int, samples: int = 160, **more: Any) -> dict[str, Any]:
    payload = base64.b64encode(mulaw.encode(np.full(samples, level, np.int16))).decode()
    entry = {"t": round(BEGAN + at, 6), "dir": way, "event": "media", "chunk": None}
    entry |= {"timestamp_ms": None, "bytes": len(payload), "sha256_8": "7836374a"}
    return entry | more | {"payload": payload}


def entry(at: float, way: str, event: str | None, **more: Any) -> dict[str, Any]:
    return {"t": round(BEGAN + at, 6), "dir": way, "event": event} | more


def trace() -> list[dict[str, Any]]:
    parameters = {"token": "<redacted>"}
    made = [
        entry(0.0, "out", "connected"),
        entry(0.001, "out", "start", seq="1", tracks=["inbound"], customParameters=parameters),
    ]
    for number in range(50):
        numbers = {"chunk": str(number + 1), "timestamp_ms": str(20 * number)}
        numbers |= {"seq": str(number + 2), "track": "inbound"}
        level = 2000 if 10 <= number < 30 else 0
        made.append(frame(0.002 + 0.02 * number, "out", level, **numbers))
    made += [
        frame(0.4, "in", 3000, samples=8000),
        entry(0.4, "in", "mark", mark="a"),
        entry(0.5, "in", "clear"),
        entry(0.51, "in", None, unparseable=True, bytes=4, excerpt="oops"),
        entry(0.52, "out", "mark", seq="52", mark="a"),
        entry(0.6, "out", "dtmf", seq="53", digit="5"),
        entry(1.1, "out", "stop", seq="54"),
    ]
    return sorted(made, key=lambda one: float(one["t"]))


def imported(place: Path, *entries: dict[str, Any]) -> tuple[ImportReport, Recording]:
    path = place / "trace.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in entries))
    assert recognise(path) == "streamdouble"
    return import_files([path], place / "call"), read(place / "call")


def test_a_trace_with_audio_becomes_the_call_that_it_tells_of(tmp_path: Path) -> None:
    report, recording = imported(tmp_path, *trace())
    assert (report.messages, report.frames, report.faults, report.notes) == (8, 51, [], [])
    told = [
        (e.direction, e.message["event"])
        for e in recording.events
        if e.leg == "twilio" and e.message
    ]
    assert told == [
        ("in", "connected"),
        ("in", "start"),
        ("out", "mark"),
        ("out", "clear"),
        ("out", "unreadable"),
        ("in", "mark"),
        ("in", "dtmf"),
        ("in", "stop"),
    ]
    caller = list(recording.frames("twilio", "in"))
    assert [f.numbers.chunk for f, _ in caller] == list(range(1, 51))
    assert caller[10][0].t_ns == 202_000_000
    assert caller[10][1] == mulaw.encode(np.full(160, 2000, np.int16))
    [clear] = recording.messages("twilio", "out", "clear")
    assert clear.t_ms == pytest.approx(500)


def test_it_replays_and_its_secrets_are_not_taken_for_some(tmp_path: Path) -> None:
    _, recording = imported(tmp_path, *trace())
    [start] = recording.messages("twilio", "in", "start")
    assert start.message["start"]["customParameters"] == {"token": "[secret]"}
    again = replay(recording)
    assert again.failure == ""
    assert [c.what for c in again.divergence.causes] == ["clear"]  # this one waits for a voice


def test_without_audio_its_frames_are_silence_and_that_is_told(tmp_path: Path) -> None:
    bare = [{k: v for k, v in one.items() if k != "payload"} for one in trace()]
    report, recording = imported(tmp_path, *bare)
    assert report.frames == 51
    assert report.notes == [
        "51 frames are silence: their audio is not in the trace, where streamdouble puts it with "
        "--trace-payloads"
    ]
    assert {data for _, data in recording.frames("twilio", "in")} == {b"\xff" * 160}
    assert [len(data) for _, data in recording.frames("twilio", "out")] == [8000]


def test_what_cannot_be_used_is_told_by_line(tmp_path: Path) -> None:
    other = frame(0.05, "out", 0, track="outbound")
    huge = entry(0.06, "in", "media", bytes=10**12)
    cut = {"dir": "note", "truncated": True, "retained": 100000, "dropped": 7}
    report, _ = imported(tmp_path, *trace(), other, huge, entry(0.07, "in", "hello"), cut)
    first = len(trace()) + 1
    assert report.faults == [
        (first, "of track 'outbound', not the caller's"),
        (first + 1, "bytes: found '1000000000000', expected 0 to 16,777,216"),
        (first + 2, "event: 'hello' is none of Twilio's"),
        (first + 3, "the trace stops here; 7 frames are not in"),
    ]


def test_silence_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamdouble, "MAX_SECONDS", 10)
    longest = [entry(0.1 * n, "in", "media", bytes=40_000) for n in range(5)]
    report, recording = imported(tmp_path, *longest)
    assert [why for _, why in report.faults] == ["media: over 10 s of silence"] * 3
    assert len(list(recording.frames("twilio", "out"))) == 2


def test_a_trace_without_audio_frames_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no media message in it"):
        imported(tmp_path, entry(0.0, "out", "connected"), entry(1.0, "out", "stop", seq="1"))
