"""``pytest --simkit-app my_app:app --pyargs simkit.scenarios``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simkit.scenarios import REGISTRY

NEVER_CLEARS = """
from simkit.bridge import Bridge, Config
from tests.zoo.bridges import NeverClears

app = Bridge(Config.from_env(), NeverClears).app()
"""
WITH_WHAT_README_INSTALLS = """
import sys

for name in ("hypothesis", "sybil", "xdist", "yaml"):
    sys.modules[name] = None  # whoever imports it is told that there is none

import pytest

sys.exit(pytest.main(["-p", "simkit.pytest_plugin", *sys.argv[1:]]))
"""


@pytest.fixture
def run(pytester):
    pytester.makepyfile(my_app=NEVER_CLEARS)

    def run(*options: str):
        return pytester.runpytest_inprocess("-p", "no:asyncio", "-rs", *options)

    return run


def test_there_is_an_item_for_each_scenario_and_variant(run):
    result = run("--collect-only", "-q", "--pyargs", "simkit.scenarios")
    names = [line.rpartition("::")[2] for line in result.outlines if "::" in line]
    assert len(names) == sum(len(scenario.variants) for scenario in REGISTRY.values())
    assert {name.partition("[")[0] for name in names} == set(REGISTRY)


def test_a_lost_race_fails_with_what_broke_the_timeline_and_the_command(run):
    chosen = ("-k", "rapid-interrupts or hang-means-delay")
    result = run("--simkit-app", "my_app:app", *chosen, "--pyargs", "simkit.scenarios")
    passed, failed = (
        len(REGISTRY[name].variants) for name in ("hang-means-delay", "rapid-interrupts")
    )
    result.assert_outcomes(passed=passed, failed=failed, deselected=None)
    result.stdout.fnmatch_lines(
        [
            "stops-when-interrupted: caller interrupted at *",
            "simkit run rapid-interrupts *--app my_app:app",
            '*caller   speaks     "wait"*',
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_what_is_not_applicable_is_skipped_with_the_reason(run):
    service = ("--simkit-app", "tests.upstreams.realtime_bridge:app")
    service += ("--simkit-upstream", "openai-realtime")
    result = run(*service, "-k", "false-positive", "--pyargs", "simkit.scenarios")
    result.assert_outcomes(skipped=len(REGISTRY["false-positive"].variants))
    result.stdout.fnmatch_lines(["*it is about Vapi's own ways"])


def test_a_bridge_that_cannot_be_loaded_is_one_line(run):
    result = run("--simkit-app", "no_app:app", "-k", "dtmf", "--pyargs", "simkit.scenarios")
    told = [
        line for line in result.outlines if line.startswith("app 'no_app:app': there is no mod")
    ]
    assert len(told) == 2
    assert result.ret == 1


def test_nobody_who_did_not_ask_gets_scenarios(pytester, run):
    pytester.makepyfile(test_one="def test_one():\n    pass\n")
    run("--simkit-app", "my_app:app").assert_outcomes(passed=1)


def test_from_a_checkout_they_need_no_more_than_the_extra_that_readme_installs(tmp_path):
    (tmp_path / "my_app.py").write_text(
        "from simkit.bridge import create_app\n\napp = create_app()\n"
    )
    environment = {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    command = ("-q", "--simkit-app", "my_app:app", "--pyargs", "simkit.scenarios", "-k", "dtmf")
    done = subprocess.run(
        [sys.executable, "-c", WITH_WHAT_README_INSTALLS, *command],
        cwd=tmp_path,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1].startswith("2 passed"), done.stdout
