"""What is said of a race where there is no documentation."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from simkit.scenarios import REGISTRY, advice, find

ROOT = Path(__file__).parents[2]
RACES = [s for s in REGISTRY.values() if s.function.__module__.startswith("simkit.")]


@pytest.mark.parametrize("scenario", RACES, ids=lambda scenario: scenario.name)
def test_every_race_says_how_to_get_it_right(scenario):
    title, *paragraphs = advice.advice(scenario)
    assert title
    assert "How to get it right" in paragraphs
    assert not any("](" in one or one.startswith(("#", "!")) for one in paragraphs)
    assert f"simkit run {scenario.name} --app my_app:app" in paragraphs[-1]


def test_one_of_somebody_elses_says_what_it_is():
    async def of_theirs(sim):
        """Something happens.

        A right bridge stands it.
        """

    scenario = replace(find("crowd"), function=of_theirs)
    assert advice.advice(scenario) == ["Something happens.", "A right bridge stands it."]


def test_a_wheel_carries_the_pages_to_where_they_are_looked_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    carried = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    places = {ROOT / source: ROOT / target for source, target in carried.items()}
    inside, checkout = advice._FOLDERS
    assert places[checkout] == inside
