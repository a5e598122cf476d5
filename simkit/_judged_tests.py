"""The promises at the end of a test: a simulated test that breaks one has failed."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from .kernel import SimulationError

if TYPE_CHECKING:
    from .checks import CheckResult
    from .simulation import Simulation

MODES = ("fail", "report", "off")
SECTION = "simkit checks"


def add_options(parser: pytest.Parser, group: pytest.OptionGroup) -> None:
    """Add the option and the line of the ini file that say what broken promises do."""
    group.addoption(
        "--simkit-checks",
        choices=MODES,
        help="what a broken promise does to a test that uses sim: it fails the test (the default), "
        "is reported, or is not looked for",
    )
    parser.addini("simkit_checks", f"the same, for all runs: {', '.join(MODES)}", default="fail")


def mode_of(config: pytest.Config) -> str:
    """Return what broken promises do, where nothing nearer to the test says so.

    Raises:
        pytest.UsageError: the ini file says something else.
    """
    return _known(config.getoption("simkit_checks") or config.getini("simkit_checks"), "ini file")


def _known(mode: Any, where: str) -> str:
    if mode not in MODES:
        raise pytest.UsageError(
            f"simkit_checks, {where}: expected {', '.join(MODES)}; found {mode!r}"
        )
    return str(mode)


def prepare(item: Any, simulation: Simulation, mode: str, marked: dict[str, Any]) -> None:
    """Note what the test's marker says of checks: ``checks`` and ``waives``."""
    item._simkit_checks = _known(marked.pop("checks", mode), item.nodeid)
    for name, reason in marked.pop("waives", {}).items():
        simulation.checks.waive(name, reason=reason)


def judge(item: pytest.Item) -> None:
    """Judge the simulation of a test that went to its end; a broken promise fails it."""
    simulation: Simulation | None = getattr(item, "funcargs", {}).get("sim")
    mode = getattr(item, "_simkit_checks", "off")
    if simulation is None or mode == "off" or not simulation.twilio.calls:
        return
    with contextlib.suppress(SimulationError):  # the test has seen it, and expected it
        simulation.finish()
    broken = simulation.checks.broken()
    if not broken:
        return
    if mode == "fail":
        pytest.fail(_text(broken), pytrace=False)
    item.add_report_section("call", SECTION, _text(broken))


def _text(broken: list[CheckResult]) -> str:
    from .checks import describe

    name = broken[0].name
    what = "1 promise was" if len(broken) == 1 else f"{len(broken)} promises were"
    return (
        f"simkit: {what} broken\n\n{describe(broken)}\n\n"
        f'What is meant to be so is waived: sim.checks.waive("{name}", reason="...")'
    )


def summarise(terminal: pytest.TerminalReporter) -> None:
    """Name the tests that passed and yet broke promises."""
    told = [
        (report.nodeid, text)
        for report in terminal.getreports("passed")
        for title, text in report.sections
        if SECTION in title
    ]
    if not told:
        return
    terminal.section("simkit checks", sep="-", blue=True)
    for nodeid, text in told:
        terminal.line(nodeid)
        terminal.line("\n".join(f"    {line}".rstrip() for line in text.splitlines()[2:-2]))
