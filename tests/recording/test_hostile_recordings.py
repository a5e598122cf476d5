"""Hostile recordings and logs: a named error, bounded memory and time, and nothing left behind."""

from __future__ import annotations

import os
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from simkit import Simulation
from simkit.audio import files
from simkit.recording import Header, RecordingError, read, replay
from simkit.recording.cutting import cut
from simkit.recording.divergence import deviations
from simkit.recording.imports import KINDS, import_files
from simkit.recording.legs import LEGS, Stage
from simkit.recording.listing import summary
from simkit.recording.merging import merge
from simkit.recording.outputs import Output, Outputs
from simkit.recording.recorder import Recorder
from simkit.recording.scrub import scrub
from tests.recording.drafts import HEADER, Draft, says

FORMAT = b'"format": {"encoding": "mulaw", "rate": 8000}'


@pytest.fixture
def draft(tmp_path) -> Draft:
    return Draft(tmp_path / "call")


def message(text: bytes, *, leg: bytes = b"vapi", direction: bytes = b"in") -> bytes:
    return b'{"t_ms": 1, "leg": "%s", "direction": "%s", "message": %s}\n' % (leg, direction, text)


def all_of(place: Path, out: Path) -> list[Callable[[], object]]:
    """Everything that reads a recording."""
    return [
        lambda: list(summary(place, read(place))),
        lambda: cut(place, out, to_s=0.5),
        lambda: merge(place, place, out),
        lambda: scrub(place, out, text=True, voices=True),
    ]


def bear(place: Path, tmp_path: Path) -> list[str]:
    """Let everything read a recording; returns what was refused, and checks what is left."""
    refusals = []
    for number, use in enumerate(all_of(place, tmp_path / "out")):
        try:
            use()
        except RecordingError as error:
            refusals.append(f"{number} {error}")
            assert not (tmp_path / "out").exists()
        else:
            for path in (tmp_path / "out").glob("*"):
                path.unlink()
            if (tmp_path / "out").exists():
                (tmp_path / "out").rmdir()
        assert [path.name for path in tmp_path.iterdir()] == [place.name]
    return refusals


def test_a_file_of_gigabytes_is_refused_by_its_size(draft, tmp_path):
    draft.put(HEADER)
    os.truncate(draft.events, 4 << 30)
    tracemalloc.start()
    refusals = bear(draft.path, tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(refusals) == 4
    assert "found 4,294,967,296 bytes, expected at most 536,870,912" in refusals[0]
    assert peak < 4_000_000


@pytest.mark.parametrize("kind", ["folder", "pipe", "link"])
def test_events_are_a_plain_file(draft, tmp_path, kind):
    if kind == "folder":
        draft.events.mkdir()
    elif kind == "pipe":
        os.mkfifo(draft.events)
    else:
        draft.events.symlink_to("/etc/hostname")
    refusals = bear(draft.path, tmp_path)
    assert len(refusals) == 4
    assert "call.jsonl: expected a plain file" in refusals[0]


@pytest.mark.parametrize("opens", [b"[", b'{"a":'])
def test_messages_have_a_depth(draft, tmp_path, opens):
    closes = b"]" if opens == b"[" else b"}"
    draft.put(HEADER, message(b'{"a": %s1%s}' % (opens * 900, closes * 900)))
    refusals = bear(draft.path, tmp_path)
    assert len(refusals) == 4
    assert refusals[0].endswith("call.jsonl:2: message: expected at most 64 levels")
    draft.put(HEADER, message(b'{"a": %s1%s}' % (opens * 60, closes * 60)))
    assert not any("levels" in refusal for refusal in bear(draft.path, tmp_path))


def test_a_deep_message_is_not_taken_down(tmp_path):
    deep: list = []
    for _ in range(900):
        deep = [deep]
    taken = Recorder(tmp_path / "call", Header(source="a test"))
    with pytest.raises(ValueError, match="64 levels"):
        taken.message(0, "vapi", "in", {"a": deep})
    taken.finish(0)


ODD = [
    b'{"type": []}',
    b'{"type": {}, "role": []}',
    b'{"event": ["start"]}',
    b'{"type": "transcript", "role": "user", "transcript": [1]}',
    b'{"toolCallList": {"a": 1}, "results": 5}',
    b'{"toolCallList": [1, {"id": []}], "results": [{"toolCallId": {}}, 4]}',
    b'{"event": "start", "start": []}',
    b'{"event": "start", "sequenceNumber": [], "start": {"callSid": ["a"]}}',
    b'{"event": "mark", "mark": "a", "sequenceNumber": -1}',
    b'{"event": "mark", "mark": {"name": []}, "sequenceNumber": "\xd9\xa3"}',
    b'{"event": "mark", "sequenceNumber": "99999999999999999999999"}',
    b'{"event": "mark", "mark": {"name": "a"}, "event": "media"}',
    b'{"event": "\\u0000\\u202e"}',
]


def test_messages_of_any_shape_are_borne(draft, tmp_path):
    ways = [(b"twilio", b"in"), (b"twilio", b"out"), (b"vapi", b"in"), (b"vapi", b"out")]
    draft.put(HEADER, *(message(odd, leg=a, direction=b) for odd in ODD for a, b in ways))
    refusals = bear(draft.path, tmp_path)
    assert [refusal for refusal in refusals if not refusal.startswith("2 ")] == []


def media(extra: bytes, t_ms: int = 1) -> bytes:
    body = b'"file": "caller.flac", "start": 0, %s' % extra
    return b'{"t_ms": %d, "leg": "twilio", "direction": "in", "media": {%s}}\n' % (t_ms, body)


def test_numbers_of_any_size_are_borne(draft, tmp_path):
    large = b"9" * 300
    run = b'"sizes": 160, "sequence": %s, "chunk": %s, "timestamp": %s, %s'
    draft.put(
        HEADER, media(run % (large, large, large, FORMAT)), media(run % (b"0", b"0", b"0", FORMAT))
    )
    for refusal in bear(draft.path, tmp_path):
        assert "call" in refusal


@pytest.mark.parametrize("samples", [0, 100, 8001, 14_400 * 8000 + 1, (1 << 36) - 1])
def test_a_flac_file_that_lies_about_its_length_is_told(draft, tmp_path, samples):
    data = bytearray(draft.sound.read_bytes())
    said = int.from_bytes(data[18:26], "big") >> 36 << 36 | samples
    data[18:26] = said.to_bytes(8, "big")
    draft.sound.write_bytes(data)
    draft.put(HEADER, media(b'"sizes": 160, ' + FORMAT))
    refusals = bear(draft.path, tmp_path)
    assert {refusal[:1] for refusal in refusals} >= {"0"}
    assert "call.jsonl:2: media" in refusals[0]


def many_marks() -> list[bytes]:
    mark = b'{"event": "mark", "sequenceNumber": "5", "mark": {"name": "a"}}'
    return [message(mark, leg=b"twilio", direction=b"in" if n % 2 else b"out") for n in range(2000)]


def many_utterances() -> list[dict]:
    return [
        {
            **says(start=0, samples=8000, words=[]),
            "t_ms": n % 900,
            "leg": ("caller", "agent")[n % 2],
        }
        for n in range(1600)
    ]


def many_runs() -> list[bytes]:
    return [media(b'"sizes": 1, ' + FORMAT) for _ in range(2000)]


def many_transcripts() -> list[bytes]:
    said = b'{"type": "transcript", "transcriptType": "partial", "role": "user", "transcript": "a"}'
    return [message(said) for _ in range(2000)]


@pytest.mark.parametrize("many", [many_marks, many_utterances, many_runs, many_transcripts])
def test_the_cost_of_a_cut_grows_with_the_lines_and_no_faster(draft, tmp_path, many):
    lines = many()
    calls = {}
    for count in (len(lines) // 8, len(lines)):
        draft.put(HEADER, *lines[:count])
        place = tmp_path / str(count)
        calls[count] = calls_of(lambda place=place: cut(draft.path, place, to_s=0.5))
    # Eight times the lines; a square would be 64 times the work.
    assert calls[len(lines)] < 12 * calls[len(lines) // 8]


def calls_of(work: Callable[[], object]) -> int:
    """Return how many calls of functions and items of generators some work takes."""
    count = 0

    def look(*_: object) -> None:
        nonlocal count
        count += 1

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def test_sound_that_is_said_often_is_in_memory_once(draft, tmp_path):
    draft.put(HEADER, *many_utterances()[:400])
    tracemalloc.start()
    cut(draft.path, tmp_path / "part", to_s=0.5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000  # once for each would be 6.4 million


# Logs

FRAME = (
    b'{"event": "media", "sequenceNumber": "2", '
    b'"media": {"payload": "/w==", "timestamp": "0", "chunk": "1"}}'
)


@pytest.mark.parametrize("time", [b"1e308", b"1e-320", b'"9999-12-31T23:59:59Z"', b"-1e308"])
def test_times_of_a_log_that_no_call_has_are_told(tmp_path, time):
    log = tmp_path / "messages.log"
    lines = [b'{"ts": %s, "message": %s}\n' % (each, FRAME) for each in (b"0", time, b"1e308")]
    log.write_bytes(b"".join(lines))
    with pytest.raises(RecordingError, match=r"messages\.log: its times are .* s apart, expected"):
        import_files([log], tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["messages.log"]


def test_a_log_of_gigabytes_is_refused_without_being_read_whole(tmp_path):
    log = tmp_path / "events.log"
    log.touch()
    os.truncate(log, 4 << 30)
    for kind in ("event-log", "twilio-log"):
        tracemalloc.start()
        with pytest.raises(RecordingError, match="found 4,294,967,296 bytes, expected at most 1,"):
            import_files([log], tmp_path / "out", kind=kind)  # type: ignore[arg-type]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1_000_000


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_what_is_no_file_is_not_waited_for(tmp_path, kind):
    os.mkfifo(tmp_path / "pipe.log")
    with pytest.raises(RecordingError, match=r"pipe\.log: expected a plain file"):
        import_files([tmp_path / "pipe.log"], tmp_path / "out", kind=kind)
    with pytest.raises(RecordingError, match=r"none\.log: No such file or directory"):
        import_files([tmp_path / "none.log"], tmp_path / "out", kind=kind)


def test_sound_beside_the_clock_is_cut_once_however_often_it_is_said(draft, tmp_path):
    files.write(draft.sound, np.arange(8000, dtype=np.int16))
    draft.put(HEADER, *({**says(words=[]), "t_ms": 400 + n} for n in range(50)))
    cut(draft.path, tmp_path / "part", from_s=0.4)
    part = read(tmp_path / "part")
    assert len(part.sounds["caller.flac"]) == 1000
    assert len(part.speech("caller")) == 50


# Replay


def test_the_cost_of_a_divergence_grows_with_the_messages_and_no_faster() -> None:
    def sent(count: int) -> Outputs:
        return Outputs(
            [Output(t_ns=n * 1_000_000, leg="vapi", kind=f"x{n}") for n in range(count)], None
        )

    few, many = (
        calls_of(lambda count=count: deviations(sent(count), Outputs([], None)))
        for count in (100, 800)
    )
    assert many < 12 * few


def test_the_cost_of_setting_a_stage_grows_with_the_sockets_and_no_faster(draft) -> None:
    def calls(count: int) -> int:
        sound = media(b'"sizes": 160, ' + FORMAT)
        opened = [message(b'{"event": "opened"}') for _ in range(count)]
        draft.put(HEADER, sound, sound.replace(b'"twilio"', b'"vapi"'), *opened)
        recording = read(draft.path)
        with Simulation() as sim:
            return calls_of(lambda: Stage(sim, recording, dict.fromkeys(LEGS, "recorded")))

    few, many = calls(100), calls(800)
    assert many < 12 * few


@pytest.mark.parametrize("many", [many_marks, many_utterances, many_runs, many_transcripts])
def test_many_lines_replay(draft, many) -> None:
    sound = media(b'"sizes": 160, ' + FORMAT)
    draft.put(HEADER, sound, *many()[:200])
    assert replay(read(draft.path)).failure == ""
