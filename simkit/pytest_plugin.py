"""The pytest plugin: the ``sim`` fixture, and async tests on the virtual loop.

Any ``async def`` test or function-scoped async fixture that uses ``sim``, directly or through
another fixture, runs on the simulation's loop; everything else stays with whichever async plugin
is installed. In such tests ``snapshot`` (syrupy's) keeps one readable text file per assertion.

A test that uses ``sim`` and had calls is held to the promises of :mod:`simkit.checks`.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import TestCase

import pytest

from . import _hints, _judged_tests, _recorded_calls, _reported_tests, _scenario_items

if TYPE_CHECKING:
    from .recording import Replay
    from .simulation import Simulation

_SHOWN_LINES = 60
_MARKED = ("seed", "time_limit", "checks", "waives", "verify", "trail", "ids")
"""What the marker takes: two options of a test, and those of a simulation."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's options."""
    group = parser.getgroup("simkit")
    group.addoption(
        "--simkit-seed",
        type=int,
        default=0,
        metavar="N",
        help="seed of every simulation that a test does not seed itself (default 0)",
    )
    group.addoption(
        "--simkit-verify",
        action="store_true",
        help="run every test twice, in two processes; fail those that use sim and did not do the "
        "same, with the first thing that differs",
    )
    group.addoption(
        "--simkit-update",
        action="store_true",
        help="write the timelines beside the recordings of simkit_recordings anew",
    )
    _judged_tests.add_options(parser, group)
    _reported_tests.add_options(group)
    _scenario_items.add_options(parser, group)
    parser.addini("simkit_app", "bridge of recordings and scenarios, MODULE:ATTR")
    parser.addini("simkit_recordings", "folder in which each recording is a test")
    group.addoption("--simkit-trails", metavar="FOLDER", help=argparse.SUPPRESS)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and the snapshot fixture behind syrupy's own."""
    config.addinivalue_line(
        "markers",
        "simkit(seed=0, time_limit=86400.0, checks='fail', waives={check: reason}): how the test's "
        "`sim` fixture is made, and to which promises it is held",
    )
    config.addinivalue_line(
        "markers",
        "recording(path, app=None, legs=None, tolerance_ms=None): the call that the test's "
        "`replayed` fixture replays",
    )
    _recorded_calls.add_folder(config)
    _reported_tests.prepare(config)
    if config.option.simkit_verify:
        from . import _second_run

        _second_run.register(config)
    if config.pluginmanager.hasplugin("syrupy"):
        from . import _snapshots

        # Registered last, so that its `snapshot` comes after syrupy's and can ask for it.
        config.pluginmanager.register(_snapshots, "simkit-snapshots")


@pytest.fixture
def simkit_checks(request: pytest.FixtureRequest) -> str:
    """What a broken promise does to a test: ``fail``, ``report`` or ``off``.

    A folder's ``conftest.py`` may say something else for its tests.
    """
    return _judged_tests.mode_of(request.config)


@pytest.fixture
def sim(request: pytest.FixtureRequest, simkit_checks: str) -> Iterator[Simulation]:
    """A fresh simulation; closed after the test."""
    from .simulation import Simulation

    marker = request.node.get_closest_marker("simkit")
    options = _options(marker, request.node.nodeid)
    options.setdefault("seed", request.config.getoption("simkit_seed"))
    # Tests share the modules of the program under test, and what those know of earlier calls.
    options.setdefault("ids", request.node.nodeid)
    options.setdefault("trail", request.config.getoption("simkit_verify"))
    of_checks = ("checks", "waives")
    marked: dict[str, Any] = {key: options.pop(key) for key in of_checks if key in options}
    simulation = Simulation(**options)
    _judged_tests.prepare(request.node, simulation, simkit_checks, marked)
    yield simulation
    try:
        _report(request.node, simulation)
        _reported_tests.show(request.node, simulation)
    finally:
        simulation.close()


def _options(marker: pytest.Mark | None, where: str) -> dict[str, Any]:
    if marker is None:
        return {}
    wrong = [*map(repr, marker.args), *(key for key in marker.kwargs if key not in _MARKED)]
    if wrong:
        raise pytest.UsageError(
            f"{where}: marker simkit: expected {', '.join(f'{key}=...' for key in _MARKED)}; found "
            f"{wrong[0]}"
        )
    return dict(marker.kwargs)


@pytest.fixture
def replayed(request: pytest.FixtureRequest) -> Replay:
    """The call of the test's marker ``recording``, replayed."""
    result = _recorded_calls.replay_for(request)
    _reported_tests.note(request.node, result)
    return result


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Make a test of each recording in ``simkit_recordings``, and of scenarios asked for."""
    found = _recorded_calls.collect(file_path, parent)
    return found or _scenario_items.collect(file_path, parent)


def _report(item: pytest.Item, simulation: Simulation) -> None:
    """Put the end of the timeline under a failed test."""
    if not getattr(item, "_simkit_failed", False):
        return
    lines = str(simulation.timeline).splitlines()
    cut = [f"... {len(lines) - _SHOWN_LINES} lines before"] if len(lines) > _SHOWN_LINES else []
    item.add_report_section("teardown", "simkit timeline", "\n".join(cut + lines[-_SHOWN_LINES:]))


class SimFunction(pytest.Function):
    """An async test that runs on its simulation's loop."""

    def runtest(self) -> None:
        """Run the test on the virtual clock."""
        if self.cls is not None and issubclass(self.cls, TestCase):
            pytest.fail(
                "simkit: an async method of a unittest.TestCase cannot use sim: nobody would call "
                "its setUp. Write a class without TestCase, or a def that calls "
                "self.sim.run(scene)",
                pytrace=False,
            )
        arguments = {name: self.funcargs[name] for name in self._fixtureinfo.argnames}
        simulation: Any = self.funcargs["sim"]
        simulation.run(self.obj(**arguments))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: Any) -> Generator[None, None, None]:
    """Judge the promises when a test has gone to its end."""
    item._simkit_failed = True
    try:
        yield
    except pytest.skip.Exception:
        item._simkit_failed = False
        raise
    except (Exception, pytest.fail.Exception) as error:
        item._simkit_failure = f"{type(error).__name__}: {error}"
        if "sim" in getattr(item, "fixturenames", ()):
            _hints.add_hint(error)
        raise
    else:
        _judged_tests.judge(item)
        item._simkit_failed = False
    finally:
        _reported_tests.show_noted(item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Show what simkit refuses at the line of the test."""
    if call.excinfo is not None and not item.config.option.fulltrace:
        _hints.end_at_the_test(call.excinfo)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that passed and yet broke promises, and where pages are."""
    _judged_tests.summarise(terminalreporter)
    _reported_tests.summarise(terminalreporter)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Take the async tests that use ``sim``, whichever plugin claimed them first."""
    seen: set[tuple[Any, ...]] = set()
    kept: list[pytest.Item] = []
    for item in items:
        if not _is_async_sim_test(item):
            kept.append(item)
            continue
        assert isinstance(item, pytest.Function)
        if "anyio_backend" in item.fixturenames:
            # anyio's auto mode multiplies async tests by its backends; there is one loop here.
            params = dict(item.callspec.params) if hasattr(item, "callspec") else {}
            params.pop("anyio_backend", None)
            key = (item.parent, item.originalname, repr(params))
            if key in seen:
                continue
            seen.add(key)
        kept.append(_as_sim_function(item))
    items[:] = kept


def _is_async_sim_test(item: pytest.Item) -> bool:
    return (
        isinstance(item, pytest.Function)
        and "sim" in item.fixturenames
        and inspect.iscoroutinefunction(item.obj)
    )


def _as_sim_function(item: pytest.Function) -> SimFunction:
    name, callspec = item.name, getattr(item, "callspec", None)
    backend = callspec.params.get("anyio_backend") if callspec is not None else None
    if callspec is not None and backend in callspec._idlist:
        # On which backend is chance, and nothing runs on it: it is no part of the test's name.
        ids = list(callspec._idlist)
        ids.remove(backend)
        callspec = replace(callspec, _idlist=ids)
        name = f"{item.originalname}[{callspec.id}]" if ids else item.originalname
    taken: SimFunction = SimFunction.from_parent(
        item.parent,
        name=name,
        callspec=callspec,
        callobj=item.obj,
        fixtureinfo=item._fixtureinfo,
        keywords=item.keywords,
        originalname=item.originalname,
    )
    taken.own_markers[:] = [mark for mark in item.own_markers if mark.name != "asyncio"]
    return taken


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    """Run async fixtures of a simulated test on its loop."""
    function = fixturedef.func
    is_generator = inspect.isasyncgenfunction(function)
    if (
        not (is_generator or inspect.iscoroutinefunction(function))
        or fixturedef.scope != "function"
        or "sim" not in request.fixturenames
    ):
        return (yield)
    simulation = request.getfixturevalue("sim")
    make: Any = _synchronous_generator if is_generator else _synchronous
    fixturedef.func = make(function, simulation)  # type: ignore[misc]
    try:
        return (yield)
    finally:
        fixturedef.func = function  # type: ignore[misc]


def _synchronous(function: Callable[..., Any], simulation: Simulation) -> Callable[..., Any]:
    def fixture(*args: Any, **kwargs: Any) -> Any:
        return simulation.run(function(*args, **kwargs))

    return fixture


def _synchronous_generator(
    function: Callable[..., AsyncGenerator[Any, None]], simulation: Simulation
) -> Callable[..., Any]:
    def fixture(*args: Any, **kwargs: Any) -> Iterator[Any]:
        generator = function(*args, **kwargs)

        async def step() -> Any:
            return await anext(generator)

        yield simulation.run(step())
        try:
            simulation.run(step())
        except StopAsyncIteration:
            return
        raise ValueError(f"fixture {function.__name__} yields more than once")

    return fixture
