"""``simkit import``: makes a recording of a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast

import click

from ..audio.espeak import EspeakError
from ..recording import RecordingError, read
from ..recording.import_log import Voice
from ..recording.imports import Kind, import_files
from ..recording.scrub import findings
from ..report import console
from .main import Refusal

_SHOWN = 5


def run_import(
    paths: tuple[str, ...], output: str, *, kind: str | None, voice: str, swapped: bool
) -> None:
    """Import, and say what was made and what could not be used."""
    try:
        with console(sys.stderr).status("importing"):
            report = import_files(
                [Path(path) for path in paths],
                Path(output),
                kind=cast("Kind | None", kind),
                speaker=cast("Voice", voice),
                swapped=swapped,
            )
    except (RecordingError, EspeakError) as error:
        raise Refusal(str(error)) from None
    log = paths[0]
    for note in report.notes:
        click.echo(f"simkit: {note}", err=True)
    for number, why in report.faults[:_SHOWN]:
        click.echo(f"simkit: {log}:{number}: not used: {why}", err=True)
    if report.unused_lines > _SHOWN:
        click.echo(f"simkit: {log}: {report.unused_lines} lines not used in all", err=True)
    personal = findings(read(output))
    if personal:
        kinds = ", ".join(f"{kind} x{count}" for kind, count in sorted(personal.items()))
        click.echo(f"simkit: {output} holds what looks personal or secret: {kinds}", err=True)
        click.echo(f"simkit: simkit scrub {output} -o FOLDER makes a copy without", err=True)
    frames = f" and {report.frames} frames of audio" if report.frames else ""
    click.echo(
        f"{output}: {report.messages} events{frames}; replay it with: simkit replay {output}"
    )
