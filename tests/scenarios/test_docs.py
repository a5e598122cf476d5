"""docs/scenarios.md lists what there is."""

from __future__ import annotations

from pathlib import Path

from simkit.scenarios import REGISTRY

PAGE = Path(__file__).parents[2] / "docs" / "scenarios.md"


def test_the_page_lists_every_scenario_with_its_parameters():
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text().splitlines()
        if line.startswith("| `") and line.count("|") == 4
    ]
    listed = [
        (name.strip("`"), parameters.replace("`", ""), summary.replace("`", ""))
        for name, parameters, summary in rows
    ]
    assert listed == [
        (
            scenario.name,
            " ".join(parameter.describe() for parameter in scenario.parameters.values()),
            scenario.summary.replace("`", ""),
        )
        for scenario in REGISTRY.values()
        if str(scenario.function.__module__).startswith("simkit.")  # not what a document defines
    ]
