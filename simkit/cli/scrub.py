"""``simkit scrub``: makes a copy of a recording without what is personal or secret."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..recording import RecordingError
from ..recording.scrub import scrub
from ..report import console
from .main import Refusal

_MOST_NAMES = 10_000


def run_scrub(
    folder: str,
    output: str,
    *,
    names: tuple[str, ...],
    names_from: str | None,
    text: bool,
    voices: bool,
) -> None:
    """Scrub, and say what was replaced."""
    wanted = [*names, *(_listed(Path(names_from)) if names_from else ())]
    try:
        with console(sys.stderr).status("scrubbing"):
            result = scrub(Path(folder), Path(output), names=wanted, text=text, voices=voices)
    except RecordingError as error:
        raise Refusal(str(error)) from None
    click.echo(f"{output}: replaced {result}")


def _listed(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise Refusal(f"--names-from {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Refusal(f"--names-from {path}: expected text in UTF-8: {error}") from None
    found = [line.strip() for line in lines if line.strip()]
    if len(found) > _MOST_NAMES:
        raise Refusal(f"--names-from {path}: found {len(found)} names, at most {_MOST_NAMES}")
    return found
