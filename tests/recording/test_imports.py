"""Which kind a file is of is seen in its beginning."""

from __future__ import annotations

from pathlib import Path

import pytest

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


@pytest.mark.parametrize("text", ["", "hello\n", "{}\n", "[]", "\0" * 100, "[" * 5000])
def test_a_file_of_no_known_kind_is_told_what_there_is(tmp_path, text):
    (tmp_path / "a.log").write_text(text)
    with pytest.raises(RecordingError, match=r"a\.log: of no known kind; expected event-log or tw"):
        recognise(tmp_path / "a.log")


def test_what_it_is_can_be_told(tmp_path):
    (tmp_path / "a.log").write_text("x\n" * 40_000 + MEDIA)
    report = import_files([tmp_path / "a.log"], tmp_path / "call", kind="twilio-log")
    assert (report.kind, report.frames, report.unused_lines) == ("Twilio message log", 1, 40_000)
    assert len(report.faults) == 1000
    assert len(list(read(tmp_path / "call").frames("twilio", "in"))) == 1
