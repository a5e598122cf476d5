"""``simkit conformance --wall``: what is told of runs in real time."""

from __future__ import annotations

import json
import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from simkit.bridge.sources import load
from simkit.cli import main
from simkit.cli.wall import environment_for
from simkit.scenarios import REGISTRY
from tests.cli.test_lateness import an_outcome
from tests.wall.programs import ENDS_AT_ONCE

PROGRAM = shlex.join(ENDS_AT_ONCE)


def invoke(*args: str) -> Result:
    return CliRunner().invoke(main, args)


def test_a_bridge_that_does_not_start_is_told_of_and_the_rest_is_spared(tmp_path):
    args = ["--scenario", "dtmf", "--scenario", "cold-start", "--scenario", "jitter"]
    args += ["--wall", "--exec", PROGRAM, "--junit", str(tmp_path / "races.xml"), "--json"]
    result = invoke("conformance", *args)
    assert result.exit_code == 2
    told = [one for row in json.loads(result.stdout)["scenarios"] for one in row["variants"]]
    assert [one["result"] for one in told] == ["error"] * 6 + ["not applicable"] * 2
    said = [one["failures"][0]["sentence"] for one in told[:6]]
    assert all(one.startswith("the bridge ended with code 1 before it") for one in said[:3])
    assert said[3:] == ["not run: 3 bridges before it did not answer"] * 3
    again = told[2]["command"]
    assert again == f"simkit run cold-start --set late=0.2 --wall --exec {shlex.quote(PROGRAM)}"
    assert again in "".join(ElementTree.parse(tmp_path / "races.xml").getroot().itertext())
    assert said[2] in invoke(*shlex.split(again)[1:]).stderr


def test_a_failure_on_a_machine_that_is_too_busy_is_an_error(monkeypatch):
    monkeypatch.setattr("simkit.cli.conformance.open_wall", lambda **_: nullcontext(object()))
    monkeypatch.setattr("simkit.cli.conformance.play", lambda *_: an_outcome(False, 80.0))
    result = invoke("conformance", "--scenario", "dtmf", "--wall", "--exec", "node", "--json")
    assert result.exit_code == 2
    [row] = json.loads(result.stdout)["scenarios"]
    assert row["variants"][0]["failures"][0]["sentence"] == (
        "this machine served deadlines 80 ms late (p99), which tells nothing: the line dropped"
    )


@pytest.mark.parametrize("scenario", REGISTRY.values(), ids=REGISTRY)
def test_simkits_own_bridge_is_told_what_it_needs_for_a_scenario(scenario):
    for settings in scenario.variants:
        config = load(None, environment_for(scenario, settings, is_own=True), {}).config
        offered = scenario.offered(settings)
        assert {key: getattr(config, key) for key in offered} == offered
        assert (
            environment_for(scenario, settings, is_own=False).keys()
            == environment_for(REGISTRY["greeting"], {}, is_own=True).keys()
        )


SOURCE = """
import aiohttp.web

app = aiohttp.web.Application()

def serve(sim):
    raise AssertionError

async def main():
    raise AssertionError
"""


@pytest.mark.parametrize("command", [("conformance", "--scenario", "dtmf"), ("run", "dtmf")])
@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("serve", "is a function of sim, which puts a bridge into a simulation"),
        ("main", "serves by itself"),
        ("app", "is an application of aiohttp's, and --wall serves ASGI"),
    ],
)
def test_what_only_a_simulation_serves_is_refused(monkeypatch, tmp_path, command, name, what):
    Path(tmp_path, "only_simulated.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "only_simulated", raising=False)
    result = invoke(*command, "--wall", "--app", f"only_simulated:{name}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"simkit: --app only_simulated:{name}: {what}; with --wall name an ASGI application, or "
        'the program, as in --exec "python bridge.py", which listens on $PORT or where --bridge '
        "says\n"
    )
