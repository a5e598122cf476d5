"""Cutting: a part of a call is a call; what answers what is gone, is gone too, and told."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from simkit.audio import mulaw, voice
from simkit.recording import Header, MediaFormat, Recording, RecordingError, read, replay
from simkit.recording.cutting import CutReport, cut
from simkit.recording.media import Numbers
from simkit.recording.recorder import Recorder

RECORDINGS = Path(__file__).parents[2] / "recordings"
MULAW = MediaFormat("mulaw", 8000)
PCM = MediaFormat("pcm_s16le", 16000)
START = {
    "event": "start",
    "sequenceNumber": "1",
    "start": {"callSid": "CA1", "streamSid": "MZ1"},
}


def mark(name: str, sequence: int | None = None) -> dict:
    numbered = {} if sequence is None else {"sequenceNumber": str(sequence)}
    return {"event": "mark", **numbered, "mark": {"name": name}}


def take_down(path: Path, seconds: float = 4.0) -> Path:
    """A call: a frame each 20 ms on three ways, marks that overlap the instant 2 s."""
    taken = Recorder(path, Header(source="a test"))
    taken.message(0, "twilio", "in", {"event": "connected"})
    taken.message(1_000_000, "twilio", "in", START)
    taken.message(2_000_000, "vapi", "in", {"type": "assistant.started"})
    sequence, draw = 2, np.random.default_rng(3)
    for number in range(round(seconds * 50)):
        t_ns = 100_000_000 + number * 20_000_000 + int(draw.integers(3_000_000))
        numbers = Numbers(sequence, number + 1, 20 * number)
        data = mulaw.encode(draw.integers(-999, 999, 160).astype(np.int16))
        taken.frame(t_ns, "twilio", "in", data, MULAW, numbers)
        taken.frame(t_ns + 300_000, "vapi", "in", draw.bytes(641), PCM)
        sequence += 1
        if number == 70:
            taken.message(t_ns + 500_000, "twilio", "out", mark("a"))
            taken.message(t_ns + 600_000, "twilio", "out", mark("b"))
            tools = {"type": "tool-calls", "toolCallList": [{"id": "t1"}]}
            taken.message(t_ns + 700_000, "vapi", "in", tools)
        if number == 100:
            taken.message(t_ns + 500_000, "twilio", "out", mark("b"))
        if number in (110, 130, 150):
            name = "a" if number == 110 else "b"
            taken.message(t_ns + 500_000, "twilio", "in", mark(name, sequence))
            sequence += 1
        if number == 120:
            taken.message(t_ns + 500_000, "vapi", "out", {"results": [{"toolCallId": "t1"}]})
    taken.message(t_ns + 5_000_000, "twilio", "in", {"event": "stop", "sequenceNumber": "x"})
    taken.finish(round(seconds * 1e9) + 200_000_000)
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return take_down(tmp_path_factory.mktemp("whole") / "call")


@pytest.fixture(scope="module")
def late(whole) -> tuple[CutReport, Recording]:
    """What is left from 2 s on."""
    place = whole.with_name("late")
    return cut(whole, place, from_s=2.0), read(place)


def test_the_frames_of_a_part_are_those_of_the_whole(whole, late):
    _, part = late
    for way in (("twilio", "in"), ("vapi", "in")):
        expected = [
            (frame.t_ns - 2_000_000_000, data)
            for frame, data in read(whole).frames(*way)
            if frame.t_ns >= 2_000_000_000
        ]
        assert [(frame.t_ns, data) for frame, data in part.frames(*way)] == expected
    assert part.duration_ms == 2200.0


def test_what_sets_the_call_up_stays_at_the_begin(late):
    opening = late[1].events[:3]
    assert [event.message.get("event") or event.message["type"] for event in opening] == [
        "connected",
        "start",
        "assistant.started",
    ]
    assert {(event.t_ms, event.origin) for event in opening} == {(0.0, "inferred")}


def test_the_numbers_of_twilio_go_on_without_a_gap(late):
    _, part = late
    numbers = [frame.numbers for frame, _ in part.frames("twilio", "in")]
    assert numbers[0] == Numbers(2, 1, 0)
    assert [each.chunk for each in numbers] == list(range(1, len(numbers) + 1))
    assert [each.timestamp for each in numbers] == [20 * n for n in range(len(numbers))]
    sent = [each.sequence for each in numbers]
    sent += [int(e.message["sequenceNumber"]) for e in part.messages("twilio", "in", "mark")]
    assert sorted(sent) == list(range(2, len(sent) + 2))


def test_what_answers_what_was_cut_away_is_left_out_and_told(late):
    report, part = late
    assert [line.split("  ", 1)[1] for line in report.left_out] == [
        "mark: the mark that it echoes was cut away",
        "message: the call of its tool was cut away",
        "mark: the mark that it echoes was cut away",
    ]
    # The second mark of that name was sent within the part, and so was its echo.
    assert [e.message["mark"]["name"] for e in part.messages("twilio", "in", "mark")] == ["b"]


def test_the_first_part_is_as_it_was(whole, tmp_path):
    report = cut(whole, tmp_path / "part", to_s=2.0)
    part = read(tmp_path / "part")
    assert report.left_out == []
    assert part.duration_ms == 2000.0
    assert len(list(part.frames("twilio", "in"))) == 95
    assert part.header.cut is not None
    assert (part.header.cut.from_ms, part.header.cut.to_ms, part.header.cut.of_ms) == (
        0.0,
        2000.0,
        4200.0,
    )


def test_a_part_of_a_part_tells_its_place_in_the_whole(whole, late, tmp_path):
    cut(whole.with_name("late"), tmp_path / "part", from_s=0.5, to_s=1.0)
    found = read(tmp_path / "part").header.cut
    assert found is not None
    assert (found.from_ms, found.to_ms, found.of_ms) == (2500.0, 3000.0, 4200.0)


def test_a_transcript_goes_with_the_speech_that_it_is_about(tmp_path):
    taken = Recorder(tmp_path / "call", Header(source="a test"))
    side = np.zeros(5 * 8000, np.int16)
    for start in (0.5, 3.0):
        said = voice.speak("hello there", random.Random(1), seconds=1.0).samples
        side[int(start * 8000) :][: len(said)] = said
    for number in range(250):
        data = mulaw.encode(side[number * 160 : number * 160 + 160])
        t_ns = number * 20_000_000
        taken.frame(t_ns, "twilio", "in", data, MULAW, Numbers(number + 2, number + 1, 20 * number))
        if number in (110, 210):
            said = {"type": "transcript", "role": "user", "transcriptType": "final"}
            taken.message(t_ns, "vapi", "in", {**said, "transcript": str(number)})
    taken.finish(5_000_000_000)
    report = cut(tmp_path / "call", tmp_path / "part", from_s=2.0)
    [kept] = read(tmp_path / "part").messages("vapi", "in", "transcript")
    assert kept.message["transcript"] == "210"
    assert report.left_out == ["2.200  transcript: the speech that it is about was cut away"]


def test_speech_and_its_words_are_cut_at_the_border(tmp_path):
    cut(RECORDINGS / "three-interruptions", tmp_path / "part", from_s=2.0, to_s=8.0)
    whole, part = read(RECORDINGS / "three-interruptions"), read(tmp_path / "part")
    assert part.duration_ms == 6000.0
    for leg in ("caller", "agent"):
        for event, said in part.speech(leg):
            at_ms = event.t_ms + 2000.0
            there = [
                whole.sound(then.sound)[round((at_ms - before.t_ms) * 8) :][: said.sound.samples]
                for before, then in whole.speech(leg)
                if before.t_ms <= at_ms and said.text in then.text
            ]
            assert any(np.array_equal(part.sound(said.sound), sound) for sound in there)


def test_a_part_replays(tmp_path):
    cut(RECORDINGS / "three-interruptions", tmp_path / "part", from_s=0.5, to_s=9.0)
    result = replay(read(tmp_path / "part"))
    assert result.failure == ""
    assert result.call_seconds == 8.5


@pytest.mark.parametrize(
    ("begin", "end"), [(5.0, None), (2.0, 2.0), (-1.0, None), (float("nan"), 1)]
)
def test_a_part_that_is_none_is_refused(whole, tmp_path, begin, end):
    with pytest.raises(RecordingError, match=r"expected a part of its 4\.2 s"):
        cut(whole, tmp_path / "part", from_s=begin, to_s=end)
    assert not (tmp_path / "part").exists()


def test_an_existing_folder_is_not_touched(whole, tmp_path):
    (tmp_path / "part").mkdir()
    with pytest.raises(RecordingError, match="exists already"):
        cut(whole, tmp_path / "part", to_s=1.0)
