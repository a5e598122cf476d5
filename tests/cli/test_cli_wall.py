"""``simkit replay --wall``: a recording against a process, in real time."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from simkit.cli import main
from simkit.cli.replay import ENVIRONMENT
from tests.wall.programs import DIES, ENDS_AT_ONCE, REJECTS, program
from tests.wall.test_child import is_there

RECORDING = Path(__file__).parents[2] / "recordings" / "pricing-question"


@pytest.fixture
def brief(tmp_path) -> str:
    """A recording of a call in which nobody says anything, and which is soon over."""
    folder = Path(shutil.copytree(RECORDING, tmp_path / "brief"))
    first = (folder / "call.jsonl").read_text().partition("\n")[0]
    header = json.dumps(json.loads(first) | {"duration_ms": 600.0}) + "\n"
    (folder / "call.jsonl").write_text(header)
    return str(folder)


def invoke(*args: str) -> Result:
    """Run the command, and leave environment and signals as they were."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name in ENVIRONMENT:
                patch.setenv(name, "to be replaced")
            return CliRunner().invoke(main, ["replay", *args], catch_exceptions=False)
    finally:
        signal.signal(signal.SIGTERM, handler)


def refused(result: Result) -> str:
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("simkit: ")
    assert result.stderr.count("\n") == 1
    return result.stderr[len("simkit: ") : -1]


def test_a_recording_is_replayed_against_a_process(brief):
    result = invoke(brief, "--wall")
    assert result.exit_code == 0, result.stdout + result.stderr
    assert "twilio   > bridge   start  encoding=mulaw/8000" in result.stdout
    assert re.search(r"^pacing error +p50 [\d.]+ ms, p95 .*, at most ", result.stdout, re.MULTILINE)
    assert "\n14 checks held\n" in result.stdout
    assert "\nnot judged (real time): bounded-buffers: write buffers; " in result.stdout
    assert result.stdout.endswith("0.6 s of call in real time\n")


def test_a_bridge_that_fails_a_call_exits_with_1_as_it_does_in_a_simulation(brief):
    result = invoke(brief, "--wall", "--exec", shlex.join(REJECTS), "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["failure"] == "call 1 to +15550100 was not connected: it was rejected: rejected"
    pacing = found["measures"]["pacing_error_ms"]
    assert pacing["deadlines"] > 0
    assert (pacing["bridge_p99_ms"] is not None) == (sys.platform == "linux")


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--exec", "node server.js"], "--exec: goes with --wall only"),
        (["--bridge", "http://127.0.0.1:1"], "--bridge: goes with --wall only"),
        (["-v"], "--verbose: goes with --wall only"),
        (
            ["--wall", "--bridge", "https://127.0.0.1"],
            "bridge 'https://127.0.0.1': not an http URL",
        ),
        (
            ["--wall", "--bridge", "http://127.0.0.1:1"],
            "bridge http://127.0.0.1:1: nothing listens",
        ),
        (["--wall", "--exec", "no-such-program"], "no-such-program: cannot be started: No such"),
        (
            ["--wall", "--app", "a:b", "--exec", "node"],
            "--app is served by simkit; --bridge and --exec name what serves",
        ),
        (["--wall", "--exec", shlex.join(ENDS_AT_ONCE)], "the bridge ended with code 1 before it"),
        (
            ["--wall", "--app", "no_such_module:app"],
            "the bridge ended with code",
        ),
    ],
)
def test_what_is_of_no_use_is_one_line_on_stderr(brief, args, expected):
    assert refused(invoke(brief, *args)).startswith(expected)


def test_a_bridge_that_dies_in_the_call_is_one_line_on_stderr(brief):
    line = refused(invoke(brief, "--wall", "--exec", shlex.join(DIES)))
    assert re.fullmatch(r"the bridge ended with code 7 at \d+\.\d{3} s: no database", line)


def test_a_bridge_that_is_killed_is_told_with_the_signal(brief):
    line = refused(invoke(brief, "--wall", "--exec", "sh -c 'kill -9 $$'"))
    assert line == "the bridge was killed by SIGKILL before it answered, and said nothing"


def test_a_recording_of_no_use_starts_no_bridge():
    assert refused(invoke("no-recording", "--wall")).startswith("no-recording: there is no such")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_is_told_to_stop_ends_the_bridge_first(brief, tmp_path, number):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    source = (
        f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(f'{{os.getpid()}} '); "
        "time.sleep(60)"
    )
    command = [sys.executable, "-c", "from simkit.cli import main; main()", "replay", brief]
    command += ["--wall", "--exec", shlex.join(program(source))]
    command += ["--bridge", f"http://127.0.0.1:{port}"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # What is started in the background, as these tests perhaps are, ignores Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    written = tmp_path / "pid"
    with process:
        while not written.exists() or not written.read_text().endswith(" "):
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, number)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert b"Traceback" not in stderr
    assert not is_there(int(written.read_text()))
