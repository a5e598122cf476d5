"""Which kind a file is of is seen in its beginning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from simkit.recording import RecordingError, read
from simkit.recording.imports import import_files, recognise

SOURCES = Path(__file__).parents[2] / "recordings" / "sources"
MEDIA = '{"event": "media", "streamSid": "MZ1", "media": {"payload": "/w==", "chunk": "1"}}'


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (MEDIA, "twilio-log"),
        (f"listening\n\n10:00:00.000 [ws] {MEDIA}", "twilio-log"),
        ('[1704123456789] TTS started: "Hello."', "event-log"),
        ("# log\n14:23:41.203 [CALL] Ended", "event-log"),
    ],
)
def test_a_log_is_recognised(tmp_path, text, kind):
    (tmp_path / "a.log").write_text(text)
    assert recognise(tmp_path / "a.log") == kind


@pytest.mark.parametrize("path", sorted(SOURCES.glob("*.log")), ids=lambda path: path.name)
def test_the_sources_of_the_projects_recordings_are_recognised(path):
    assert recognise(path) == "event-log"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there is nothing in it"),
        ("hello\nyou\n", "it begins with 'hello'"),
        ("{}\n", "an object in JSON with the keys (none)"),
        ('{"id": 1, "data": []}', "an object in JSON with the keys 'id', 'data'"),
        ("[{}]", "a list in JSON, of which one object may be what is meant"),
        ("\0" * 100, "no text"),
        ("[" * 5000, f"it begins with '{'[' * 40}'"),
    ],
)
def test_a_file_of_no_known_kind_is_told_with_what_it_is_and_what_there_is(tmp_path, text, told):
    (tmp_path / "a.log").write_text(text)
    with pytest.raises(RecordingError) as caught:
        recognise(tmp_path / "a.log")
    assert str(caught.value) == (
        f"{tmp_path}/a.log: of no known kind: {told}. Expected what Vapi keeps of a call, a log of "
        "Twilio's messages or of events, a trace of streamdouble's, or a sound; if it is one, say "
        "which with --kind: event-log, twilio-log, streamdouble, vapi-call, vapi-log, sound"
    )


@pytest.mark.parametrize("name", [".", "call.jsonl"])
def test_what_is_a_recording_already_is_to_be_replayed(tmp_path, name):
    recording = SOURCES.parent / "barge-in"
    with pytest.raises(RecordingError, match=f"a recording already; .* simkit replay {recording}$"):
        import_files([recording / name], tmp_path / "call")


def test_a_folder_is_told_from_a_file(tmp_path):
    with pytest.raises(RecordingError, match="found a folder, expected a file; name the files"):
        import_files([tmp_path], tmp_path / "call")


def test_a_sound_of_one_channel_does_not_tell_who_is_who(tmp_path):
    soundfile.write(tmp_path / "mono.wav", np.zeros(8000, dtype=np.int16), 8000)
    with pytest.raises(RecordingError, match=r"mono\.wav: found 1 channel, expected 2: the caller"):
        import_files([tmp_path / "mono.wav"], tmp_path / "call")


@pytest.mark.parametrize("kind", ["MP3", "OGG"])
def test_sound_as_services_pack_it_is_recognised(tmp_path, kind):
    soundfile.write(tmp_path / "call", np.zeros((8000, 2)), 8000, format=kind)
    assert recognise(tmp_path / "call") == "sound"


def test_what_it_is_can_be_told(tmp_path):
    (tmp_path / "a.log").write_text("x\n" * 40_000 + MEDIA)
    report = import_files([tmp_path / "a.log"], tmp_path / "call", kind="twilio-log")
    assert (report.kind, report.frames, report.unused_lines) == ("Twilio message log", 1, 40_000)
    assert len(report.faults) == 1000
    assert len(list(read(tmp_path / "call").frames("twilio", "in"))) == 1
