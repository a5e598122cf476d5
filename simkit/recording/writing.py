"""Writing a recording that is known as a whole."""

from __future__ import annotations

import os
from pathlib import Path

from ..audio import Samples, files
from .format import EVENTS_FILE, Header, RecordedEvent, line_of
from .report import draft_of


def write(
    folder: str | os.PathLike[str],
    header: Header,
    events: list[RecordedEvent],
    sounds: dict[str, Samples],
) -> None:
    """Write a recording: all of it, or nothing.

    Raises:
        RecordingError: the folder exists already, or cannot be written, or what was given would be
            refused when it is read.
    """
    with draft_of(Path(folder)) as draft:
        draft.mkdir()
        ordered = sorted(events, key=lambda event: event.t_ms)
        lines = [line_of(header), *(line_of(event) for event in ordered)]
        (draft / EVENTS_FILE).write_bytes(b"".join(lines))
        for name, samples in sounds.items():
            files.write(draft / name, samples)
