"""docs/races: a page for each scenario, with pictures that come from runs."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from simkit.scenarios import REGISTRY

FOLDER = Path(__file__).parents[1] / "docs" / "races"
RACES = [s.name for s in REGISTRY.values() if s.function.__module__.startswith("simkit.")]

_spec = importlib.util.spec_from_file_location("race_figures", FOLDER / "figures.py")
assert _spec is not None
assert _spec.loader is not None
figures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(figures)


def test_every_scenario_has_a_page_and_no_page_is_left_over():
    pages = {path.stem for path in FOLDER.glob("*.md")} - {"index"}
    assert pages == set(RACES)
    index = (FOLDER / "index.md").read_text()
    listed = re.search(r"```{toctree}\n:maxdepth: 1\n\n(.*?)\n```", index, re.DOTALL)
    assert listed is not None
    assert set(listed[1].split()) == pages


@pytest.mark.parametrize("name", RACES)
def test_the_pictures_are_what_the_race_comes_to(name):
    page = (FOLDER / f"{name}.md").read_text()
    for tutorial in (True, False):
        path = figures.place(name, tutorial=tutorial)
        assert f"(figures/{path.name})" in page
        drawn = figures.picture(name, tutorial=tutorial)
        assert drawn == path.read_text(), "python docs/races/figures.py draws it anew"
        if not tutorial:
            assert "simkit's bridge: passed" in drawn
