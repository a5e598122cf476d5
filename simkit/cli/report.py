"""``simkit report``: a page of what was kept, a recording or a run."""

from __future__ import annotations

import sys
from pathlib import Path

from ..recording import RecordingError, read
from ..recording.as_recorded import as_recorded, lacks, remarks
from ..recording.compared import shown
from ..report import console
from ..report.page import Page
from ..wire.errors import explain
from .files import Files
from .main import Refusal
from .saved import read_run


def run_report(what: str, output: str, *, audio: str | None) -> None:
    """Write the page, and say where it is."""
    files = Files(html=output, page_option="-o")
    files.check()
    with console(sys.stderr).status(f"reading {what}"):
        if Path(what).is_dir():
            files.write_page(_recorded(what, audio))
        else:
            try:
                files.write(*read_run(what, audio))
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                raise Refusal(
                    f"{what}: not as --json printed it: {type(error).__name__}: {explain(error)}"
                ) from None
    console().print(output, soft_wrap=True)


def _recorded(folder: str, audio: str | None) -> Page:
    if audio is not None:
        raise Refusal(f"--audio {audio}: goes with a RUN only; a recording has its own sound")
    try:
        recording = read(folder, damaged=True)
        outcome = as_recorded(recording)
    except RecordingError as error:
        raise Refusal(str(error)) from None
    missing = list(lacks(recording))
    told = [remark for remark in remarks(recording) if remark not in missing]
    page = outcome.page(f"{recording.name}, as recorded", told)
    happened = [] if len(outcome.timeline) else ["Nothing happened in it."]
    page.verdict = [
        *(f"This recording is {shown(lack)}." for lack in missing),
        *happened,
        "This is the call as it was recorded: no bridge was run, no promise was looked at.",
        *page.verdict[1:],
    ]
    return page
