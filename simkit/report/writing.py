"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a text in UTF-8; what was there before stays until all of it is written.

    Raises:
        OSError: the place cannot be written to.
    """
    if "\0" in str(path):
        raise OSError(errno.EINVAL, "found a null byte in its name")
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "found a folder, expected a place for a file")
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
