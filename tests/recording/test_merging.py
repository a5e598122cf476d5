"""Merging: two recordings of one call are one again, or it is told why not."""

from __future__ import annotations

import random
import uuid
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simkit.audio import mulaw, voice
from simkit.audio.transcode import MulawToPcm
from simkit.recording import Header, MediaFormat, RecordingError, read
from simkit.recording.cutting import cut
from simkit.recording.media import Numbers
from simkit.recording.merging import merge
from simkit.recording.recorder import Recorder
from tests.recording.test_cutting import MULAW, PCM, START, take_down

RECORDINGS = Path(__file__).parents[2] / "recordings"


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return take_down(tmp_path_factory.mktemp("whole") / "call", seconds=0.5)


def told(path: Path) -> list[tuple]:
    """Everything that a recording holds, in one list."""
    recording = read(path)
    rows: list[tuple] = [
        (round(event.t_ms * 1e6), event.leg, event.direction, str(event.message))
        for event in recording.events
        if event.media is None
    ]
    for way in (("twilio", "in"), ("twilio", "out"), ("vapi", "in"), ("vapi", "out")):
        rows += [(f.t_ns, *way, data, f.numbers) for f, data in recording.frames(*way)]
    return [*rows, recording.duration_ms]


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=st.integers(1, 699_999_999))
def test_two_parts_are_the_whole_again(whole, tmp_path, at):
    place = tmp_path / str(uuid.uuid4())
    one, other = place / "one", place / "other"
    cut(whole, one, to_s=at / 1e9)
    cut(whole, other, from_s=at / 1e9)
    report = merge(one, other, place / "both")
    assert report.by == "they are parts of one recording"
    assert told(place / "both") == told(whole)
    assert read(place / "both").header.cut is None


@pytest.mark.parametrize("at", [2.0, 3.3, 6.0, 9.0])
def test_two_parts_of_an_import_are_the_whole_again_but_for_cut_utterances(tmp_path, at):
    source = RECORDINGS / "three-interruptions"
    cut(source, tmp_path / "one", to_s=at)
    cut(source, tmp_path / "other", from_s=at)
    merge(tmp_path / "one", tmp_path / "other", tmp_path / "both")
    both, before = read(tmp_path / "both"), read(source)
    assert both.duration_ms == before.duration_ms
    sides = []
    for recording in (both, before):
        side = np.zeros(round(recording.duration_ms * 8) + 100, np.int16)
        for leg in ("caller", "agent"):
            for event, said in recording.speech(leg):
                start = round(event.t_ms * 8)
                side[start : start + said.sound.samples] += recording.sound(said.sound)
        sides.append(side)
    assert np.array_equal(*sides)


# What both share


def speech(seconds: int) -> bytes:
    text = "the quick brown fox jumps over the lazy dog and on it goes"
    samples = voice.speak(text, random.Random(4), seconds=seconds).samples
    return mulaw.encode(samples[: seconds * 8000])


def one_leg(path: Path, leg: str, *, late_s: float, codes: bytes) -> Path:
    """The same call, taken down on one leg; its clock begins ``late_s`` after the call's."""
    taken = Recorder(path, Header(source=leg))
    convert = MulawToPcm().convert
    draw = random.Random(leg)
    for number in range(len(codes) // 160):
        data = codes[number * 160 : number * 160 + 160]
        t_ns = round((0.8 - late_s + number * 0.02) * 1e9) + draw.randrange(2_000_000)
        if leg == "twilio":
            taken.frame(t_ns, "twilio", "in", data, MULAW, Numbers(number + 2, number + 1, number))
        else:
            taken.frame(t_ns, "vapi", "out", convert(data), PCM)
    taken.finish(t_ns)
    return path


def test_the_legs_of_a_call_are_aligned_by_their_sound(tmp_path):
    codes = speech(6)
    twilio = one_leg(tmp_path / "twilio", "twilio", late_s=0.0, codes=codes)
    vapi = one_leg(tmp_path / "vapi", "vapi", late_s=0.345, codes=codes)
    report = merge(twilio, vapi, tmp_path / "both")
    assert report.offset_ms == pytest.approx(345.0, abs=6.0)
    assert "their sound agrees" in report.by
    both = read(tmp_path / "both")
    assert len(list(both.frames("twilio", "in"))) == len(list(both.frames("vapi", "out"))) == 300
    # The other way about, it is the same call.
    report = merge(vapi, twilio, tmp_path / "again")
    assert report.offset_ms == pytest.approx(-345.0, abs=6.0)
    assert len(list(read(tmp_path / "again").frames("vapi", "out"))) == 300


def test_legs_of_different_calls_do_not_agree(tmp_path):
    twilio = one_leg(tmp_path / "twilio", "twilio", late_s=0.0, codes=speech(3))
    noise = np.random.default_rng(1).integers(-900, 900, 24_000).astype(np.int16)
    vapi = one_leg(tmp_path / "vapi", "vapi", late_s=0.0, codes=mulaw.encode(noise))
    with pytest.raises(
        RecordingError, match="nothing in them agrees, neither 2 messages nor sound"
    ):
        merge(twilio, vapi, tmp_path / "both")
    assert not (tmp_path / "both").exists()
    report = merge(twilio, vapi, tmp_path / "both", offset_s=0.25)
    assert (report.offset_ms, report.by) == (250.0, "as was said")


def overlapping(path: Path, first: int, last: int, call_sid: str = "CA1") -> Path:
    """Frames and messages of one stream, from one number to another, on a clock of its own."""
    taken = Recorder(path, Header(source="a test"))
    taken.message(0, "twilio", "in", {**START, "start": {"callSid": call_sid}})
    for number in range(first, last):
        t_ns = 1_000_000 + (number - first) * 20_000_000
        data = mulaw.encode(np.full(160, 8 * number, np.int16))
        taken.frame(t_ns, "twilio", "in", data, MULAW, Numbers(number + 2, number + 1, number * 20))
        if number % 10 == 0:
            said = {"type": "transcript", "role": "user", "transcript": f"word {number}"}
            taken.message(t_ns + 5_000_000, "vapi", "in", said)
    taken.finish(t_ns + 20_000_000)
    return path


def test_captures_that_overlap_are_aligned_by_their_messages(tmp_path):
    one = overlapping(tmp_path / "one", 0, 100)
    other = overlapping(tmp_path / "other", 60, 150)
    report = merge(one, other, tmp_path / "both")
    assert report.offset_ms == pytest.approx(1200.0, abs=1.0)
    both = read(tmp_path / "both")
    assert [f.numbers.chunk for f, _ in both.frames("twilio", "in")] == list(range(1, 151))
    words = [event.message["transcript"] for event in both.messages("vapi", "in", "transcript")]
    assert words == [f"word {number}" for number in range(0, 150, 10)]


def test_recordings_of_different_calls_are_refused(tmp_path):
    one = overlapping(tmp_path / "one", 0, 30)
    other = overlapping(tmp_path / "other", 0, 30, call_sid="CA2")
    with pytest.raises(RecordingError, match="of different calls: callSid 'CA1' and 'CA2'"):
        merge(one, other, tmp_path / "both")


def test_messages_that_contradict_each_other_are_told(tmp_path):
    for name, step in (("one", 1), ("other", 3)):
        taken = Recorder(tmp_path / name, Header(source=name))
        for number in range(10):
            at_ns = number * step * 1_000_000_000
            taken.message(at_ns, "vapi", "in", {"type": "transcript", "transcript": str(number)})
        taken.finish(at_ns)
    with pytest.raises(RecordingError, match="10 messages are in both, but only 1 are as far"):
        merge(tmp_path / "one", tmp_path / "other", tmp_path / "both")


def test_a_way_at_two_rates_is_two_files(tmp_path):
    for name, form in (("one", PCM), ("other", MediaFormat("pcm_s16le", 8000))):
        taken = Recorder(tmp_path / name, Header(source=name))
        taken.frame(0, "vapi", "in", bytes(range(200)), form)
        taken.finish(20_000_000)
    merge(tmp_path / "one", tmp_path / "other", tmp_path / "both", offset_s=1.0)
    both = read(tmp_path / "both")
    assert [data for _, data in both.frames("vapi", "in")] == [bytes(range(200))] * 2
    assert sorted(both.formats) == ["from-vapi-2.flac", "from-vapi.flac"]
