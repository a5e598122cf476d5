"""Scenarios written out as tests: red against the bridge that lost, green once it is mended."""

from __future__ import annotations

import ast
import builtins
import shutil
from pathlib import Path

import pytest

from simkit.scenarios import REGISTRY, Job, NotApplicable, Verdict, scenario
from simkit.scenarios.written import written

EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi-bridge"
NUMBER = "another number"
"""That nobody has."""


def verdict(name: str, app: str | None = "my_app:app", **settings) -> Verdict:
    return Verdict(Job(name, settings, app=app), "failed", [("scenario", "it went wrong")])


def read(tree: ast.AST) -> set[str]:
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
NAMES = (
    "test_mark_storm",
    "test_rapid_interrupts",
    r"test_barge_in\[0.0\]",
    r"test_barge_in\[0.334\]",
)


def test_the_tests_are_red_and_green_once_the_bridge_is_mended(pytester):
    found = [
        verdict("mark-storm"),
        verdict("rapid-interrupts"),
        verdict("barge-in", lead=60.0, silence_frames=False),
        verdict("barge-in", at=0.334, lead=60.0, silence_frames=False),
    ]
    pytester.makepyfile(test_races=written(found))
    pytester.makepyfile(my_app=BRIDGE.format(", NeverClears"))
    result = pytester.runpytest_inprocess("-p", "no:asyncio")
    result.assert_outcomes(failed=4)
    for name in NAMES:
        result.stdout.re_match_lines([rf"FAILED test_races.py::{name} .*"])
    result.stdout.fnmatch_lines(["*stops-when-interrupted*"])
    pytester.makepyfile(my_app=BRIDGE.format(""))
    pytester.runpytest_inprocess("-p", "no:asyncio").assert_outcomes(passed=4)


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
    [test] = [
        node
        for node in tree.body
        if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    assert test.name == "test_" + name.replace("-", "_")
    arguments = {argument.arg for argument in test.args.args}
    [variants] = [
        len(node.elts)
        for decorator in test.decorator_list
        if "parametrize" in ast.unparse(decorator)
        for node in ast.walk(decorator)
        if isinstance(node, ast.List)
    ] or [1]
    assert variants == len(found.variants)
    assert (read(test) & set(found.parameters)) <= arguments | defined
    assert "@scenario" not in text
    assert "own_bridge" not in text
    assert "NotApplicable(" not in text
    builtin = {*dir(builtins), *defined, *imported(tree)}
    functions = {node.name for node in ast.walk(tree) if hasattr(node, "name")}
    assert read(tree) <= builtin | functions


async def elsewhere(sim, *, times: int = 2):
    """Somebody calls another number."""
    call = await sim.twilio.call(to=NUMBER * times)
    return [call, await call.hears("NUMBER")]


@pytest.fixture
def registered():
    yield scenario(waives={"no-blocking": "nobody minds"})
    for name in ("elsewhere", "branching"):
        REGISTRY.pop(name, None)


def test_two_scenarios_may_mean_different_things_by_one_name_and_what_was_awaited_last_stays(
    registered,
):
    registered(elsewhere)
    text = written([verdict("greeting"), verdict("elsewhere")])
    assert '(sim, bridge):\n    """Somebody calls another number."""\n    times = 2\n' in text
    assert 'NUMBER = "+15550100"\n' in text
    assert 'NUMBER_2 = "another number"\n"""That nobody has."""\n' in text
    assert "call = await sim.twilio.call(to=NUMBER_2 * times)\n" in text
    assert text.endswith("    await call.hears('NUMBER')\n")
    marker = (
        '@pytest.mark.simkit(\n    waives={\n        "no-blocking": "nobody minds",\n    },\n)\n'
    )
    assert marker in text


async def branching(sim, *, how: str = "one", often: int = 1, late: bool = False):
    """What happens depends."""
    said: list[str] = ["late" if late else "in time"]
    for number in range(often):
        # Said before everything else.
        if how == "one":
            # This is about one.
            said.append("one")
        elif how == "two":
            said.append(f"{how} of {number}")
        else:
            said.append("many")
        if late:
            said.append("sorry")
    if often == 1 and how != "one" and said:
        raise NotApplicable("one call is no crowd") from None
    return said


def steps(*settings: dict[str, object]) -> str:
    text = written([verdict("branching", **one) for one in settings])
    return text.partition('depends."""\n')[2]


def test_branches_that_no_lost_variant_takes_are_left_out(registered):
    registered(branching)
    assert steps({}) == (
        "    often = 1\n"
        '    said = ["in time"]\n'
        "    for number in range(often):\n"
        "        # Said before everything else.\n"
        "        # This is about one.\n"
        '        said.append("one")\n'
    )
    assert steps({"how": "two", "late": True}, {"how": "two", "late": True, "often": 3}) == (
        '    how = "two"\n'
        '    said = ["late"]\n'
        "    for number in range(often):\n"
        "        # Said before everything else.\n"
        '        said.append(f"{how} of {number}")\n'
        '        said.append("sorry")\n'
        '    if often == 1 and how != "one" and said:\n'
        '        pytest.skip("one call is no crowd")\n'
    )
    assert '        elif how == "two":\n' in steps({}, {"how": "two"})


def test_each_variant_that_was_lost_has_a_name_that_tells_it(registered):
    registered(branching)
    text = written([verdict("branching"), verdict("branching", how="two", often=2)])
    assert 'pytest.param("one", 1, id="as by default"),\n' in text
    assert 'pytest.param("two", 2, id="how=two,often=2"),\n' in text
    assert "async def test_branching(sim, bridge, how, often):\n" in text
    text = written([verdict("branching", often=number) for number in (1, 2)])
    assert '@pytest.mark.parametrize("often", [1, 2])\nasync def test_branching(' in text
