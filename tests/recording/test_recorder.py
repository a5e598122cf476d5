"""The recorder: what it takes down comes back, whenever it was cut off."""

from __future__ import annotations

import os
import random
import uuid
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simkit.audio import mulaw
from simkit.recording import Header, MediaFormat, RecordingError, read, recorder
from simkit.recording.media import Numbers
from simkit.recording.recorder import Recorder, recover

MULAW = MediaFormat("mulaw", 8000)
PCM = MediaFormat("pcm_s16le", 16000)
HEADER = Header(source="a test")


def mulaw_bytes(count: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(count)


def take_down(path: Path, seconds: int = 3) -> Recorder:
    """A call of 20 ms frames on all four ways, with a mark each second."""
    taken = Recorder(path, HEADER)
    draw = random.Random(5)
    sequence = 2
    for number in range(seconds * 50):
        t_ns = number * 20_000_000 + draw.randrange(3_000_000)
        numbers = Numbers(sequence, number + 1, 100 + 20 * number)
        sequence += 1
        taken.frame(t_ns, "twilio", "in", mulaw_bytes(160, number), MULAW, numbers)
        taken.frame(t_ns + 400_000, "vapi", "out", draw.randbytes(640), PCM)
        taken.frame(t_ns + 500_000, "vapi", "in", draw.randbytes(draw.choice([640, 641])), PCM)
        taken.frame(t_ns + 900_000, "twilio", "out", mulaw_bytes(160, -number), MULAW)
        if number % 50 == 20:
            taken.message(t_ns + 950_000, "twilio", "in", {"event": "mark", "number": number})
            sequence += 1
    return taken


def told(path: Path) -> list[tuple]:
    """Everything that a recording holds, in one list."""
    recording = read(path)
    rows: list[tuple] = [
        (round(event.t_ms * 1e6), event.leg, event.direction, str(event.message))
        for event in recording.events
        if event.media is None and event.leg != "call"
    ]
    for leg in ("twilio", "vapi"):
        for direction in ("in", "out"):
            rows += [
                (frame.t_ns, leg, direction, data, frame.numbers)
                for frame, data in recording.frames(leg, direction)
            ]
    return rows


def test_a_call_comes_back_frame_by_frame(tmp_path):
    taken = take_down(tmp_path / "call")
    taken.finish(3_000_000_000)
    recording = read(tmp_path / "call")
    caller = list(recording.frames("twilio", "in"))
    assert [frame.numbers.chunk for frame, _ in caller] == list(range(1, 151))
    assert [data for _, data in caller] == [mulaw_bytes(160, number) for number in range(150)]
    agent = list(recording.frames("vapi", "in"))
    assert {frame.size for frame, _ in agent} == {640, 641}
    assert recording.duration_ms == 3000.0
    assert sorted(path.name for path in (tmp_path / "call").iterdir()) == [
        "agent.flac",
        "call.jsonl",
        "caller.flac",
        "from-vapi.flac",
        "to-vapi.flac",
    ]


def test_an_unfinished_recording_reads_as_the_finished_one(tmp_path):
    take_down(tmp_path / "whole").finish(3_000_000_000)
    whole = told(tmp_path / "whole")
    cut = take_down(tmp_path / "cut")
    cut.abandon()
    found = told(tmp_path / "cut")
    assert len(found) > len(whole) - 4 * 50
    assert set(found) <= set(whole)
    recover(tmp_path / "cut")
    assert told(tmp_path / "cut") == found
    assert not list((tmp_path / "cut").glob("*.raw"))


def test_what_is_recovered_stays_as_it_is(tmp_path):
    take_down(tmp_path / "call").abandon()
    recover(tmp_path / "call")
    before = {path.name: path.read_bytes() for path in (tmp_path / "call").iterdir()}
    recover(tmp_path / "call")
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "call").iterdir()}


def test_a_process_that_dies_at_any_byte_leaves_all_but_the_last_line(tmp_path):
    whole = take_down(tmp_path / "whole", seconds=1)
    whole.finish(1_000_000_000)
    expected = set(told(tmp_path / "whole"))
    draw = random.Random(1)
    header = len((tmp_path / "whole" / "call.jsonl").read_bytes().split(b"\n", 1)[0]) + 1
    for number in range(200):
        budget = draw.randrange(header, whole.bytes_written)
        path = tmp_path / f"cut-{number}"
        pid = os.fork()
        if pid == 0:  # the process that dies
            _die_after(budget)
            take_down(path, seconds=1).finish(1_000_000_000)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
        lines = (path / "call.jsonl").read_bytes()
        recording = read(path)
        assert len(recording.events) == lines.count(b"\n") - 1
        assert bool(recording.cut_tail) is not lines.endswith(b"\n")
        assert set(told(path)) <= expected


def _die_after(budget: int) -> None:
    really_write = os.write
    left = budget

    def write(file: int, data: bytes) -> int:
        nonlocal left
        if len(data) >= left:
            really_write(file, data[:left])
            os._exit(9)
        left -= len(data)
        return really_write(file, data)

    recorder.os.write = write


def test_a_tail_that_was_cut_is_told_and_removed_by_recovery(tmp_path):
    take_down(tmp_path / "call").abandon()
    with (tmp_path / "call" / "call.jsonl").open("ab") as events:
        events.write(b'{"t_ms": 1')
    assert recover(tmp_path / "call") == '{"t_ms": 1'
    assert read(tmp_path / "call").cut_tail == ""
    assert read(tmp_path / "call").events[-1].message == {"event": "ended"}


def test_another_format_on_the_way_begins_another_file(tmp_path):
    taken = Recorder(tmp_path / "call", HEADER)
    taken.frame(0, "vapi", "in", bytes(640), PCM)
    taken.frame(20_000_000, "vapi", "in", b"\xff" * 160, MULAW)
    taken.finish(40_000_000)
    sizes = [(frame.size, frame.t_ns) for frame, _ in read(tmp_path / "call").frames("vapi", "in")]
    assert sizes == [(640, 0), (160, 20_000_000)]
    assert (tmp_path / "call" / "from-vapi-2.flac").exists()


def test_an_existing_folder_is_not_touched(tmp_path):
    (tmp_path / "call").mkdir()
    with pytest.raises(RecordingError, match="exists already"):
        Recorder(tmp_path / "call", HEADER)
    assert list((tmp_path / "call").iterdir()) == []


def test_frames_are_written_within_a_second_of_silence(tmp_path):
    taken = Recorder(tmp_path / "call", HEADER)
    taken.frame(0, "twilio", "in", b"\xff" * 160, MULAW)
    taken.message(999_000_000, "twilio", "in", {"event": "mark"})
    assert len(read(tmp_path / "call").events) == 1
    taken.message(1_000_000_000, "twilio", "in", {"event": "mark"})
    assert len(list(read(tmp_path / "call").frames("twilio", "in"))) == 1
    taken.abandon()


def test_text_that_no_file_can_hold_is_replaced_and_a_number_refused(tmp_path):
    taken = Recorder(tmp_path / "call", HEADER)
    taken.message(0, "vapi", "in", {"type": "transcript", "transcript": "a\ud800b"})
    with pytest.raises(ValueError, match="not JSON compliant"):
        taken.message(0, "vapi", "in", {"type": float("nan")})
    taken.finish(0)
    assert read(tmp_path / "call").events[0].message["transcript"] == "a?b"


frames = st.lists(
    st.tuples(
        st.integers(0, 1_500_000_000),
        st.sampled_from([("twilio", "in"), ("twilio", "out"), ("vapi", "in"), ("vapi", "out")]),
        st.integers(0, 2000),
        st.booleans(),
    ),
    max_size=40,
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(frames)
def test_any_frames_come_back_in_order_to_the_microsecond(tmp_path, steps):
    path = tmp_path / str(uuid.uuid4())
    taken = Recorder(path, HEADER)
    t_ns = 0
    sent: dict[tuple, list[tuple]] = {}
    for step_ns, way, size, is_mark in steps:
        t_ns += step_ns
        data = mulaw.encode(np.random.default_rng(size).integers(-999, 999, size, np.int16))
        taken.frame(t_ns, *way, data, MULAW)
        sent.setdefault(way, []).append((t_ns, data))
        if is_mark:
            taken.message(t_ns, "twilio", "in", {"event": "mark"})
    taken.finish(t_ns)
    recording = read(path)
    for way, expected in sent.items():
        found = [(frame.t_ns, data) for frame, data in recording.frames(*way)]
        assert [data for _, data in found] == [data for _, data in expected]
        assert all(abs(a - b) <= 1000 for (a, _), (b, _) in zip(found, expected, strict=True))
