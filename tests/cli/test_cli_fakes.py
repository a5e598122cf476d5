"""``simkit fakes``: both fakes by themselves."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from click.testing import CliRunner, Result

from simkit.cli import main
from tests.wall.programs import DIES, REJECTS

FREE = ("--twilio-port", "0", "--vapi-port", "0")
COMMAND = [sys.executable, "-c", "from simkit.cli import main; main()", "fakes", *FREE]


def a_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def invoke(*args: str) -> Result:
    handler = signal.getsignal(signal.SIGTERM)
    try:
        return CliRunner().invoke(main, ["fakes", *FREE, *args], catch_exceptions=False)
    finally:
        signal.signal(signal.SIGTERM, handler)


def at_a_port(program: list[str]) -> list[str]:
    return ["--bridge", f"http://127.0.0.1:{a_port()}", "--exec", shlex.join(program)]


def test_a_call_is_placed_and_printed_as_it_goes_on():
    result = invoke(*at_a_port(REJECTS), "--call", "+15550100", "--latency", "5", "10")
    assert result.exit_code == 1
    first, second, *_ = result.stdout.splitlines()
    assert first.endswith("twilio   > bridge   POST /voice/inbound  CallStatus=ringing")
    assert second.endswith("bridge   > twilio   HTTP 200  TwiML Reject")
    assert result.stdout.endswith("the call failed: call 1 to +15550100 was not connected: "
                                  "it was rejected: rejected\n")  # fmt: skip


def heeds_ctrl_c() -> None:
    """What is started in the background, as these tests perhaps are, ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_the_environment_for_the_bridge_is_printed_and_ctrl_c_ends_it():
    process = subprocess.Popen(
        [*COMMAND, "--bridge", "http://127.0.0.1:1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heeds_ctrl_c,
    )
    with process:
        printed = ""
        while "export PORT=" not in printed:
            line = process.stderr.readline()
            assert line
            printed += line
        url = re.search("VAPI_URL=(.*)", printed)[1]
        with pytest.raises(urllib.error.HTTPError):  # an answer: they are at work
            urllib.request.urlopen(url, timeout=20)
        os.kill(process.pid, signal.SIGINT)
        try:
            stdout, stderr = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, stdout, stderr) == (0, "", "\n")
    assert "export PUBLIC_URL=https://bridge.example.com\n" in printed
    assert "export VAPI_URL=http://127.0.0.1:" in printed
    assert "export PORT=1\n" in printed


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--say", "wait"], "--say: goes with --call only"),
        (["--bridge", "ftp://127.0.0.1"], "bridge 'ftp://127.0.0.1': not an http URL"),
        (["--twilio-port", "70000"], "--twilio-port 70000: "),
        (["--call", "hello"], "--call: expected a number in E.164 as +15550100"),
        (["--exec", "no-such-program"], "no-such-program: cannot be started: "),
    ],
)
def test_what_is_of_no_use_is_one_line_on_stderr(args, expected):
    result = invoke(*args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"simkit: {expected}")
    assert result.stderr.count("\n") == 1


def test_a_bridge_that_ends_is_one_line_on_stderr():
    # The port is looked for now: what is free while tests are collected is soon another's.
    result = invoke(*at_a_port(DIES), "--call", "+15550100")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("simkit: the bridge ended with code 7 at ")
    assert result.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_told():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = invoke("--vapi-port", str(port))
    assert result.exit_code == 2
    assert result.stderr == (
        f"simkit: --vapi-port {port}: Address already in use; choose another, or 0 for any that is "
        "free\n"
    )
