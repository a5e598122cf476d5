"""The list of commands, their examples, and how they end when nobody waits for them."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from simkit.cli import main
from simkit.cli.group import CONTENTS, EXAMPLES, Commands

ROOT = Path(__file__).parents[2]


def every_command(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from every_command(command, *path, name)
        else:
            yield (*path, name)


def test_the_list_of_commands_fits_a_screen_of_24_lines_of_80():
    shown = CliRunner().invoke(main, ["--help"], terminal_width=80).stdout.splitlines()
    assert len(shown) < 24  # one is left for the prompt
    assert max(map(len, shown)) <= 80
    for name in main.commands:
        assert any(line.startswith(f"  {name} ") for line in shown), name
    # With those that are not there yet, too.
    assert sum(map(len, CONTENTS.values())) + len(CONTENTS) + 6 < 24


@pytest.mark.parametrize("path", [*every_command(main)], ids=" ".join)
def test_the_help_of_every_command_has_an_example_that_the_command_takes(path):
    shown = CliRunner().invoke(main, [*path, "--help"]).stdout
    example = shown.partition("Example:\n")[2].strip()
    assert example.startswith(" ".join(("simkit", *path)))
    words = shlex.split(example)[1 + len(path) :]
    command: click.Command = main
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    with command.make_context(path[-1], words) as ctx:
        assert not ctx.args


def test_no_example_is_of_a_command_that_nobody_lists():
    known = {name for section in CONTENTS.values() for name in section}
    assert {name.partition(" ")[0] for name in EXAMPLES} == known


def test_a_command_that_nobody_listed_stands_at_the_end():
    @click.group(cls=Commands)
    def some() -> None:
        """Do things."""

    @some.command("fresh")
    def fresh() -> None:
        """Be new."""

    shown = CliRunner().invoke(some, ["--help"], catch_exceptions=False).stdout
    assert "More:\n  fresh  Be new.\n" in shown


def test_an_interrupt_ends_a_command_in_a_line(monkeypatch):
    @click.group(cls=Commands)
    def some() -> None:
        """Do things."""

    @some.command("stuck")
    def stuck() -> None:
        """Wait."""
        raise KeyboardInterrupt

    result = CliRunner().invoke(some, ["stuck"])
    assert result.exit_code == 130
    assert result.stderr == "simkit: interrupted\n"


def test_sigterm_leaves_a_command_in_order_and_its_handler_is_taken_back():
    @click.group(cls=Commands)
    def some() -> None:
        """Do things."""

    @some.command("stuck")
    def stuck() -> None:
        """Wait."""
        signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    result = CliRunner().invoke(some, ["stuck"])
    assert (result.exit_code, result.output) == (143, "")
    assert signal.getsignal(signal.SIGTERM) is before


FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no disk that is always full")


@needs_full
@pytest.mark.parametrize("command", [["scenarios"], ["scenarios", "--json"]])
def test_where_there_is_no_place_for_what_is_printed_a_line_says_so(command):
    with FULL.open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "simkit", *command],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert result.stderr == "simkit: output: No space left on device\n"
    assert result.returncode == 2


@pytest.mark.parametrize("stream", ["1", "2"])
def test_without_a_place_to_print_to_commands_work_all_the_same(tmp_path, stream):
    line = f"{sys.executable} -m simkit report barge-in -o {tmp_path}/out.html {stream}>&-"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        ["bash", "-c", line],
        cwd=ROOT / "recordings",
        env=environment,
        capture_output=True,
        check=False,
    )
    assert (found.returncode, found.stderr) == (0, b"")
    assert (tmp_path / "out.html").read_text().endswith("</html>\n")


def test_letters_that_the_terminal_does_not_have_are_escaped(tmp_path):
    page = tmp_path / "ö é.html"
    recording = str(ROOT / "recordings" / "barge-in")
    old = {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "ascii",
    }
    result = simkit("report", recording, "-o", str(page), cwd=tmp_path, **old)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith("/\\udcc3\\udcb6 \\udcc3\\udca9.html\n")
    assert page.exists()
    options = ("--scenario", "dtmf", "-n", "1", "--html", "ö.html")
    result = simkit("conformance", *options, cwd=tmp_path, **old)
    assert (result.returncode, result.stderr) == (0, "")
    assert '<a href="%C3%B6-calls/' in (tmp_path / "ö.html").read_text()


def test_ctrl_c_while_parts_are_loaded_ends_the_process_and_nothing_else(tmp_path):
    (tmp_path / "click.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    result = subprocess.run(
        [sys.executable, "-m", "simkit", "scenarios"],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        check=False,
        # What is started in the background, as these tests perhaps are, ignores Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert (result.returncode, result.stdout, result.stderr) == (-signal.SIGINT, b"", b"")


BUSY = """
import os, signal

async def app(scope, receive, send):
    if scope["type"] == "http":
        os.kill(os.getpid(), signal.SIGINT)  # Ctrl-C while the program is busy
        while True:
            pass
"""


def simkit(*args: str, cwd: Path, **more) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "simkit", *args],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT), **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_an_interrupt_that_the_program_under_test_takes_for_an_error_ends_the_run(tmp_path):
    (tmp_path / "busy.py").write_text(BUSY)
    result = simkit("run", "greeting", "--app", "busy:app", cwd=tmp_path)
    assert result.returncode == 130
    assert (result.stdout, result.stderr) == ("", "simkit: interrupted\n")


def test_who_reads_only_the_first_line_is_no_verdict(tmp_path):
    line = f"{sys.executable} -m simkit run barge-in | head -1; exit ${{PIPESTATUS[0]}}"
    found = subprocess.run(
        ["bash", "-c", line],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode in (0, 128 + signal.SIGPIPE)  # it may be done before
    assert found.stdout.startswith("    0.060  twilio")
    assert found.stderr == ""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("simkit run bar", ["barge-in"]),
        ("simkit run barge-in --set l", ["lead=0.0", "late_frames=0"]),
        ("simkit campaign --scenarios idle,gr", ["idle,greeting"]),
        ("simkit replay recordings/th", ["recordings/three-interruptions"]),
        ("simkit replay x --leg v", ["vapi=recorded", "vapi=live"]),
        ("simkit recording ch", ["check"]),
        ("simkit replay --sv", ["--svg"]),
    ],
)
def test_shells_complete_what_can_be_named(monkeypatch, line, expected):
    monkeypatch.chdir(ROOT)
    words = line.split()
    asked = {
        "_SIMKIT_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    result = CliRunner(env=asked).invoke(main, prog_name="simkit")
    assert result.stdout.splitlines() == [f"plain,{one}" for one in expected]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("simkit run idle --app my", ["my_app:app"]),
        ("simkit run idle --app my_app :", ["app"]),
        ("simkit run idle --app my_app : a", ["app"]),
        ("simkit run idle --app my_app:a", ["my_app:app"]),
        ("simkit run idle --app = my_app : a", ["app"]),
        ("simkit run idle --app conf", ["conftest:serve"]),
        ("simkit conformance --app no", []),
        ("simkit conformance --upstream open", ["openai-realtime"]),
        ("simkit conformance --upstream x.org = my_d", ["my_dialects:Example"]),
        ("simkit run idle --set silence = 8", ["8.0"]),
    ],
)
def test_what_the_files_of_the_folder_serve_is_completed_and_none_is_run(
    tmp_path, monkeypatch, line, expected
):
    app = "raise SystemExit('run')\nfrom fastapi import FastAPI\napp = FastAPI()\n"
    (tmp_path / "my_app.py").write_text(app)
    (tmp_path / "my_dialects.py").write_text("class Example: ...\n")
    (tmp_path / "conftest.py").write_text("def serve(sim): ...\ndef other(sim, x): ...\n")
    monkeypatch.chdir(tmp_path)
    asked = {
        "_SIMKIT_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
    }
    result = CliRunner(env=asked).invoke(main, prog_name="simkit")
    assert result.stdout.split() == [f"plain,{one}" for one in expected]


def test_zsh_completes_apps_whole(tmp_path, monkeypatch):
    (tmp_path / "my_app.py").write_text("from fastapi import FastAPI\napp = FastAPI()\n")
    monkeypatch.chdir(tmp_path)
    asked = {
        "_SIMKIT_COMPLETE": "zsh_complete",
        "COMP_WORDS": "simkit run idle --app my_app:",
        "COMP_CWORD": "4",
    }
    result = CliRunner(env=asked).invoke(main, prog_name="simkit")
    assert result.stdout == "plain\nmy_app:app\n_\n"


def test_a_folder_without_recordings_is_completed_as_folders_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = {
        "_SIMKIT_COMPLETE": "bash_complete",
        "COMP_WORDS": "simkit replay no/such",
        "COMP_CWORD": "2",
    }
    assert CliRunner(env=asked).invoke(main, prog_name="simkit").stdout == "dir,no/such\n"


def test_a_real_bash_completes(tmp_path):
    command = tmp_path / "simkit"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m simkit "$@"\n')
    command.chmod(0o755)
    script = """
    eval "$(_SIMKIT_COMPLETE=bash_source simkit)"
    complete -p simkit
    COMP_WORDS=(simkit conformance --scenario stop-) COMP_CWORD=3
    _simkit_completion simkit
    echo "${COMPREPLY[*]}"
    """
    found = subprocess.run(
        ["bash", "-c", script],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.splitlines() == [
        "complete -o nosort -F _simkit_completion simkit",
        "stop-mid-tts stop-missing",
    ]
