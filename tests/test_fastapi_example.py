"""examples/fastapi-bridge: the tests fail before it is mended, and its tables are what there is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simkit.recording import ENVIRONMENT
from simkit.scenarios import find, simulate

FOLDER = Path(__file__).parents[1] / "examples" / "fastapi-bridge"


def test_most_of_its_tests_fail_before_it_is_mended():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
    environment = os.environ | {
        "BRIDGE_APP": "bridge:app",
        "PYTHONPATH": str(FOLDER.parents[1]),
        "PYTEST_ADDOPTS": "",
    }
    done = subprocess.run(
        [*command, "--rootdir", FOLDER, FOLDER],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert "12 failed, 2 passed" in done.stdout.splitlines()[-1]


def verdicts(name: str) -> dict[str, str]:
    """Return what the kept table says of each scenario."""
    rows = (FOLDER / name).read_text().split("\n\n")[0].splitlines()[1:]
    return {row.split()[0]: re.split(r"\s{2,}", row)[1] for row in rows}


@pytest.mark.filterwarnings("ignore::simkit.network.openings.LeftOpenWarning")
@pytest.mark.parametrize(
    "scenario", ["greeting", "slow-configure", "out-of-order", "agent-hangs-up"]
)
@pytest.mark.parametrize("app", ["bridge", "mended"])
def test_the_kept_table_says_what_there_is(app, scenario, monkeypatch):
    for key, value in ENVIRONMENT.items():
        monkeypatch.setenv(key, value)
    monkeypatch.syspath_prepend(FOLDER)
    passed = True
    for settings in find(scenario).variants:
        sys.modules.pop(app, None)  # it knows the calls of other runs, and takes these for replays
        passed &= simulate(find(scenario), settings, app=f"{app}:app").passed
    assert verdicts(f"{app}.txt")[scenario] == ("passed" if passed else "FAILED")


def test_the_readme_counts_what_the_tables_hold():
    readme = (FOLDER / "README.md").read_text()
    for name in ("bridge", "mended"):
        found = list(verdicts(f"{name}.txt").values())
        counts = [found.count(result) for result in ("passed", "FAILED", "not applicable")]
        lines = len((FOLDER / f"{name}.py").read_text().splitlines())
        row = f"| `{name}.py`, {lines} lines ([table]({name}.txt)) | " + " | ".join(
            map(str, counts)
        )
        assert row in readme
