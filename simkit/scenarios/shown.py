"""A run as people look at it: a small picture for a table, and the page of the call."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ..report import Outcome
from ..report.page import render_page
from ..report.strip import strip
from ..report.writing import write_whole

if TYPE_CHECKING:
    from .job import Job, Verdict

_NAME_LETTERS = 60


def shown(verdict: Verdict, outcome: Outcome, folder: Path) -> Verdict:
    """Write the page of a run into a folder, and return its verdict with what shows the call.

    It is without a page where that cannot be written.
    """
    broken = [one for check in outcome.checks if check.failed for one in check.violations]
    found = replace(verdict, strip=strip(outcome.timeline, broken))
    if not len(outcome.timeline):
        return found  # there was no call
    job, name = verdict.job, page_name(verdict.job)
    whose = "simkit's bridge" if job.app is None else job.app
    title = f"{' '.join([job.scenario, *job.assignments])}: {whose}"
    try:
        page = outcome.page(title, [f"again: {job.command()}"])
        write_whole(folder / name, render_page(page))
    except OSError:
        return found
    return replace(found, page=name)


def page_name(job: Job) -> str:
    """Return the name of the file with a job's page: no other job has it.

    >>> from .job import Job
    >>> page_name(Job("barge-in", {"lead": 60.0}))
    'barge-in-lead-60.0-....html'
    """
    told = re.sub("[^a-z0-9._]+", "-", " ".join((job.scenario, *job.assignments)).lower())
    return f"{told[:_NAME_LETTERS]}-{hashlib.sha256(job.key).hexdigest()[:8]}.html"
