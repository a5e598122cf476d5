"""The table of the tutorial's steps, as the tutorial has them.

``python -m tests.documents.steps`` builds the bridge of each step, runs ``simkit conformance`` on
it (some minutes) and writes the table into the page.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .blocks import patched

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
EXAMPLE = ROOT / "examples" / "fastapi-bridge"
_CHANGE = re.compile(r"^```(?:python\n# bridge\.py|(diff))\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ROW = re.compile(r"^\| (\d+) \| (.*) \| (\d+) \| (\d+) \|$", re.MULTILINE)


def versions() -> list[str]:
    """Return the bridge as it is at first, and after each step."""
    found = [""]
    for change in _CHANGE.finditer(PAGE.read_text()):
        found.append(patched(found[-1], change[2]) if change[1] else change[2])
    return found[1:]


def rows() -> list[tuple[str, str, int, int]]:
    """Return number, name, lines and passed races of each row of the page's table."""
    found = _ROW.findall(PAGE.read_text())
    return [(number, name, int(lines), int(passed)) for number, name, lines, passed in found]


def passed_races(bridge: str) -> int:
    """Return how many races a bridge passes."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "bridge.py").write_text(bridge)
        shutil.copy(EXAMPLE / "sorry.ulaw", folder)
        simkit = Path(sys.executable).parent / "simkit"
        done = subprocess.run(
            [simkit, "conformance", "--app", "bridge:app"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
    counted = re.search(r"scenarios: (\d+) passed", done.stdout)
    assert counted is not None, done.stdout + done.stderr
    return int(counted[1])


if __name__ == "__main__":
    page = PAGE.read_text()
    for row, bridge in zip(_ROW.finditer(page), versions(), strict=True):
        lines = len(bridge.splitlines())
        new = f"| {row[1]} | {row[2]} | {lines} | {passed_races(bridge)} |"
        print(new)
        page = page.replace(row[0], new)
    PAGE.write_text(page)
