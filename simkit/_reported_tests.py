"""Pages of tests: ``pytest --simkit-report=FOLDER`` writes what was heard in those that failed."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .report import Outcome
    from .simulation import Simulation

SECTION = "simkit page"
_LETTERS = 100
_CUT_SHORT = "the test ended in the middle of a call: no promise was looked at"


def add_options(group: pytest.OptionGroup) -> None:
    """Add the options that say where pages go, and of which tests there are some."""
    group.addoption(
        "--simkit-report",
        metavar="FOLDER",
        help="write a page of each failed test's call into this folder: to see and to hear, in one "
        "file",
    )
    group.addoption(
        "--simkit-report-all",
        action="store_true",
        help="with --simkit-report: of tests that passed, too",
    )


def prepare(config: pytest.Config) -> None:
    """Make the folder.

    Raises:
        pytest.UsageError: it cannot be made, or nobody said where pages go.
    """
    folder = config.option.simkit_report
    if folder is None:
        if config.option.simkit_report_all:
            raise pytest.UsageError("--simkit-report-all: add --simkit-report=FOLDER")
        return
    try:
        _folder(config).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise pytest.UsageError(f"--simkit-report={folder}: cannot be made: {reason}") from None


def _folder(config: pytest.Config) -> Path:
    return config.invocation_params.dir / str(config.option.simkit_report)


def is_wanted(item: pytest.Item) -> bool:
    """Tell whether a test that has been run gets a page."""
    option = item.config.option
    if option.simkit_report is None or option.simkit_trails:  # the second run of --simkit-verify
        return False
    return option.simkit_report_all or bool(getattr(item, "_simkit_failed", True))


def note(item: pytest.Item, outcome: Outcome) -> None:
    """Keep what came of a test that has no simulation of its own, to be shown when it is over."""
    item._simkit_outcome = outcome  # type: ignore[attr-defined]


def show_noted(item: pytest.Item) -> None:
    """Write the page of what was kept of a test, if there is to be one."""
    outcome: Outcome | None = getattr(item, "_simkit_outcome", None)
    if outcome is not None and is_wanted(item):
        failure = getattr(item, "_simkit_failure", "")
        _write(item, "call", outcome, [f"the test failed: {failure}"] if failure else [])


def show(item: pytest.Item, simulation: Simulation) -> None:
    """Write the page of a test's simulation, if there is to be one."""
    if not is_wanted(item):
        return
    from ._outcomes import outcome_of

    timeline = simulation.timeline
    if not len(timeline) and not item._simkit_failed:  # type: ignore[attr-defined]
        return
    ended = timeline.of("ended")
    is_over = len(ended) == len(simulation.twilio.calls)
    outcome = outcome_of(
        simulation,
        timeline,
        simulation.checks.judge() if is_over else [],
        call_seconds=simulation.now,
        failure=getattr(item, "_simkit_failure", ""),
    )
    _write(item, "teardown", outcome, [] if is_over else [_CUT_SHORT])


def _write(item: pytest.Item, when: str, outcome: Outcome, remarks: list[str]) -> None:
    from .report.page import render_page
    from .report.writing import write_whole

    name = f"{file_name(item.nodeid)}.html"
    told = os.path.join(item.config.option.simkit_report, name)
    try:
        page = render_page(outcome.page(item.nodeid, remarks))
        write_whole(_folder(item.config) / name, page)
    except OSError as error:
        told += f": cannot be written: {error.strerror}"
    item.add_report_section(when, SECTION, told)


def file_name(nodeid: str) -> str:
    """Return a name for the file of a test: fit for every file system, and nobody else's.

    >>> file_name("tests/test_calls.py::test_it[a/b]")
    'test_calls-test_it-a-b-fc1ec8ce'
    """
    path, _, rest = nodeid.partition("::")
    stem = path.rpartition("/")[2].removesuffix(".py")
    plain = re.sub(r"[^A-Za-z0-9_]+", "-", f"{stem}-{rest}").strip("-")
    digest = hashlib.sha256(nodeid.encode("utf-8", "backslashreplace")).hexdigest()
    return f"{plain[:_LETTERS]}-{digest[:8]}"


def summarise(terminal: pytest.TerminalReporter) -> None:
    """Say where the pages are."""
    folder = terminal.config.option.simkit_report
    if folder is None:
        return
    pages = [
        text
        for kind in ("passed", "failed", "skipped", "error", "")
        for report in terminal.getreports(kind)
        for title, text in getattr(report, "sections", ())
        if SECTION in title
    ]
    if pages:
        terminal.section("simkit pages", sep="-", blue=True)
        count = len(set(pages))
        terminal.line(f"{count} {'page' if count == 1 else 'pages'} in {folder}")
