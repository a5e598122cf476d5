"""Checks: promises that must hold in every run, each with a name.

They read the timeline only. :func:`run` judges all of them; every world has a :class:`Checks`,
where one says which of them are of no account and how strict the others are.
"""

from .catalogue import ALL, run
from .check import NOT_JUDGED, Check, CheckResult, Limit, Sound, Violation, not_judged
from .promises import CheckError, Checks, describe

__all__ = [
    "ALL",
    "NOT_JUDGED",
    "Check",
    "CheckError",
    "CheckResult",
    "Checks",
    "Limit",
    "Sound",
    "Violation",
    "describe",
    "not_judged",
    "run",
]
