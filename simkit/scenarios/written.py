"""Scenarios written out as tests: their own steps, with their settings put in, for users to keep.

What a scenario's steps refer to in its module, constants and functions, is written out with them.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import keyword
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any

from .._served import takes_simulation
from ..network.serve import AppError, load
from ..world import BRIDGE_HOST
from .job import Job, Verdict
from .registry import Scenario, find

_WIDTH = 96
_HEAD = '''\
"""Races that the bridge lost, each as a test; written by ``simkit conformance``."""

from __future__ import annotations
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
    names: set[str] = field(default_factory=set)
    """Of tests."""


def written(verdicts: Sequence[Verdict]) -> str:
    """Return a file of tests, one for each verdict that failed.

    Each is red as long as the bridge does what was found, and green when it does not: the steps
    have to go to their end, and simkit's checks are judged after them.

    Raises:
        OSError: the source of a scenario is not there.
    """
    page = _Page()
    for verdict in verdicts:
        _add(page, verdict)
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


def _add(page: _Page, verdict: Verdict) -> None:
    job = verdict.job
    scenario = find(job.scenario)
    module = inspect.getmodule(scenario.function)
    assert module is not None
    source = _Source.of(module)
    node = source.nodes[scenario.function.__name__]
    assert isinstance(node, ast.AsyncFunctionDef)
    renamed: dict[str, str] = {}
    for home, name in dict.fromkeys(source.needed(node)):
        place = home.imported.get(name)
        if place is not None:
            page.imports.add(place)
            continue
        text, fitting = home.definition(name), name
        while page.definitions.get(fitting, "") not in (
            "",
            _rename(text, renamed | {name: fitting}),
        ):
            fitting += "_2"  # another scenario's is called so
        renamed[name] = fitting
        page.definitions[fitting] = _rename(text, renamed)
    page.tests.append(_rename(_test(page, verdict, scenario, source, node), renamed))


def _rename(text: str, names: Mapping[str, str]) -> str:
    for name, other in names.items():
        if name != other:
            text = re.sub(rf"(?<![\w.\"']){name}(?![\w\"'])", other, text)
    return text


def _test(
    page: _Page, verdict: Verdict, scenario: Scenario, source: _Source, node: ast.AsyncFunctionDef
) -> str:
    job = verdict.job
    found = f"{job.command()} found: {verdict.sentence.partition(chr(10))[0]}"
    lines = textwrap.wrap(found, _WIDTH, initial_indent="# ", subsequent_indent="# ")
    marked = [f"seed={job.seed}"] if job.seed else []
    if scenario.waives:
        reasons = [f"        {check!r}: {why!r},\n" for check, why in scenario.waives.items()]
        marked.append("waives={\n" + "".join(reasons) + "    }")
    if marked:
        lines.append(f"@pytest.mark.simkit({', '.join(marked)})")
    offered = scenario.offered(job.settings)
    if job.app is None and offered:
        own = ", ".join(f"{name!r}: {value!r}" for name, value in offered.items())
        lines.append(f'@pytest.mark.parametrize("bridge", [{{{own}}}], indirect=True)')
    lines.append(f"async def {_name(page, job)}(sim, bridge):")
    steps = source.steps(node)
    lines.append(steps.doc)
    if job.upstream is not None:
        page.imports.add(("simkit.scenarios.substitute", "Substitute"))
        lines.append(f"    sim = Substitute(sim, {job.upstream!r})  # its agent is sim.vapi's")
    for name, parameter in scenario.parameters.items():
        lines.append(f"    {name} = {job.settings.get(name, parameter.default)!r}")
    return "\n".join([*lines, steps.text]) + "\n"


def _name(page: _Page, job: Job) -> str:
    words = re.findall(r"[a-z0-9]+", " ".join([job.scenario, *job.assignments]).lower())
    name = "test_" + "_".join(words)
    while name in page.names or keyword.iskeyword(name):
        name += "_again"
    page.names.add(name)
    return name


@dataclass(frozen=True)
class _Steps:
    doc: str
    """The docstring, as it stands there."""
    text: str
    """What is done, as it stands there, without what is returned at the end."""


@dataclass(frozen=True, eq=False)
class _Source:
    """A module's source, and where each of its names comes from."""

    lines: list[str]
    nodes: dict[str, ast.stmt]
    """What the module defines."""
    ends: dict[str, int]
    """Last line of each, with the string under it that describes it."""
    imported: dict[str, tuple[str, str]]
    """Module and name of what it imports, as an import says it."""
    neighbours: dict[str, str]
    """Modules of scenarios, by the names that are imported from them."""

    @staticmethod
    @cache
    def of(module: ModuleType) -> _Source:
        """Read a module.

        Raises:
            OSError: its source is not there.
        """
        text = inspect.getsource(module)
        nodes: dict[str, ast.stmt] = {}
        ends: dict[str, int] = {}
        imported: dict[str, tuple[str, str]] = {}
        neighbours: dict[str, str] = {}
        before: list[str] = []
        for node in ast.parse(text).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                for name, place in _imported(node, module.__package__ or ""):
                    if place[0].startswith(f"{__package__}."):
                        neighbours[name] = place[0]
                    else:
                        imported[name] = place
            names = list(_defined(node))
            for name in names or (before if _is_string(node) else ()):
                nodes.setdefault(name, node)
                ends[name] = node.end_lineno or node.lineno
            before = names
        return _Source(text.splitlines(), nodes, ends, imported, neighbours)

    def needed(self, node: ast.AST) -> Iterator[tuple[_Source, str]]:
        """Yield the names that a definition refers to, and whose: each after those it needs."""
        for name in dict.fromkeys(_names(node)):
            home = self
            if name in self.neighbours:
                home = _Source.of(importlib.import_module(self.neighbours[name]))
            if name in home.nodes and home.nodes[name] is not node:
                yield from home.needed(home.nodes[name])
                yield home, name
            elif name in home.imported:
                yield home, name

    def definition(self, name: str) -> str:
        """Return the source of a name's definition, without decorators of ours."""
        return "\n".join(self.lines[self.nodes[name].lineno - 1 : self.ends[name]]) + "\n"

    def steps(self, node: ast.AsyncFunctionDef) -> _Steps:
        """Return what a function does."""
        doc, *body = node.body
        last = node.end_lineno
        awaited: list[str] = []
        if isinstance(body[-1], ast.Return):
            last = body[-1].lineno - 1
            awaited = [
                f"    {ast.unparse(part)}"
                for part in ast.walk(body[-1])
                if isinstance(part, ast.Await)
            ]
        return _Steps(
            "\n".join(self.lines[doc.lineno - 1 : doc.end_lineno]),
            "\n".join([*self.lines[doc.end_lineno : last], *awaited]),
        )


def _imported(
    node: ast.Import | ast.ImportFrom, package: str
) -> Iterator[tuple[str, tuple[str, str]]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.asname or alias.name, (_said(alias), "")
        return
    parts = package.split(".")
    above = parts[: len(parts) - node.level + 1] if node.level else []
    home = ".".join([*above, *([node.module] if node.module else [])])
    from . import __all__ as public

    for alias in node.names:
        is_public = home.startswith(f"{__package__}.") and alias.name in public
        yield alias.asname or alias.name, (str(__package__) if is_public else home, _said(alias))


def _said(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            yield from (part.id for part in ast.walk(target) if isinstance(part, ast.Name))


def _is_string(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _names(node: Any) -> Iterator[str]:
    """Yield every name; of a scenario, its header apart."""
    parts = node.body if _is_scenario(node) else [node]
    for part in parts:
        yield from (inner.id for inner in ast.walk(part) if isinstance(inner, ast.Name))


def _is_scenario(node: ast.AST) -> bool:
    return isinstance(node, ast.AsyncFunctionDef) and any(
        isinstance(part, ast.Call) and getattr(part.func, "id", "") == "scenario"
        for part in node.decorator_list
    )
