"""The format: what is written can be read again, a crash loses little, writing is whole or not."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest

from simkit.audio import files
from simkit.recording import Header, RecordedEvent, RecordingError, SoundRef, read, write
from tests.recording.drafts import CLEAR, HEADER, Draft, says

RECORDINGS = Path(__file__).parents[2] / "recordings"


@pytest.fixture
def draft(tmp_path) -> Draft:
    return Draft(tmp_path / "call")


# Round trip


def test_what_is_written_can_be_read_again(tmp_path):
    header = Header(
        source="a test",
        duration_ms=1000.0,
        from_="+1555",
        to="+1556",
        links_ms={"twilio": 20.0},
        assistant={"num_words": 1, "silence_frames": False},
        notes=["naïve — “quoted”"],
    )
    events = [
        RecordedEvent(t_ms=0.0, leg="twilio", direction="in", message={"event": "start"}),
        RecordedEvent(t_ms=12.5, leg="caller", message=says()["message"], origin="inferred"),
        RecordedEvent(t_ms=12.5, leg="vapi", direction="in", message={"type": "hang"}),
    ]
    sound = np.arange(-4000, 4000, dtype=np.int16)
    write(tmp_path / "deep" / "call", header, events, {"caller.flac": sound})
    found = read(tmp_path / "deep" / "call")
    assert found.name == "call"
    assert found.header == header
    # Words are tuples in memory and arrays in the file.
    assert json.dumps([e.message for e in found.events]) == json.dumps([e.message for e in events])
    assert [(e.t_ms, e.leg, e.direction, e.origin) for e in found.events] == [
        (e.t_ms, e.leg, e.direction, e.origin) for e in events
    ]
    assert np.array_equal(found.sounds["caller.flac"], sound)
    assert found.cut_tail == ""


def test_events_are_written_and_read_by_their_instants(draft, tmp_path):
    late, early = CLEAR | {"t_ms": 900.0}, CLEAR | {"t_ms": 1.0}
    assert [event.t_ms for event in draft.read(HEADER, late, early).events] == [1.0, 900.0]
    events = [RecordedEvent(**line) for line in (late, early)]
    write(tmp_path / "copy", Header(source="", duration_ms=1000.0), events, {})
    assert [event.t_ms for event in read(tmp_path / "copy").events] == [1.0, 900.0]


def test_a_sound_is_found_by_its_reference(draft):
    recording = draft.read(HEADER, says(start=3, samples=4, words=[]))
    [(_, said)] = recording.speech("caller")
    assert said.sound == SoundRef("caller.flac", 3, 4)
    assert recording.sound(said.sound).tolist() == [3, 4, 5, 6]


def test_messages_are_found_by_leg_direction_and_kind(draft):
    said = {"t_ms": 1.0, "leg": "vapi", "direction": "in", "message": {"type": "transcript"}}
    recording = draft.read(HEADER, CLEAR, said)
    assert [event.t_ms for event in recording.messages("twilio", "out", "clear")] == [500.0]
    assert [event.t_ms for event in recording.messages("vapi", "in", "transcript")] == [1.0]
    assert recording.messages("vapi", "out", "transcript") == []


def test_an_empty_message_survives(tmp_path):
    event = RecordedEvent(t_ms=0.0, leg="vapi", direction="in", message={})
    write(tmp_path / "call", Header(source="", duration_ms=1.0), [event], {})
    assert read(tmp_path / "call").events == [event]


@pytest.mark.parametrize("name", ["three-interruptions", "pricing-question"])
def test_the_recordings_of_the_project_can_be_written_as_they_were_read(name, tmp_path):
    found = read(RECORDINGS / name)
    write(tmp_path / name, found.header, found.events, found.sounds)
    again = tmp_path / name / "call.jsonl"
    assert again.read_bytes() == (RECORDINGS / name / "call.jsonl").read_bytes()


# A crash while capturing


def test_an_unfinished_last_line_is_left_out_and_told(draft):
    recording = draft.read(HEADER, CLEAR, b'{"t_ms": 600, "leg": "twi')
    assert [event.t_ms for event in recording.events] == [500.0]
    assert recording.cut_tail == '{"t_ms": 600, "leg": "twi'


def test_an_unfinished_line_is_cut_inside_a_letter_too(draft):
    tail = '{"message": "é'.encode()[:-1]
    assert draft.read(HEADER, tail).cut_tail == '{"message": "\N{REPLACEMENT CHARACTER}'


def test_a_line_in_the_middle_must_be_whole(draft):
    assert draft.refusal(HEADER, b'{"t_ms": 6\n', CLEAR).startswith("call.jsonl:2: ")


def test_a_crash_at_any_byte_loses_at_most_the_last_line(draft):
    draft.put(HEADER, CLEAR, says())
    whole = draft.events.read_bytes()
    header = whole.index(b"\n") + 1
    for size in range(header, len(whole)):
        draft.events.write_bytes(whole[:size])
        assert len(read(draft.path).events) == whole[:size].count(b"\n") - 1


# Writing


def test_an_existing_folder_is_not_touched(draft):
    before = sorted(draft.path.iterdir())
    with pytest.raises(RecordingError, match="exists already; choose another name or remove it"):
        write(draft.path, Header(source="", duration_ms=1.0), [], {})
    assert sorted(draft.path.iterdir()) == before


def failing_after(count: int, error: Exception):
    written = []
    really_write = files.write

    def fail(path, *channels):
        if len(written) == count:
            raise error
        written.append(path)
        really_write(path, *channels)

    return fail


SOUNDS = {"caller.flac": np.zeros(8, np.int16), "agent.flac": np.zeros(8, np.int16)}


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_nothing_is_left_when_sound_cannot_be_written(tmp_path, monkeypatch, error):
    monkeypatch.setattr(files, "write", failing_after(1, error))
    with pytest.raises((OSError, RecordingError, KeyboardInterrupt)):
        write(tmp_path / "call", Header(source="", duration_ms=1.0), [], SOUNDS)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_as_what_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "write", failing_after(0, OSError(errno.ENOSPC, "No space left")))
    with pytest.raises(RecordingError, match="No space left"):
        write(tmp_path / "call", Header(source="", duration_ms=1.0), [], SOUNDS)


def test_a_place_that_cannot_hold_a_folder_is_told(draft):
    with pytest.raises(RecordingError, match=r"caller\.flac/call: (Not a dir|File exists)"):
        write(draft.sound / "call", Header(source="", duration_ms=1.0), [], {})


def test_others_may_read_what_was_written(tmp_path):
    write(tmp_path / "call", Header(source="", duration_ms=1.0), [], {})
    assert (tmp_path / "call").stat().st_mode & 0o777 == 0o755


def test_what_could_not_be_read_again_is_not_written(tmp_path):
    late = RecordedEvent(t_ms=5.0, leg="vapi", direction="in", message={})
    with pytest.raises(RecordingError, match=r"call/call\.jsonl:2: t_ms: found 5, expected"):
        write(tmp_path / "call", Header(source="", duration_ms=1.0), [late], {})
    assert list(tmp_path.iterdir()) == []
