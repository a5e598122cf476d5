"""Finishing: raw audio becomes FLAC, but for what another way makes to the byte.

What a transcoder makes of the other way is compared with what was captured, from the beginning on.
Where they part, because a bridge left something out or put something in, the next 20 ms are looked
for in what follows there; what is not found is stored.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from ..audio import AudioFileError
from . import tape, transcoders
from .derived import ENDING, MAX_PARTS, Derived, DerivedTape, Made, digest
from .media import MediaFormat
from .tape import RAW, RawTape

SOURCES = {"to-vapi": "caller", "agent": "from-vapi"}
"""What a bridge makes each way of."""

_NUMBERED = re.compile(r"(-\d+)?\.flac$")
_AT_ONCE = 32_768
_AHEAD_SECONDS = 20
"""How far the next sound is looked for."""
_PATIENCE = 50
"""Pieces of 20 ms that may be missed before more are found."""

_Part = tuple[int, int, int]


def finish(folder: Path, formats: dict[str, MediaFormat]) -> None:
    """Make FLAC files of the raw ones in a folder and remove those; empty ones stay.

    A crash at any instant leaves the raw file, or all that takes its place.

    Args:
        folder: of a recording.
        formats: of its files of frames, by name.

    Raises:
        AudioFileError: one cannot be written; its raw file stays.
    """
    # First what others make, as long as those are raw, which is read sooner.
    for name in sorted(formats, key=lambda name: _way(name) not in SOURCES):
        path = folder / name
        raw = path.with_suffix(RAW)
        if not raw.exists() or not raw.stat().st_size:
            continue
        if not _is_derived(path, formats):
            captured = RawTape(raw)
            tape.write(path, _pieces(captured, [(0, captured.size)]), formats[name])
            path.with_suffix(ENDING).unlink(missing_ok=True)  # what a crash left
        os.unlink(raw)


def _way(name: str) -> str:
    return _NUMBERED.sub("", name)


def _is_derived(path: Path, formats: dict[str, MediaFormat]) -> bool:
    """Say how a way comes from another one, where it does, and store the rest of it."""
    format_ = formats[path.name]
    captured = RawTape(path.with_suffix(RAW))
    best, how = 0, None
    for other, other_format in formats.items():
        if _way(other) != SOURCES.get(_way(path.name)):
            continue
        source = tape.open_stored(path.with_name(other), other_format, whole=False)
        for by in transcoders.known(other_format, format_):
            parts, found, missed = _parts(
                captured, Made(source, other_format, format_, by), format_
            )
            if found - missed > best:
                best, how = found - missed, (other, other_format, by, parts)
            if found and not missed:
                break
    return how is not None and _wrote(path, captured, how, format_)


def _wrote(
    path: Path,
    captured: RawTape,
    found: tuple[str, MediaFormat, transcoders.Name, list[_Part]],
    format: MediaFormat,  # noqa: A002
) -> bool:
    """Write how a way is derived; False, and nothing is left of it: it does not read as it was."""
    other, other_format, by, parts = found
    how = Derived(
        from_=other,
        format=other_format,
        by=by,
        size=captured.size,
        parts=parts,
        sha256=digest(captured),
    )
    rest = list(_between(parts, how.size))
    if rest:
        tape.write(path, _pieces(captured, rest), format)
    said = path.with_suffix(ENDING)
    draft = said.with_name(f".{said.name}.part")
    try:
        draft.write_bytes(msgspec.json.encode(how) + b"\n")
        draft.replace(said)
        DerivedTape(said, format)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise AudioFileError(f"{said}: cannot be written: {error.strerror}") from None
    except AudioFileError:
        said.unlink()
        return False
    return True


def _parts(
    captured: RawTape,
    made: Made,
    format: MediaFormat,  # noqa: A002
) -> tuple[list[_Part], int, int]:
    """Return which bytes are made of the other way, and how many bytes of sound are, or are not.

    It ends early where this leads to nothing.
    """
    piece = format.rate // 50 * format.width
    parts: list[_Part] = []
    at = made_at = missed = found = 0
    while at < captured.size and missed <= _PATIENCE * piece + found:
        data = captured.read(at, _AT_ONCE)
        alike = _alike(data, made.read(made_at, len(data))) // format.width * format.width
        if alike >= piece or alike == len(data):
            if parts and parts[-1][0] + parts[-1][1] == at and sum(parts[-1][1:]) == made_at:
                parts[-1] = (parts[-1][0], parts[-1][1] + alike, parts[-1][2])
            else:
                parts.append((at, alike, made_at))
            at, made_at, found = at + alike, made_at + alike, found + _sound(data[:alike])
            continue
        data = data[:piece]
        if len(data) == piece and _sound(data):  # silence is anywhere
            ahead = made.read(made_at, _AHEAD_SECONDS * format.rate * format.width).find(data)
            if ahead >= 0:
                made_at += ahead
                continue
            missed += piece
        at += len(data)
    return parts[:MAX_PARTS], found, missed


def _sound(data: bytes) -> int:
    """Return how many bytes differ from the one before: none in silence."""
    return int(np.count_nonzero(np.diff(np.frombuffer(data, np.uint8))))


def _alike(one: bytes, other: bytes) -> int:
    """Return how many bytes at the beginning are the same."""
    size = min(len(one), len(other))
    if one[:size] == other[:size]:
        return size
    differs = np.frombuffer(one, np.uint8, size) != np.frombuffer(other, np.uint8, size)
    return int(differs.argmax())


def _between(parts: list[_Part], size: int) -> Iterator[tuple[int, int]]:
    """Yield begin and end of what lies between parts."""
    end = 0
    for at, length, _ in [*parts, (size, 0, 0)]:
        if at > end:
            yield end, at
        end = at + length


def _pieces(captured: RawTape, stretches: list[tuple[int, int]]) -> Iterator[bytes]:
    for begin, end in stretches:
        for at in range(begin, end, _AT_ONCE):
            yield captured.read(at, min(_AT_ONCE, end - at))
