"""A bridge as a child process."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from simkit.wall import BridgeError, Child, child
from tests.wall.programs import ENDS_AT_ONCE, HAS_A_CHILD, NEVER_LISTENS, OBSTINATE, program


@contextmanager
def running(command, **environment: str) -> Iterator[Child]:
    found = Child(command, environment)
    try:
        yield found
    finally:
        found.end()


def first_line(found: Child) -> str:
    until(lambda: found.output)
    return found.output[0]


def until(happened) -> None:
    limit = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < limit
        time.sleep(0.005)


def is_there(pid: int) -> bool:
    """Whether a process is alive; one that nobody has waited for yet is not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_string_is_cut_up_as_a_shell_would_without_a_shell():
    with running("echo 'two words' $HOME ; *") as found:
        assert first_line(found) == "two words $HOME ; *"


def test_the_port_that_a_program_wants_as_an_argument_is_put_in():
    with running("echo $PORT --port=${PORT} '$PORT' $PORTS ${PORT", PORT="8080") as found:
        assert first_line(found) == "8080 --port=8080 8080 $PORTS ${PORT"
    with running(["echo", "$PORT"], PORT="8080") as found:
        assert first_line(found) == "$PORT"


def test_it_gets_its_environment_beside_ours(monkeypatch):
    monkeypatch.setenv("OURS", "1")
    source = "import os; print(os.environ['OURS'] + os.environ['THEIRS'], flush=True)"
    with running(program(source), THEIRS="2") as found:
        assert first_line(found) == "12"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("no-such-program-anywhere --port 1", "no-such-program-anywhere: cannot be started: No su"),
        ("/", "/: cannot be started: Permission denied"),
        ("", "command '': expected a program and its arguments"),
        ("node 'server.js", 'command "node \'server.js": No closing quotation'),
        (["python\0"], "cannot be started: embedded null byte"),
    ],
)
def test_what_cannot_be_started_is_told(command, expected):
    with pytest.raises(BridgeError) as caught:
        Child(command, {})
    assert expected in str(caught.value)


def test_it_is_ended_with_what_it_started():
    with running(HAS_A_CHILD) as found:
        inner = int(first_line(found))
        assert is_there(found.pid)
        assert is_there(inner)
    assert not is_there(found.pid)
    until(lambda: not is_there(inner))


def test_one_that_does_not_obey_is_killed(monkeypatch):
    monkeypatch.setattr(child, "_TERM_SECONDS", 0.05)
    with running(OBSTINATE) as found:
        assert first_line(found) == "ready"
    assert found.code == -9


def test_one_that_ends_when_it_is_asked_to_is_not_killed():
    source = (
        "import signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit('saved'))\n"
        "print('ready', flush=True)\n"
        "signal.pause()\n"
    )
    with running(program(source)) as found:
        assert first_line(found) == "ready"
    assert (found.code, found.output[-1]) == (1, "saved")


@pytest.mark.parametrize("verbose", [False, True])
def test_what_it_says_goes_to_stderr_as_it_comes_where_that_is_asked_for(capsys, verbose):
    found = Child("echo hello", {}, verbose=verbose)
    assert first_line(found) == "hello"
    found.end()
    assert capsys.readouterr() == ("", "hello\n" if verbose else "")


def test_a_free_port_can_be_listened_on_by_everybody():
    port = child.free_port()
    assert port > 1023
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_nobody_who_forgets_it_leaves_it_behind():
    found = Child(NEVER_LISTENS, {})
    pid = found.pid
    del found
    assert not is_there(pid)


def test_its_end_is_told_with_what_it_said_last():
    with running(ENDS_AT_ONCE) as found:
        until(lambda: found.code is not None)
        assert (found.code, found.said()) == (1, ": no licence")


def test_ending_twice_is_once(monkeypatch):
    with running(ENDS_AT_ONCE) as found:
        until(lambda: found.code is not None)
        found.end()
        monkeypatch.setattr(os, "killpg", lambda *args: pytest.fail("somebody else's group"))


def test_ctrl_c_while_a_program_starts_waits_until_it_can_be_ended(monkeypatch):
    started = []
    really = subprocess.Popen

    def start(*args, **kwargs):
        started.append(really(*args, **kwargs))
        signal.raise_signal(signal.SIGINT)
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", start)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            Child([sys.executable, "-c", "import time; time.sleep(60)"], {})
    finally:
        signal.signal(signal.SIGINT, before)
    gc.collect()
    assert started[0].wait(timeout=20) != 0
