"""``simkit replay`` from the command line."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from simkit.cli import main
from simkit.cli.outcome import ENVIRONMENT
from simkit.recording import Header, MediaFormat
from simkit.recording.media import Numbers
from simkit.recording.recorder import Recorder

RECORDINGS = Path(__file__).parents[2] / "recordings"
THREE = str(RECORDINGS / "three-interruptions")
SIMKIT = [sys.executable, "-c", "from simkit.cli import main; main()"]
PARTS = ("detect_ms", "react_ms", "fly_ms", "tail_ms")


def invoke(*args: str) -> Result:
    """Run the command, and leave the environment and the import path as they were."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ENVIRONMENT:
            patch.setenv(name, "to be replaced")
        patch.setattr(sys, "path", [*sys.path])
        return CliRunner().invoke(main, ["replay", *args], catch_exceptions=False)


def refused(result: Result) -> str:
    """Return the one line on stderr of a command that could not be carried out."""
    assert result.exit_code == 2
    assert result.stdout == ""
    line = result.stderr
    assert line.startswith("simkit: ")
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    return line


@pytest.fixture(scope="module")
def text() -> Result:
    return invoke(THREE)


@pytest.fixture(scope="module")
def as_json() -> dict:
    result = invoke(THREE, "--json")
    assert result.exit_code == 0
    return json.loads(result.stdout)


@pytest.fixture
def copy(tmp_path) -> Path:
    """A copy of the recording, to be damaged."""
    return Path(shutil.copytree(THREE, tmp_path / "copy"))


def edit_header(folder: Path, **changes: object) -> None:
    first, *events = (folder / "call.jsonl").read_text().splitlines(keepends=True)
    header = json.dumps(json.loads(first) | changes) + "\n"
    (folder / "call.jsonl").write_text(header + "".join(events))


# Text


def test_a_call_that_keeps_every_promise_exits_with_0(text):
    assert text.exit_code == 0
    assert text.stderr == ""


def test_the_report_shows_timeline_measures_and_checks(text):
    timeline, barge_ins, measures, checks, divergence, speed = text.stdout.split("\n\n")
    assert "    0.060  twilio   > bridge   POST /voice/inbound  CallStatus=ringing" in timeline
    assert "hears      silence, 226 ms after onset; 2.1 s unheard" in timeline
    assert [line.split()[-2:] for line in barge_ins.splitlines()[1:]] == [
        ["334", "ms"],
        ["344", "ms"],
        ["4300", "ms"],
    ]
    assert [line.split("  ")[0] for line in measures.splitlines()][:3] == [
        "stops after",
        "answers after",
        "both at once",
    ]
    assert checks == "16 checks held"
    assert divergence == "same  as recorded: clear compared, within 100 ms"
    assert speed.startswith("47.0 s of call in ")
    assert speed.endswith("call-seconds per CPU-second\n")


def test_in_a_pipe_there_are_no_escape_codes():
    environment = os.environ | {"TERM": "xterm-256color"}
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        environment.pop(name, None)
    done = subprocess.run([*SIMKIT, "replay", THREE], capture_output=True, env=environment)
    assert done.returncode == 0
    assert b"\x1b" not in done.stdout
    assert done.stderr == b""


def test_on_a_terminal_there_is_colour():
    master, slave = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [*SIMKIT, "replay", THREE], stdout=slave, stderr=subprocess.DEVNULL, env=environment
    )
    os.close(slave)
    shown = b"".join(until_closed(master))
    assert process.wait() == 0
    assert b"\x1b[31mtwilio\x1b[0m" in shown
    assert b"\x1b[32m16 checks held" in shown


def until_closed(master: int) -> Iterator[bytes]:
    with open(master, "rb", buffering=0) as screen:
        while True:
            try:
                data = screen.read(65536)
            except OSError:  # Linux says so when the other side is gone
                return
            if not data:
                return
            yield data


def test_the_unfinished_last_line_is_told(copy):
    with (copy / "call.jsonl").open("a") as file:
        file.write('{"t_ms": 47000, "leg": "twi')
    result = invoke(str(copy))
    assert result.exit_code == 0
    assert 'the recording is not whole: its last line was cut: \'{"t_ms": 47000' in result.stdout


def test_a_recording_whose_call_never_ended_says_so(tmp_path):
    recorder = Recorder(tmp_path / "crashed", Header(source="a test"))
    recorder.note(0, "a note is no end")
    recorder.message(0, "twilio", "out", {"event": "mark", "mark": {"name": "a"}})
    recorder.abandon()
    result = invoke(str(tmp_path / "crashed"))
    assert "the recording is not finished: the end of the call is missing\n" in result.stdout


def test_a_caller_who_says_brackets_is_reported(copy):
    lines = (copy / "call.jsonl").read_text().replace('"text": "wait"', '"text": "[/b] wait"')
    (copy / "call.jsonl").write_text(lines)
    assert '"[/b] wait"' in invoke(str(copy)).stdout


# JSON


def test_a_leg_may_be_chosen():
    assert invoke(THREE, "--leg", "twilio=live", "--leg", "vapi=live").exit_code == 0


@pytest.mark.parametrize(
    ("leg", "expected"),
    [
        ("vapi", "leg: expected twilio or vapi, recorded or live, as in vapi=live; found vapi="),
        (
            "phone=live",
            "leg: expected twilio or vapi, recorded or live, as in vapi=live; found phone=live",
        ),
        ("twilio=recorded", "three-interruptions: leg twilio=recorded: expected frames of audio"),
    ],
)
def test_a_leg_that_cannot_be_is_refused(leg, expected):
    assert expected in refused(invoke(THREE, "--leg", leg))


def test_what_was_not_said_is_told(tmp_path):
    call = Recorder(tmp_path / "call", Header(source="a test"))
    for number in range(50):
        numbers = Numbers(2 + number, 1 + number, 20 * number)
        frame = (number * 20_000_000, "twilio", "in", b"\xff" * 160)
        call.frame(*frame, MediaFormat("mulaw", 8000), numbers)
    call.message(500_000_000, "twilio", "in", {"event": "mark", "mark": {"name": "hello"}})
    call.finish(1_000_000_000)
    arguments = (str(tmp_path / "call"), "--leg", "twilio=recorded")
    sentence = "0.500: mark 'hello' did not come back: the bridge did not send it"
    printed = invoke(*arguments).stdout
    assert f"as recorded: what came from twilio\nnot said: {sentence}\n" in printed
    plain = json.loads(invoke(*arguments, "--json").stdout)
    assert plain["legs"] == {"twilio": "recorded", "vapi": "live"}
    assert plain["unanswered"] == [sentence]


def test_json_says_what_was_replayed(as_json):
    assert (as_json["recording"], as_json["seed"]) == ("three-interruptions", 0)
    assert (as_json["passed"], as_json["failure"]) == (True, None)
    assert as_json["speed"] > 0
    assert list(as_json) == [
        "recording",
        "seed",
        "legs",
        "unanswered",
        "divergence",
        "passed",
        "failure",
        "inapplicable",
        "timeline",
        "barge_ins",
        "measures",
        "checks",
        "speed",
        "duration_ns",
        "sound_starts_ns",
    ]


def test_json_holds_every_event_in_order(as_json):
    events = as_json["timeline"]
    assert [event["t_ns"] for event in events] == sorted(event["t_ns"] for event in events)
    assert all(isinstance(event["t_ns"], int) for event in events)
    assert {"t_ns", "source", "kind"} <= set.intersection(*map(set, events))
    assert all(value is not None for event in events for value in event.values())
    [first, *_] = [event for event in events if event["kind"] == "clear"]
    assert (first["source"], first["target"], first["call"]) == ("bridge", "twilio", 1)
    assert first["arrived_ns"] - first["sent_ns"] == 20_000_000


def test_json_holds_the_measures_and_their_parts_sum_up(as_json):
    assert len(as_json["barge_ins"]) == 3
    for found in as_json["barge_ins"]:
        assert sum(found[part] for part in PARTS) == pytest.approx(found["time_to_stop_ms"])
    assert [found["reply_at_ms"] for found in as_json["barge_ins"]] == [334.0, 344.0, 4300.0]
    assert [found["text"] for found in as_json["barge_ins"]] == [
        "wait",
        "yeah thursday works",
        "sorry what about parking",
    ]


def test_json_holds_what_the_call_was_like(as_json):
    found = as_json["measures"]
    assert found["interruptions"] == 3
    assert found["missed_rate"] == 0
    assert found["false_rate"] is None
    assert found["time_to_stop"] == {
        "samples": 3,
        "p50_ms": as_json["barge_ins"][1]["time_to_stop_ms"],
        "p90_ms": None,
        "p95_ms": None,
    }
    assert found["stale_after_clear_ms"] == 0
    assert found["caller_to_agent"]["median_ms"] == 51.5
    assert found["flaws"] == {"gap_ms": 0, "repeat_ms": 0, "lost_ms": 0}
    assert 30 < found["clarity"]["snr_db"] < found["clarity"]["mulaw_snr_db"] < 40


def test_json_holds_every_check(as_json):
    assert len(as_json["checks"]) == 16
    for check in as_json["checks"]:
        assert list(check) == [
            "name",
            "passed",
            "sentence",
            "violations",
            "waived",
            "evidence",
            "promise",
            "at_ns",
            "not_judged",
            "sounds",
        ]
        assert check["passed"]
        assert check["violations"] == []


# The seed


def test_another_seed_passes_too():
    result = invoke(THREE, "--json", "--seed", "1")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["seed"] == 1


def test_the_same_seed_gives_the_same_bytes_in_every_process():
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        runs = [
            subprocess.Popen(
                [*SIMKIT, "replay", str(RECORDINGS / "pricing-question"), "--json"],
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONHASHSEED": seed},
            )
            for seed in ("0", "1", "4242")
        ]
        printed = [run.communicate(timeout=60)[0] for run in runs]
    finally:
        busy.kill()
        busy.wait()
    assert [run.returncode for run in runs] == [0, 0, 0]
    texts = {b"\n".join(x for x in p.splitlines() if b'"speed"' not in x) for p in printed}
    assert len(texts) == 1
    assert len(texts.pop()) > 10_000


# Sound


@pytest.mark.parametrize("name", ["out.wav", "out.flac", "OUT.WAV"])
def test_the_call_can_be_listened_to(tmp_path, name):
    assert invoke(THREE, "--audio", str(tmp_path / name)).exit_code == 0
    sound, rate = soundfile.read(tmp_path / name, dtype="int16")
    assert (rate, sound.shape[1]) == (8000, 2)
    assert len(sound) / rate == pytest.approx(47.5, abs=1)
    mouth, ear = sound[:, 0], sound[:, 1]
    # The agent is heard from 1.203 s on, the caller speaks from 1.134 s of the call on.
    assert not np.any(np.abs(mouth[: round(1.13 * 8000)]) > 0)
    assert np.abs(mouth[round(1.134 * 8000) : round(1.5 * 8000)]).max() > 500
    assert np.abs(ear[4 * 8000 : 11 * 8000]).max() > 500


@pytest.mark.parametrize("name", ["out.mp3", "out", "wav"])
def test_sound_of_another_kind_is_refused_before_anything_runs(tmp_path, name):
    line = refused(invoke("no-recording", "--audio", str(tmp_path / name)))
    assert line.endswith("expected a file ending in .wav or .flac\n")


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    line = refused(invoke(THREE, "--audio", str(tmp_path / "no" / "out.wav")))
    assert line.startswith(f"simkit: --audio {tmp_path}/no/out.wav: ")


# Input of no use


def test_a_missing_recording_is_one_line_on_stderr():
    assert refused(invoke("no-recording")) == "simkit: no-recording: there is no such folder\n"


def test_damage_is_named_to_the_line(copy):
    lines = (copy / "call.jsonl").read_text().splitlines(keepends=True)
    (copy / "call.jsonl").write_text("".join([*lines[:4], '{"t_ms": -1}\n', *lines[4:]]))
    assert refused(invoke(str(copy))).startswith(f"simkit: {copy}/call.jsonl:5: ")


def test_a_bad_line_makes_no_traceback_in_a_process_of_its_own(copy):
    (copy / "call.jsonl").write_bytes(b"[" * 100_000)
    done = subprocess.run([*SIMKIT, "replay", str(copy)], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"simkit: {copy}/call.jsonl:1: ")
    assert done.stderr.count("\n") == 1


def test_an_unknown_setting_of_the_assistant_is_told(copy):
    edit_header(copy, assistant={"nonsense": 1})
    assert "header: assistant: " in refused(invoke(str(copy)))


def test_a_setting_that_stops_time_is_told(copy):
    edit_header(copy, assistant={"num_words": 1, "partial_every": 0})
    done = subprocess.run([*SIMKIT, "replay", str(copy)], capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize("args", [[], ["--seed", "x", THREE], ["--nonsense", THREE]])
def test_wrong_usage_exits_with_2(args):
    result = invoke(*args)
    assert result.exit_code == 2
    assert "Usage: " in result.stderr


def test_help_is_not_an_error():
    result = invoke("--help")
    assert result.exit_code == 0
    assert "MODULE:ATTR" in result.stdout
