"""``simkit recording``: looks at recordings, finishes, cuts and merges them."""

from __future__ import annotations

from pathlib import Path

import click

from ..recording import Recording, RecordingError, read
from ..recording.cutting import cut
from ..recording.listing import lines, summary
from ..recording.merging import merge
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


_SHOWN = 5


def run_cut(folder: str, output: str, *, from_s: float, to_s: float | None) -> None:
    """Cut, and say what is left and what had to go."""
    try:
        report = cut(Path(folder), Path(output), from_s=from_s, to_s=to_s)
    except RecordingError as error:
        raise Refusal(str(error)) from None
    for line in report.left_out[:_SHOWN]:
        click.echo(f"simkit: left out: {line}", err=True)
    if len(report.left_out) > _SHOWN:
        click.echo(f"simkit: {len(report.left_out)} messages left out in all", err=True)
    click.echo(f"{output}: {report.duration_ms / 1000:.1f} s, {report.events} events")


def run_merge(first: str, second: str, output: str, *, offset_s: float | None) -> None:
    """Merge, and say how the two lie."""
    try:
        report = merge(Path(first), Path(second), Path(output), offset_s=offset_s)
    except RecordingError as error:
        raise Refusal(str(error)) from None
    doubled = f"; {report.doubled} messages and frames were in both" if report.doubled else ""
    click.echo(
        f"{output}: {report.events} events; {second} begins {report.offset_ms / 1000:.3f} s after "
        f"{first}: {report.by}{doubled}"
    )


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
