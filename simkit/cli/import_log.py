"""``simkit import``: makes a recording of a log."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal, cast

import click

from ..audio.espeak import EspeakError
from ..recording import RecordingError, import_log
from ..report import console
from .main import Refusal


def run_import(log: str, output: str, *, voice: str) -> None:
    """Import, and say what was made."""
    speaker = cast(Literal["synthetic", "espeak"], voice)
    try:
        with console(sys.stderr).status("importing"):
            events = import_log(Path(log), Path(output), speaker=speaker)
    except (RecordingError, EspeakError) as error:
        raise Refusal(str(error)) from None
    click.echo(f"{output}: {events} events; replay it with: simkit replay {output}")
