"""What a newcomer may have meant: notes below errors that Python and pytest word for others."""

from __future__ import annotations

import re

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
