"""``simkit report``: a page of what was kept, a recording or a run."""

from __future__ import annotations

import sys
from pathlib import Path

from ..recording import RecordingError, read
from ..recording.as_recorded import as_recorded, remarks
from ..report import Outcome, console
from ..wire.errors import explain
from .files import Files
from .main import Refusal
from .saved import read_run


def run_report(what: str, output: str, *, audio: str | None) -> None:
    """Write the page, and say where it is."""
    files = Files(html=output)
    files.check()
    with console(sys.stderr).status(f"reading {what}"):
        if Path(what).is_dir():
            files.write(*_recorded(what, audio))
        else:
            try:
                files.write(*read_run(what, audio))
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                raise Refusal(
                    f"{what}: not as --json printed it: {type(error).__name__}: {explain(error)}"
                ) from None
    console().print(output, soft_wrap=True)


def _recorded(folder: str, audio: str | None) -> tuple[Outcome, str, list[str]]:
    if audio is not None:
        raise Refusal(f"--audio {audio}: goes with a RUN only; a recording has its own sound")
    try:
        recording = read(folder, damaged=True)
        outcome = as_recorded(recording)
    except RecordingError as error:
        raise Refusal(str(error)) from None
    return (
        outcome,
        f"{recording.name}, as recorded",
        [
            "the call as it was recorded: no bridge was run",
            *remarks(recording),
        ],
    )
