"""Scenarios written out as tests: red against the bridge that lost, green once it is mended."""

from __future__ import annotations

import ast
import builtins
import shutil
from pathlib import Path

import pytest

from simkit.scenarios import REGISTRY, Job, Verdict, scenario
from simkit.scenarios.written import written

EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi-bridge"
NUMBER = "another number"
"""That nobody has."""


def verdict(name: str, app: str | None = "my_app:app", **settings) -> Verdict:
    return Verdict(Job(name, settings, app=app), "failed", [("scenario", "it went wrong")])


def read(tree: ast.Module) -> set[str]:
    """Return every name that is read, where it is not a function's own."""
    own = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    return {
        part.id
        for part in ast.walk(tree)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
    } - own


def imported(tree: ast.Module) -> set[str]:
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }


BRIDGE = """
from simkit.bridge import Bridge, Config
from tests.zoo.bridges import NeverClears

app = Bridge(Config.from_env(){}).app()
"""
NAMES = ("test_mark_storm", "test_rapid_interrupts", "test_barge_in_lead_60_0_silence_frames_false")


def test_the_tests_are_red_and_green_once_the_bridge_is_mended(pytester):
    found = [
        verdict("mark-storm"),
        verdict("rapid-interrupts"),
        verdict("barge-in", lead=60.0, silence_frames=False),
    ]
    pytester.makepyfile(test_races=written(found))
    pytester.makepyfile(my_app=BRIDGE.format(", NeverClears"))
    result = pytester.runpytest_inprocess("-p", "no:asyncio")
    result.assert_outcomes(failed=3)
    for name in NAMES:
        result.stdout.re_match_lines([rf"FAILED test_races.py::{name} .*"])
    result.stdout.fnmatch_lines(["*stops-when-interrupted*"])
    pytester.makepyfile(my_app=BRIDGE.format(""))
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=3)


PUT_UP = """
from simkit.recording import own_bridge

def serve(sim):
    sim.host("bridge.example.com").serve(own_bridge())
"""


def test_the_excuse_of_simkits_own_bridge_is_no_strange_sound_in_the_tests_either(pytester):
    # This one has borrowed it.
    shutil.copy(EXAMPLE / "mended.py", pytester.path / "my_app.py")
    shutil.copy(EXAMPLE / "sorry.ulaw", pytester.path)
    pytester.makepyfile(test_races=written([verdict("reconnect", phase="caller-is-done")]))
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)


def test_a_function_that_puts_the_bridge_up_does_so_in_the_tests(pytester, monkeypatch):
    pytester.makepyfile(world=PUT_UP)
    monkeypatch.syspath_prepend(pytester.path)
    pytester.makepyfile(test_races=written([verdict("greeting", "world:serve")]))
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)


def test_simkits_own_bridge_is_served_as_the_scenario_wants_it(pytester):
    pytester.makepyfile(test_races=written([verdict("dtmf", app=None), verdict("idle", app=None)]))
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=2)


def test_another_service_is_put_in_vapis_place(pytester):
    job = Job("greeting", app="tests.upstreams.realtime_bridge:app", upstream="openai-realtime")
    text = written([Verdict(job, "failed", [("scenario", "it went wrong")])])
    pytester.makepyfile(test_races=text)
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=1)


@pytest.mark.parametrize("name", REGISTRY)
def test_every_scenario_can_be_written_out(name):
    found = REGISTRY[name]
    text = written(
        [
            Verdict(Job(name, dict(settings), 3, "my_app:app"), "failed")
            for settings in found.variants
        ]
    )
    tree = ast.parse(text)
    defined = {
        part.id if isinstance(part, ast.Name) else part.name
        for part in ast.walk(tree)
        if (isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store))
        or (isinstance(part, ast.ExceptHandler) and part.name)
    }
    tests = [node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef)]
    assert len({name for name in tests if name.startswith("test_")}) == len(found.variants)
    assert set(found.parameters) <= defined
    assert "@scenario" not in text
    assert "own_bridge" not in text
    builtin = {*dir(builtins), *defined, *imported(tree)}
    functions = {node.name for node in ast.walk(tree) if hasattr(node, "name")}
    assert read(tree) <= builtin | functions


async def elsewhere(sim, *, times: int = 2):
    """Somebody calls another number."""
    call = await sim.twilio.call(to=NUMBER * times)
    return [call, await call.hears("NUMBER")]


def test_two_scenarios_may_mean_different_things_by_one_name_and_what_was_awaited_last_stays():
    scenario(waives={"no-blocking": "nobody minds"})(elsewhere)
    try:
        text = written([verdict("greeting"), verdict("elsewhere")])
    finally:
        del REGISTRY["elsewhere"]
    assert '(sim, bridge):\n    """Somebody calls another number."""\n    times = 2\n' in text
    assert 'NUMBER = "+15550100"\n' in text
    assert 'NUMBER_2 = "another number"\n"""That nobody has."""\n' in text
    assert "call = await sim.twilio.call(to=NUMBER_2 * times)\n" in text
    assert text.endswith("    await call.hears('NUMBER')\n")
    assert "@pytest.mark.simkit(waives={\n        'no-blocking': 'nobody minds',\n    })\n" in text
