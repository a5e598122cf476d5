"""What a newcomer may have meant: notes below errors that Python and pytest word for others."""

from __future__ import annotations

import linecache
import re
from pathlib import Path
from types import TracebackType

import pytest

from .kernel import is_library

_SIMKIT = str(Path(__file__).parent)

_GENERATED = "<string>"
"""Where a dataclass's own __init__ stands."""

_HINTS = (
    (
        AttributeError,
        re.compile(r"'coroutine' object has no attribute"),
        "an await is missing, as in: call = await sim.twilio.call(to=...), in an async def test",
    ),
    (
        AssertionError,
        re.compile(r"Snapshot '.*' does not exist!"),
        "pytest --snapshot-update writes it; read it, then commit it",
    ),
)


def add_hint(error: BaseException) -> None:
    """Add a note to an error that newcomers meet."""
    for kind, pattern, hint in _HINTS:
        if isinstance(error, kind) and pattern.search(str(error)):
            error.add_note(f"simkit: {hint}")


def end_at_the_test(found: pytest.ExceptionInfo[BaseException]) -> None:
    """Take simkit's and other libraries' lines out of what simkit refuses on purpose.

    The line of the test is what there is to mend. An error of simkit's own keeps all its lines.
    """
    steps: list[TracebackType] = []
    step: TracebackType | None = found.tb
    while step is not None:
        steps.append(step)
        step = step.tb_next
    last = steps[-1].tb_frame.f_code.co_filename
    line = linecache.getline(last, steps[-1].tb_lineno).lstrip()
    if not line.startswith("raise ") or not last.startswith(_SIMKIT):
        return
    kept: TracebackType | None = None
    for step in reversed(steps):
        place = step.tb_frame.f_code.co_filename
        if not is_library(place) and place != _GENERATED:
            kept = TracebackType(kept, step.tb_frame, step.tb_lasti, step.tb_lineno)
    if kept is not None:
        found.traceback = type(found.traceback)(kept)
