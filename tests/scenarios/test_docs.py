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


def test_the_page_on_judging_says_what_our_bridge_is_told_for_which_scenario():
    page = (PAGE.parent / "judging.md").read_text()
    table = page.partition("| race | what is judged | keys |\n")[2].partition("\n\n")[0]
    rows = [row.split("|") for row in table.splitlines()[1:]]
    told = {race.split("`")[1]: set(keys.split("`")[1::2]) for _, race, _, keys, _ in rows}
    own: dict[str, set[str]] = {}
    for name, scenario in REGISTRY.items():
        for settings in scenario.variants:
            for key, value in scenario.offered(settings).items():
                own.setdefault(name, set()).update((key, str(value)))
    assert told.keys() == own.keys()
    assert all(told[name] <= own[name] for name in own)
