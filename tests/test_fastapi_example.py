"""examples/fastapi-bridge: the tests fail before it is mended, and its tables are what there is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simkit.explore import Crew
from simkit.explore.conformance import judged, plan, rows
from simkit.recording import ENVIRONMENT

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


def kept(name: str) -> dict[str, list[str]]:
    """Return the rows of a kept table by scenario: the cells that are not empty."""
    rows = (FOLDER / name).read_text().split("\n\n")[0].splitlines()[1:]
    return {row.split()[0]: re.split(r"\s{2,}", row) for row in rows}


@pytest.mark.parametrize("app", ["bridge", "mended"])
def test_the_kept_table_says_what_there_is(app, monkeypatch):
    """And no more than fits beside it: ``simkit conformance --app bridge:app | cut -c1-150``."""
    for key, value in ENVIRONMENT.items():
        monkeypatch.setenv(key, value)
    monkeypatch.syspath_prepend(FOLDER)
    chosen = ("greeting", "slow-configure", "agent-hangs-up", "forged-webhook")
    jobs = plan(chosen, app=f"{app}:app")
    with Crew(1) as crew:
        table = rows(jobs, judged(jobs, crew))
    for row in table:
        cells = kept(f"{app}.txt")[row.scenario]
        assert [cells[1].lower(), cells[2]] == [row.result, f"{row.passed}/{len(row.verdicts)}"]
        said = cells.pop() if row.result == "failed" else ""
        assert row.sentence.startswith(said)
        assert cells[-1] == f"{row.most('leaks'):g}"


def test_the_readme_counts_what_the_tables_hold():
    readme = (FOLDER / "README.md").read_text()
    for name in ("bridge", "mended"):
        found = [cells[1] for cells in kept(f"{name}.txt").values()]
        counts = [found.count(result) for result in ("passed", "FAILED", "not applicable")]
        lines = len((FOLDER / f"{name}.py").read_text().splitlines())
        row = f"| `{name}.py`, {lines} lines ([table]({name}.txt)) | " + " | ".join(
            map(str, counts)
        )
        assert row in readme
