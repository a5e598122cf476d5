"""``simkit import`` from the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from simkit.audio import espeak
from simkit.cli import main
from simkit.recording import read

SIMKIT = [sys.executable, "-c", "from simkit.cli import main; main()"]
SOURCE = str(Path(__file__).parents[2] / "recordings" / "sources" / "pricing-question.log")


def invoke(*args: str) -> Result:
    return CliRunner().invoke(main, ["import", *args], catch_exceptions=False)


def refused(result: Result) -> str:
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("simkit: ")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("simkit: ")


def test_a_log_becomes_a_recording(tmp_path):
    folder = tmp_path / "call"
    result = invoke(SOURCE, "-o", str(folder))
    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout == f"{folder}: 11 events; replay it with: simkit replay {folder}\n"
    assert sorted(path.name for path in folder.iterdir()) == [
        "agent.flac",
        "call.jsonl",
        "caller.flac",
    ]


def test_what_was_imported_can_be_replayed(tmp_path):
    folder = str(tmp_path / "call")
    imported = subprocess.run(
        [*SIMKIT, "import", SOURCE, "--output", folder], capture_output=True, text=True
    )
    assert (imported.returncode, imported.stderr) == (0, "")
    command = imported.stdout.rpartition("replay it with: simkit ")[2].split()
    replayed = subprocess.run([*SIMKIT, *command], capture_output=True, text=True)
    assert replayed.returncode == 0
    assert "FAILED" not in replayed.stdout


def test_a_bad_line_is_named_and_nothing_is_written(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("[1704123456789] Call ended\n[1704123456790] Something else\n")
    line = refused(invoke(str(log), "-o", str(tmp_path / "call")))
    assert line.startswith(f"{log}:2: message: expected one of tts, partial, final, flushed, ended")
    assert [path.name for path in tmp_path.iterdir()] == ["a.log"]


def test_a_missing_log_is_told(tmp_path):
    line = refused(invoke(str(tmp_path / "no.log"), "-o", str(tmp_path / "call")))
    assert line == f"{tmp_path}/no.log: No such file or directory\n"


def test_an_existing_output_is_not_touched(tmp_path):
    (tmp_path / "call").mkdir()
    (tmp_path / "call" / "mine.txt").write_text("mine")
    line = refused(invoke(SOURCE, "-o", str(tmp_path / "call")))
    assert line == f"{tmp_path}/call: exists already; choose another name or remove it\n"
    assert [path.name for path in (tmp_path / "call").iterdir()] == ["mine.txt"]


def test_an_output_is_needed():
    result = invoke(SOURCE)
    assert result.exit_code == 2
    assert "Missing option '-o'" in result.stderr


def test_voices_are_synthetic_or_espeak(tmp_path):
    result = invoke(SOURCE, "-o", str(tmp_path / "call"), "--voice", "choir")
    assert result.exit_code == 2
    assert "'choir' is not one of 'synthetic', 'espeak'" in result.stderr


def test_without_espeak_its_voice_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(espeak.shutil, "which", lambda name: None)
    line = refused(invoke(SOURCE, "-o", str(tmp_path / "call"), "--voice", "espeak"))
    assert line == "espeak-ng is not installed\n"
    assert list(tmp_path.iterdir()) == []


def test_a_text_without_a_word_makes_no_traceback(tmp_path):
    log = tmp_path / "a.log"
    log.write_text('[1704123456789] STT final: "..."\n')
    refused(invoke(str(log), "-o", str(tmp_path / "call")))


def test_an_output_that_no_file_system_takes_is_told():
    refused(invoke(SOURCE, "-o", "x" * 5000))


def test_the_recording_is_what_the_library_makes(tmp_path):
    invoke(SOURCE, "-o", str(tmp_path / "call"))
    assert read(tmp_path / "call").header.source == "log pricing-question.log"


MEDIA = '{"event": "media", "streamSid": "MZ1", "media": {"payload": "/w==", "chunk": "1"}}'


def test_a_log_of_messages_is_recognised_and_what_was_not_used_is_told(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("\n".join(["hello"] * 7 + [MEDIA]))
    result = invoke(str(log), "-o", str(tmp_path / "call"))
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        *(f"simkit: {log}:{number}: not used: no JSON object: 'hello'" for number in range(1, 6)),
        f"simkit: {log}: 7 lines not used in all",
    ]
    assert result.stdout.startswith(f"{tmp_path / 'call'}: 0 events and 1 frames of audio; replay")


def test_a_kind_that_is_told_is_taken(tmp_path):
    log = tmp_path / "a.log"
    log.write_text(MEDIA)
    line = refused(invoke(str(log), "-o", str(tmp_path / "call"), "--kind", "event-log"))
    assert line.startswith(f"{log}:1: time: expected [1704123456789]")
