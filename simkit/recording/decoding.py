"""The lines of a recording: found, cut apart, decoded; an error names the file and the line."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import msgspec

from ..wire.errors import explain, shorten
from .format import EVENTS_FILE, MAX_EVENTS, MAX_EVENTS_BYTES, MAX_LINE, RecordingError

_SOUND = re.compile(r"(caller|agent|to-vapi|from-vapi)(-\d+)?\.(flac|raw|json)")
"""Names that files have beside the events."""


class NoRecordingError(RecordingError):
    """A folder has nothing to do with a call."""


def read_lines(folder: Path, lines: list[bytes]) -> str:
    """Append every line, as far as that goes; returns the beginning of an unfinished last one.

    Raises:
        NoRecordingError: there are none, and no sound of a call.
        RecordingError: there is no more to read than what was appended.
    """
    path = folder / EVENTS_FILE
    try:
        if not os.path.lexists(path):
            left = sorted(found.name for found in folder.iterdir() if _SOUND.fullmatch(found.name))
            told = f"{folder}: there is no {EVENTS_FILE} in it"
            if left:
                raise RecordingError(f"{told}, of a recording there is only {', '.join(left)}")
            inside = sorted(found.parent.name for found in folder.glob(f"*/{EVENTS_FILE}"))
            hint = f"; {len(inside)} folders in it are recordings, as {inside[0]}" if inside else ""
            raise NoRecordingError(f"{told}, so it is no recording{hint}")
        about = path.lstat()
        if not stat.S_ISREG(about.st_mode):
            raise RecordingError(f"{path}: expected a plain file")
        if about.st_size > MAX_EVENTS_BYTES:
            raise RecordingError(
                f"{path}: found {about.st_size:,} bytes, expected at most {MAX_EVENTS_BYTES:,}"
            )
        with path.open("rb") as file:
            while line := file.readline(MAX_LINE + 1):
                if len(line) > MAX_LINE:
                    raise RecordingError(
                        f"{path}:{len(lines) + 1}: a line of over {MAX_LINE:,} bytes"
                    )
                if len(lines) == MAX_EVENTS:
                    raise RecordingError(f"{path}: over {MAX_EVENTS:,} events")
                lines.append(line)
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from None
    if not lines:
        raise RecordingError(f"{path}:1: empty, expected the header")
    if lines[-1].endswith(b"\n") or len(lines) == 1:
        return ""
    return lines.pop()[:40].decode("utf-8", "replace")


def decode(decoder: msgspec.json.Decoder[Any], line: bytes, path: Path, number: int) -> Any:
    """Return what a line holds.

    Raises:
        RecordingError: something else than was expected.
    """
    try:
        return decoder.decode(line)
    except msgspec.ValidationError as error:
        try:
            found = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found = None  # damaged behind the first fault, too
        raise RecordingError(f"{path}:{number}: {explained(error, found)}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        shown = line[:40].decode("utf-8", "replace").strip()
        printable = "".join(letter if letter.isprintable() else "?" for letter in shown)
        raise RecordingError(
            f"{path}:{number}: expected one JSON object, found {printable!r} ({error})"
        ) from None


_PLACE = re.compile(r" - at (?:`key` in )?`\$([^`]*)`\Z")


def explained(error: msgspec.ValidationError, value: Any) -> str:
    """Put the field first, and last what was found in it, where the error does not say so."""
    text = explain(error)
    place = _PLACE.search(text)
    if place is None:
        return f"the object: {text}"
    what = text[: place.start()]
    for step in re.findall(r"[^.\[\]]+", place[1]):
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:  # a key of any name, which the error does not tell
            break
    found = ""
    if what.startswith("Expected") and ", got" not in what and not isinstance(value, dict | list):
        found = f", found {shorten(json.dumps(value))}"
    return f"{place[1].lstrip('.') or 'the object'}: {what}{found}"
