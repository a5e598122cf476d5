"""Files of many kinds become recordings: recognised by what is in them, or told."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from . import seed_logs, twilio_log
from .format import RecordingError
from .import_log import Voice, import_log
from .report import ImportReport

Kind = Literal["event-log", "twilio-log"]
"""Transcripts and flushes as two articles print them; Twilio's messages, one a line."""
KINDS: tuple[Kind, ...] = get_args(Kind)

_LOOKED_AT = 64 * 1024


def import_file(
    path: Path, folder: Path, *, kind: Kind | None = None, speaker: Voice = "synthetic"
) -> ImportReport:
    """Make a recording of a file.

    Args:
        path: the file.
        folder: where the recording goes; must not exist.
        kind: what the file is; None: it is recognised.
        speaker: who speaks where a log tells words only.

    Raises:
        RecordingError: the file cannot be read, is of no known kind, or the folder exists.
        EspeakError: espeak-ng is not to be had.
    """
    if (kind or recognise(path)) == "twilio-log":
        return twilio_log.import_twilio_log(path, folder)
    report = ImportReport(str(folder), "event log")
    report.messages = import_log(path, folder, speaker=speaker)
    return report


def recognise(path: Path) -> Kind:
    """Tell what a file is by its beginning.

    Raises:
        RecordingError: it cannot be read, or is nothing that is known.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_LOOKED_AT).decode("utf-8", "replace")
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from None
    for line in text.splitlines():
        if twilio_log.looks_like(line):
            return "twilio-log"
        if seed_logs.looks_like(line):
            return "event-log"
    raise RecordingError(
        f"{path}: of no known kind; expected {' or '.join(KINDS)}, which --kind can tell"
    )
