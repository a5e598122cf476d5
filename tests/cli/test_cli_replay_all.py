"""``simkit replay FOLDER --all``: many recordings, a table, the worst exit code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from simkit.cli import main

ROOT = Path(__file__).parents[2]
RECORDINGS = ROOT / "recordings"
SIMKIT = [sys.executable, "-c", "from simkit.cli import main; main()"]

APPS = """
import os

from simkit.bridge import CallCore, Bridge, Config
from simkit.recording import own_bridge
from simkit.twilio import AUTH_TOKEN, ACCOUNT_SID


class NeverClears(CallCore):
    def _cut_off(self, now_ns):
        return [a for a in super()._cut_off(now_ns) if type(a).__name__ != "Clear"]


def never_clears():
    print("an application may print")
    config = Config(
        public_url=os.environ["PUBLIC_URL"],
        twilio_auth_token=os.environ["TWILIO_AUTH_TOKEN"],
        vapi_api_key=os.environ["VAPI_API_KEY"],
    )
    return Bridge(config, NeverClears).app()


def gone():
    os._exit(3)
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    """A recording, one that cannot be read, and what is none."""
    place = tmp_path / "calls"
    shutil.copytree(RECORDINGS / "pricing-question", place / "pricing-question")
    (place / "broken").mkdir()
    (place / "broken" / "call.jsonl").write_text("[]\n")
    (place / "sources").mkdir()
    (place / "a-file").touch()
    (tmp_path / "apps.py").write_text(APPS)
    return place


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SIMKIT, "replay", str(folder), "--all", *args],
        capture_output=True,
        text=True,
        cwd=folder.parent,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def test_each_recording_is_a_row_and_the_worst_is_the_exit_code(folder):
    shutil.copytree(RECORDINGS / "pricing-question", folder / "silent")
    header, *events = (folder / "silent" / "call.jsonl").read_text().splitlines(keepends=True)
    unknown = [line for line in events if '"clear"' not in line]
    (folder / "silent" / "call.jsonl").write_text(header + "".join(unknown))
    done = run(folder, "-n", "3", "--app", "apps:never_clears")
    assert done.returncode == 2
    _, broken, pricing, silent, _, total, rest = [
        line.rstrip() for line in done.stdout.splitlines()
    ]
    assert broken.startswith("broken ")
    assert "ERROR" in broken
    assert broken.endswith("call.jsonl:1: the object: Expected `object`, got `array`")
    assert pricing.split()[:5] == ["pricing-question", "12.8", "s", "16/16", "DIVERGED"]
    assert pricing.endswith("  at 2.817: clear not sent")
    assert silent.split() == ["silent", "12.8", "s", "16/16", "not", "compared"]
    assert total == "0 of 3 recordings are as recorded and keep every promise"
    assert rest == "1 keep every promise, and do not tell what their bridge sent"
    assert "\x1b" not in done.stdout + done.stderr
    assert "may print" in done.stderr


def test_a_process_that_ends_all_of_a_sudden_is_one_of_the_errors(folder):
    done = run(folder, "--app", "apps:gone", "--json")
    assert done.returncode == 2
    broken, gone = json.loads(done.stdout)["recordings"]
    assert "call.jsonl:1: " in broken["error"]
    assert gone["error"] == "the process that replayed it ended all of a sudden"
    assert (gone["name"], gone["faults"], gone["exit_code"]) == ("pricing-question", [], 2)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--wall"], "--wall: does not go with --all"),
        (["--audio", "x.wav"], "--audio: does not go with --all"),
        (["-n", "0"], "expected auto, or a number from 1 to 1000; found '0'"),
        (["-n", "many"], "found 'many'"),
        ([], "holds no recording"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, args, told):
    done = CliRunner().invoke(main, ["replay", str(tmp_path), "--all", *args])
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr
