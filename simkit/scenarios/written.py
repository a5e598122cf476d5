"""Scenarios written out as tests: their own steps, with their settings put in, for users to keep.

What a scenario's steps refer to in its module, constants and functions, is written out with them.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from .._served import takes_simulation
from ..network.serve import AppError, load
from ..world import BRIDGE_HOST
from .job import Verdict, gravest
from .registry import Scenario, find
from .sources import Source

_WIDTH = 99
_WRAPPED = "async def steps():\n"
"""What makes steps a piece of Python by themselves."""
_HEAD = '''\
"""Races that the bridge lost, each as a test; written by ``simkit conformance``."""
'''
_BRIDGE = '''\
@pytest.fixture
def bridge(sim, monkeypatch):
    """The bridge, which finds the simulated accounts in its environment."""
    for name, value in {accounts}.items():
        monkeypatch.setenv(name, value)
    # Imported anew: what one test's calls leave behind in its modules is not the next one's.
    for name in [name for name in sys.modules if f"{{name}}.".startswith("{package}.")]:
        monkeypatch.delitem(sys.modules, name)
    knows_own_line(sim)  # simkit's excuse; make your own known: sim.knows("sorry.wav", "sorry")
    {put_up}
'''
_OWN_BRIDGE = '''\
@pytest.fixture
def bridge(sim, request):
    """simkit's own bridge, with what a test asks for switched on."""
    knows_own_line(sim)
    sim.host("{host}").serve(own_bridge(**getattr(request, "param", {{}})))
'''


@dataclass
class _Page:
    """What a file consists of, each part once."""

    imports: set[tuple[str, str]] = field(default_factory=set)
    """Modules, and what is taken from them, as it is written; empty for the module itself."""
    definitions: dict[str, str] = field(default_factory=dict)
    """Source of constants and functions, by name; what they refer to comes first."""
    tests: list[str] = field(default_factory=list)


def written(verdicts: Sequence[Verdict]) -> str:
    """Return a file of tests, one for each scenario of which a variant failed.

    Each is red as long as the bridge does what was found, and green when it does not: the steps
    have to go to their end, and simkit's checks are judged after them.

    Raises:
        OSError: the source of a scenario is not there.
    """
    page = _Page()
    for name in dict.fromkeys(verdict.job.scenario for verdict in verdicts):
        scenario = find(name)
        lost = _alike(scenario, [one for one in verdicts if one.job.scenario == name])
        for number, (offered, those) in enumerate(lost, 1):
            _add(page, scenario, those, offered, number)
    fixture = _bridge(page, verdicts[0].job.app, verdicts[0].job.upstream)
    functions = [text for text in page.definitions.values() if _is_function(text)]
    constants = [text for text in page.definitions.values() if not _is_function(text)]
    parts = ["".join(constants)] if constants else []
    parts += [*functions, fixture, *page.tests]
    return f"{_HEAD}\n{_imports(page.imports)}\n" + "\n\n".join(parts)


def _bridge(page: _Page, app: str | None, upstream: str | None) -> str:
    page.imports.add(("pytest", ""))
    if app is None:
        page.imports.add(("simkit.scenarios", "knows_own_line"))
        page.imports.add(("simkit.recording.replay", "own_bridge"))
        return _OWN_BRIDGE.format(host=BRIDGE_HOST)
    page.imports |= {("sys", ""), ("simkit.recording", "ENVIRONMENT")}
    page.imports.add(("simkit.scenarios", "knows_own_line"))
    accounts = "ENVIRONMENT"
    if upstream is not None:
        page.imports.add(("simkit.scenarios.substitute", "ACCOUNTS"))
        accounts = "(ENVIRONMENT | ACCOUNTS)"
    package = re.split("[.:]", app)[0]
    put_up = f'sim.host("{BRIDGE_HOST}").serve("{app}")'
    with contextlib.suppress(AppError):  # then nothing of it ran, and serving it will say why
        if takes_simulation(load(app)):
            page.imports.add(("simkit.network.serve", "load"))
            put_up = f'load("{app}")(sim)'
    return _BRIDGE.format(put_up=put_up, accounts=accounts, package=package)


def _is_function(text: str) -> bool:
    return text.startswith(("def ", "async def ", "class ", "@"))


def _imports(wanted: set[tuple[str, str]]) -> str:
    modules: dict[str, list[str]] = {}
    for module, name in sorted(wanted):
        modules.setdefault(module, []).append(name)
    lines = []
    for module in sorted(modules, key=lambda name: (not _is_standard(name), name)):
        names = [name for name in modules[module] if name]
        lines.append(f"from {module} import {', '.join(names)}" if names else f"import {module}")
    standard = [line for line in lines if _is_standard(line.split()[1])]
    others = lines[len(standard) :]
    return "\n".join([*standard, *([""] if standard and others else []), *others]) + "\n"


def _is_standard(module: str) -> bool:
    return re.split("[. ]", module)[0] in sys.stdlib_module_names


def _alike(
    scenario: Scenario, lost: Sequence[Verdict]
) -> list[tuple[Mapping[str, Any], list[Verdict]]]:
    """Return the variants that were lost by how simkit's own bridge is configured for them."""
    if lost[0].job.app is not None:
        return [({}, list(lost))]
    kinds: dict[str, tuple[Mapping[str, Any], list[Verdict]]] = {}
    for one in lost:
        offered = scenario.offered(one.job.settings)
        kinds.setdefault(repr(offered), (offered, []))[1].append(one)
    return list(kinds.values())


def _add(
    page: _Page,
    scenario: Scenario,
    lost: Sequence[Verdict],
    offered: Mapping[str, Any],
    number: int,
) -> None:
    """Write a test of one scenario, its first or a further one, and what it needs."""
    module = inspect.getmodule(scenario.function)
    assert module is not None
    source = Source.of(module)
    settings = [
        {name: one.job.settings.get(name, p.default) for name, p in scenario.parameters.items()}
        for one in lost
    ]
    fixed = {
        name: value
        for name, value in settings[0].items()
        if all(repr(other[name]) == repr(value) for other in settings)
    }
    node = source.nodes[scenario.function.__name__]
    assert isinstance(node, ast.AsyncFunctionDef)
    steps = source.steps(node, fixed)
    used = {part.id for part in ast.walk(_tree(steps)) if isinstance(part, ast.Name)}
    told = [f"    {name} = {_said(value)}\n" for name, value in fixed.items() if name in used]
    varied = [name for name in settings[0] if name not in fixed]
    renamed = _define(page, source, _WRAPPED + steps)
    if lost[0].job.upstream is not None:
        page.imports.add(("simkit.scenarios.substitute", "Substitute"))
        service = _said(lost[0].job.upstream)
        told.insert(0, f"    sim = Substitute(sim, {service})  # its agent is sim.vapi's\n")
    head = _head(
        scenario, lost, [{name: one[name] for name in varied} for one in settings], offered
    )
    arguments = ", ".join(["sim", "bridge", *varied])
    name = "_".join(re.findall("[a-z0-9]+", scenario.name)) + (f"_{number}" if number > 1 else "")
    line = f"async def test_{name}({arguments}):\n"
    if len(line) > _WIDTH:
        line = f"async def test_{name}(\n    {arguments}\n):\n"
    space = " " if scenario.summary.startswith('"') else ""
    doc = f'    """{space}{scenario.summary}"""\n'
    page.tests.append(head + line + doc + _rename("".join([*told, steps]), renamed))


def _define(page: _Page, source: Source, text: str) -> dict[str, str]:
    """Write out what a text needs; returns names that are others there, since they were taken."""
    renamed: dict[str, str] = {}
    for home, name in dict.fromkeys(source.needed(text)):
        place = home.imported.get(name)
        if place is not None:
            page.imports.add(place)
            continue
        definition, fitting = home.definition(name), name
        for number in count(2):
            told = _rename(definition, renamed | {name: fitting})
            if page.definitions.get(fitting, told) == told:
                break
            fitting = f"{name}_{number}"  # another scenario's is called so
        renamed[name] = fitting
        page.definitions[fitting] = told
    return renamed


def _rename(text: str, names: Mapping[str, str]) -> str:
    for name, other in names.items():
        if name != other:
            text = re.sub(rf"(?<![\w.\"']){name}(?![\w\"'])", other, text)
    return text


def _head(
    scenario: Scenario,
    lost: Sequence[Verdict],
    varied: Sequence[dict[str, Any]],
    offered: Mapping[str, Any],
) -> str:
    """Return what stands above a test: what was found, how to see it, and its variants."""
    worst = gravest(lost)
    found = worst.sentence.partition("\n")[0]
    lines = [
        *textwrap.wrap(found, _WIDTH, initial_indent="# ", subsequent_indent="# "),
        f"# again: {worst.job.command()}",
    ]
    job = lost[0].job
    if job.seed or scenario.waives:
        reasons = "".join(f"        {_said(c)}: {_said(w)},\n" for c, w in scenario.waives.items())
        waives = f"    waives={{\n{reasons}    }},\n" if reasons else ""
        seed = f"    seed={job.seed},\n" if job.seed else ""
        lines.append(f"@pytest.mark.simkit(\n{seed}{waives})")
    if offered:
        own = ", ".join(f"{_said(name)}: {_said(value)}" for name, value in offered.items())
        lines.append(f'@pytest.mark.parametrize("bridge", [{{{own}}}], indirect=True, ids=["own"])')
    if varied[0]:
        lines += _variants(lost, varied)
    return "".join(f"{line}\n" for line in lines)


def _variants(lost: Sequence[Verdict], varied: Sequence[dict[str, Any]]) -> list[str]:
    """Return the decorator that runs a test once for each variant that was lost."""
    names = list(varied[0])
    if len(names) == 1:
        values = ", ".join(_said(one[names[0]]) for one in varied)
        line = f'@pytest.mark.parametrize("{names[0]}", [{values}])'
        if len(line) <= _WIDTH:
            return [line]
        values = "".join(f"        {_said(one[names[0]])},\n" for one in varied)
        return [f'@pytest.mark.parametrize(\n    "{names[0]}",\n    [\n{values}    ],\n)']
    rows = ""
    for verdict, settings in zip(lost, varied, strict=True):
        values = ", ".join(map(_said, settings.values()))
        told = [one for one in verdict.job.assignments if one.partition("=")[0] in names]
        which = _said(",".join(told) or "as by default")
        row = f"        pytest.param({values}, id={which}),\n"
        if len(row) > _WIDTH:
            inner = f"            {values},\n            id={which},\n"
            row = f"        pytest.param(\n{inner}        ),\n"
        rows += row
    head = ", ".join(map(_said, names))
    return [f"@pytest.mark.parametrize(\n    ({head}),\n    [\n{rows}    ],\n)"]


def _said(value: Any) -> str:
    """Return a value as Python says it, texts in double quotes."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _tree(steps: str) -> ast.Module:
    return ast.parse(_WRAPPED + steps)
