"""What an import made, and what it could not use."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .format import RecordingError
from .reading import read

_KEPT = 1000


@dataclass
class ImportReport:
    """What became of a file."""

    folder: str
    """The recording that was made."""
    kind: str
    """What the file was taken for."""
    messages: int = 0
    """That were taken over."""
    frames: int = 0
    """Of audio that were taken over."""
    faults: list[tuple[int, str]] = field(default_factory=list)
    """Lines that could not be used, with the reason; the first thousand."""
    unused_lines: int = 0
    notes: list[str] = field(default_factory=list)
    """What was found out on the way."""

    def unused(self, line: int, why: str) -> None:
        """Note a line that could not be used."""
        self.unused_lines += 1
        if len(self.faults) < _KEPT:
            self.faults.append((line, why))

    def first_fault(self) -> str:
        """Return what was wrong with the first line that could not be used, for an error."""
        if not self.faults:
            return ""
        number, why = self.faults[0]
        return f"; {self.unused_lines} lines could not be used; line {number}: {why}"


@contextmanager
def draft_of(folder: Path) -> Iterator[Path]:
    """Give a place to make a recording in; it becomes ``folder`` when all went well.

    Raises:
        RecordingError: ``folder`` exists, cannot be written, or what was made cannot be read.
    """
    if os.path.lexists(folder):
        raise RecordingError(f"{folder}: exists already; choose another name or remove it")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise RecordingError(f"{folder}: {error.strerror}") from None
    draft = place / folder.name
    try:
        yield draft
        read(draft)  # what is made can be read, or is not there
        draft.rename(folder)
    except (OSError, RuntimeError, ValueError) as error:
        # soundfile's errors are RuntimeErrors
        reason = getattr(error, "strerror", None) or str(error).replace(str(draft), str(folder))
        raise RecordingError(reason if str(folder) in reason else f"{folder}: {reason}") from None
    finally:
        shutil.rmtree(place, ignore_errors=True)
