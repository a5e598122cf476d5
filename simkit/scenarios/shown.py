"""A run as people look at it: a small picture for a table, and the page of the call."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ..report import Outcome
from ..report.strip import strip

if TYPE_CHECKING:
    from .job import Job, Verdict

_NAME_LETTERS = 60


def shown(verdict: Verdict, outcome: Outcome, folder: Path) -> Verdict:
    """Write the page of a run into a folder, and return its verdict with what shows the call."""
    broken = [one.at_ns for check in outcome.checks for one in check.violations if not check.passed]
    return replace(verdict, strip=strip(outcome.timeline, broken))


def page_name(job: Job) -> str:
    """Return the name of the file with a job's page: no other job has it.

    >>> from .job import Job
    >>> page_name(Job("barge-in", {"lead": 60.0}))
    'barge-in-lead-60.0-....html'
    """
    told = re.sub("[^a-z0-9._]+", "-", " ".join((job.scenario, *job.assignments)).lower())
    return f"{told[:_NAME_LETTERS]}-{hashlib.sha256(job.key).hexdigest()[:8]}.html"
