"""``simkit recording``: looks at recordings, and finishes those that a crash left."""

from __future__ import annotations

from pathlib import Path

import click

from ..recording import Recording, RecordingError, read
from ..recording.listing import lines, summary
from ..recording.recorder import recover
from .main import Refusal


def run_check(folders: tuple[str, ...], *, finish: bool) -> None:
    """Read recordings whole, and say what each is."""
    for folder in folders:
        if finish:
            _recover(folder)
        for line in summary(Path(folder), _read(folder)):
            click.echo(line)


def run_show(folder: str) -> None:
    """Print every event of a recording."""
    for line in lines(_read(folder)):
        click.echo(line)


def _read(folder: str) -> Recording:
    try:
        return read(folder)
    except RecordingError as error:
        raise Refusal(str(error)) from None


def _recover(folder: str) -> None:
    try:
        cut = recover(folder)
    except RecordingError as error:
        raise Refusal(str(error)) from None
    if cut:
        click.echo(f"{folder}: the cut last line was removed: {cut!r}")
