"""README.md: its picture is drawn from a run of its own test, and it is short.

``python -m tests.test_readme`` draws the picture anew.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from simkit import Simulation
from simkit.recording import own_bridge
from simkit.report import draw

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "barge-in.svg"
SHOWN = (0.9, 4.6)
"""Seconds of the call: from the agent's first words into its answer."""


def steps() -> Any:
    """Return the test that README shows."""
    shown = re.search(r"^\$ cat test_barge_in\.py\n(.*?)^```$", README.read_text(), re.M | re.S)
    assert shown is not None
    names: dict[str, Any] = {}
    exec(compile(shown[1], "README.md", "exec"), names)
    return names["test_caller_interrupts"]


class Kept:
    """Stands for the snapshot: equal to any timeline."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


def picture() -> str:
    with Simulation() as sim:
        sim.host("bridge.example.com").serve(own_bridge())
        sim.run(steps()(sim, None, Kept()))
        start, end = SHOWN
        return draw(sim.finish(), start=start, end=end)


def test_the_picture_is_what_the_test_comes_to():
    assert f"]({PICTURE.relative_to(ROOT)})" in README.read_text()
    assert picture() == PICTURE.read_text(), "python -m tests.test_readme draws it anew"


def test_what_it_links_to_in_this_repository_is_there():
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


if __name__ == "__main__":
    PICTURE.write_text(picture())
