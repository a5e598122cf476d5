"""Other releases of the websockets library than the installed one, each in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCENARIO = Path(__file__).with_name("websockets_echo.py")
EXPECTED = [["HELLO", 0.02], ["STILL HERE", 600.04]]


def fetch(requirement, folder):
    """Put a release into ``folder``, without what it depends on; skip where pip cannot."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    once = ["--retries", "0", "--timeout", "5"]
    done = subprocess.run(
        [*pip, *once, "--no-deps", "--target", str(folder), requirement],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines() or ["no reason given"]
        pytest.skip(f"pip cannot fetch {requirement}: {reason[-1]}")


@pytest.mark.parametrize("generation", [13, 15, 17])
def test_every_generation_of_websockets_echoes_and_idles(generation, tmp_path):
    if version("websockets").split(".")[0] != str(generation):
        fetch(f"websockets=={generation}.*", tmp_path)
    done = subprocess.run(
        [sys.executable, str(SCENARIO)],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome.pop("version").startswith(f"{generation}.")
    assert outcome.pop("asyncio") == EXPECTED
    # The older implementation, as long as releases have it.
    assert set(outcome) <= {"legacy"}
    assert outcome.get("legacy", EXPECTED) == EXPECTED
