"""Writing a recording that is known as a whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from ..audio import Samples, files
from .format import EVENTS_FILE, Header, RecordedEvent, RecordingError, line_of
from .reading import read


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
    path = Path(folder)
    if os.path.lexists(path):
        raise RecordingError(f"{path}: exists already; choose another name or remove it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from None
    try:
        ordered = sorted(events, key=lambda event: event.t_ms)
        lines = [line_of(header), *(line_of(event) for event in ordered)]
        (draft / EVENTS_FILE).write_bytes(b"".join(lines))
        for name, samples in sounds.items():
            files.write(draft / name, samples)
        read(draft)  # what is written can be read again, or is not written
        draft.chmod(0o755)
        draft.rename(path)
    except (OSError, RuntimeError, ValueError) as error:
        # soundfile's errors are RuntimeErrors
        shutil.rmtree(draft, ignore_errors=True)
        reason = getattr(error, "strerror", None) or str(error).replace(str(draft), str(path))
        raise RecordingError(reason if str(path) in reason else f"{path}: {reason}") from None
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
