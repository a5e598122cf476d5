"""Checks: promises that must hold in every run, each with a name.

They read the timeline only. :func:`run` judges all of them; every world has a :class:`Checks`,
where one says which of them are of no account and how strict the others are.
"""

from .catalogue import ALL, run
from .check import Check, CheckResult, Limit, Violation
from .promises import CheckError, Checks, describe

__all__ = [
    "ALL",
    "Check",
    "CheckError",
    "CheckResult",
    "Checks",
    "Limit",
    "Violation",
    "describe",
    "run",
]
