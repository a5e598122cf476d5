"""Each wrong bridge is caught by the check it was planted for, and ours is not, in the same run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simkit.scenarios import REGISTRY, find, simulate
from simkit.scenarios.registry import CHECKS
from tests.zoo.catalogue import BUGS, SCENARIO

_ENOUGH = 9.0
"""Seconds in which checks find what there is, but in these; to listen for garbled words is dear."""
_LONG = (
    "duplicate-turn",
    "malformed",
    "mark-storm",
    "second-barge-in",
    "slow-configure",
    "three-interruptions",
)
CERTAIN = [name for name, bug in BUGS.items() if bug.grade == "every run"]


def broken(outcome) -> dict[str, str]:
    found = {check.name: check.sentence for check in outcome.checks if not check.passed}
    return found | ({SCENARIO: outcome.failure} if outcome.failure else {})


def test_there_are_forty_of_them_and_some_are_rare():
    assert len(BUGS) >= 40
    assert len(CERTAIN) <= len(BUGS) - 8


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_names_a_scenario_its_parameters_and_a_check(name):
    bug = BUGS[name]
    assert bug.scenario in REGISTRY
    assert set(bug.settings) <= set(find(bug.scenario).parameters)
    assert bug.check in (*CHECKS, SCENARIO)
    assert bug.check not in find(bug.scenario).waives
    assert bug.says or bug.check != SCENARIO or bug.grade != "every run"


@pytest.mark.filterwarnings("ignore::simkit.network.openings.LeftOpenWarning")
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("name", CERTAIN)
def test_a_bug_that_spoils_every_run_is_caught(name):
    bug, scenario = BUGS[name], find(BUGS[name].scenario)
    if bug.check not in (SCENARIO, "liveness") and bug.scenario not in _LONG:
        scenario = replace(scenario, limit=min(scenario.limit, _ENOUGH))
    found = broken(simulate(scenario, dict(bug.settings), app=bug.app()))
    assert bug.check in found
    assert bug.says in found.get(SCENARIO, "")


def test_two_worlds_share_nothing_of_a_bug():
    bug = BUGS["shares-agent-audio"]
    told = [
        str(simulate(find(bug.scenario), dict(bug.settings), app=bug.app()).timeline)
        for _ in range(2)
    ]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("scenario", "settings"),
    sorted(
        {
            (bug.scenario, tuple(bug.settings.items()))
            for bug in BUGS.values()
            if bug.settings and bug.settings not in find(bug.scenario).variants
        }
    ),
    ids=str,
)
def test_our_bridge_is_not_caught(scenario, settings):
    assert broken(simulate(find(scenario), dict(settings))) == {}
