"""``simkit recording`` from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from simkit.cli import main
from simkit.recording import Header, MediaFormat, read
from simkit.recording.recorder import Recorder

RECORDING = str(Path(__file__).parents[2] / "recordings" / "pricing-question")


def invoke(*args: str) -> Result:
    return CliRunner().invoke(main, ["recording", *args], catch_exceptions=False)


@pytest.fixture
def crashed(tmp_path) -> Path:
    """What a crash leaves: a line that was cut, and no end."""
    taken = Recorder(tmp_path / "call", Header(source="a test +491701234567"))
    for number in range(120):
        taken.frame(number * 20_000_000, "twilio", "in", b"\xff" * 160, MediaFormat("mulaw", 8000))
    taken.message(2_400_000_000, "vapi", "in", {"type": "hang", "why": "\x1b[2J" + "x" * 200})
    taken.abandon()
    with (tmp_path / "call" / "call.jsonl").open("ab") as events:
        events.write(b'{"t_ms": 1')
    return tmp_path / "call"


def test_a_recording_is_summed_up():
    result = invoke("check", RECORDING)
    assert (result.exit_code, result.stderr) == (0, "")
    first, *rest = result.stdout.splitlines()
    assert first.startswith("pricing-question: ")
    assert first.endswith("11 events, 112 kB")
    assert rest[0] == "source: log pricing-question.log"
    assert rest[1:] == ["caller: 2 utterances", "agent: 3 utterances"]


def test_what_a_crash_left_is_told_and_finished(crashed):
    told = invoke("check", str(crashed)).stdout.splitlines()
    assert "twilio in: 100 frames of audio in caller.flac" in told
    assert "not whole: its last line was cut: '{\"t_ms\": 1'" in told
    assert "not finished: the end of the call is missing" in told
    assert "looks personal or secret: phone number x1" in told
    finished = invoke("check", "--recover", str(crashed)).stdout.splitlines()
    assert finished[0] == f"{crashed}: the cut last line was removed: '{{\"t_ms\": 1'"
    assert not any("not " in line for line in finished[1:])
    assert read(crashed).cut_tail == ""


def test_every_event_is_a_line_that_a_terminal_can_show(crashed):
    shown = invoke("show", str(crashed)).stdout
    first, *_, last = shown.splitlines()
    assert first == "    0.000  twilio   > bridge  media x50  8000 bytes in 980 ms"
    assert last.startswith('    2.400  vapi     > bridge  hang  {"why":"')
    assert last.endswith("...")
    assert "\x1b" not in shown


def test_a_recording_is_cut_and_merged(tmp_path):
    one, other, both = (str(tmp_path / name) for name in ("one", "other", "both"))
    result = invoke("cut", RECORDING, "-o", one, "--to", "6")
    assert (result.exit_code, result.stdout) == (0, f"{one}: 6.0 s, 7 events\n")
    result = invoke("cut", RECORDING, "-o", other, "--from", "6.0")
    assert result.stdout.startswith(f"{other}: 6.8 s, ")
    result = invoke("merge", one, other, "-o", both)
    assert result.exit_code == 0
    assert "begins 6.000 s after" in result.stdout
    assert invoke("check", both).stdout.splitlines()[0].startswith("both: 12.8 s, ")


def test_what_cannot_be_merged_is_one_line_and_code_2(tmp_path):
    other = str(Path(RECORDING).with_name("three-interruptions"))
    result = invoke("merge", RECORDING, other, "-o", str(tmp_path / "both"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "nothing in them agrees" in result.stderr
    result = invoke("merge", RECORDING, RECORDING, "-o", str(tmp_path / "both"), "--offset", "nan")
    assert (result.exit_code, result.stdout) == (2, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [["check"], ["check", "--recover"], ["show"], ["cut", "-oX"]])
def test_what_cannot_be_read_is_one_line_and_code_2(tmp_path, command):
    result = invoke(*command, str(tmp_path / "no"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"simkit: {tmp_path / 'no'}: there is no such folder\n"
