"""Tapes: the sound of one way on disk, raw while it is captured, FLAC afterwards.

While a call is captured its audio is appended as it is on the wire (``caller.raw``): nothing can be
half-written but the last frame. FLAC is made of it at the end, or when a crash is recovered from.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from ..audio import AudioFileError, Samples, files, mulaw
from .media import MediaFormat

RAW = ".raw"
_BLOCK = 65_536


class Tape(Protocol):
    """Audio of one way, as it was encoded on the wire."""

    size: int
    """Bytes."""

    def read(self, start: int, size: int) -> bytes:
        """Return ``size`` bytes from ``start`` on."""


def open_tape(path: Path, format: MediaFormat) -> Tape:  # noqa: A002
    """Open ``path``, a FLAC file, or what a crash left in its place.

    Raises:
        AudioFileError: it is neither, cannot be read, or is of another rate.
    """
    raw = path.with_suffix(RAW)
    for candidate in (path, raw):
        if candidate.is_symlink() or (candidate.exists() and not candidate.is_file()):
            raise AudioFileError(f"{candidate}: expected a plain file")
    if path.exists():
        return FlacTape(path, format)
    if raw.exists():
        return RawTape(raw)
    raise AudioFileError(f"{path}: No such file or directory")


class RawTape:
    """Bytes as they were captured."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = path.stat().st_size
        """Bytes."""

    def read(self, start: int, size: int) -> bytes:
        """Return ``size`` bytes from ``start`` on."""
        with self._path.open("rb") as file:
            file.seek(start)
            return file.read(size)


class FlacTape:
    """A FLAC file, put back into the encoding of the wire; read in blocks, never as a whole.

    Raises:
        AudioFileError: not readable to its end, not mono, or of another rate than was declared.
    """

    def __init__(self, path: Path, format: MediaFormat) -> None:  # noqa: A002
        self._path = path
        self._format = format
        self._block: Samples = np.zeros(0, np.int16)
        self._block_start = 0
        count = files.verify(path, format.rate)
        self.size = count * format.width
        """Bytes."""

    def read(self, start: int, size: int) -> bytes:
        """Return ``size`` bytes from ``start`` on."""
        width = self._format.width
        first, end = start // width, -(-(start + size) // width)
        data = self._samples(first, end - first)
        encoded = mulaw.encode(data) if width == 1 else data.astype("<i2").tobytes()
        skip = start - first * width
        return encoded[skip : skip + size]

    def _samples(self, first: int, count: int) -> Samples:
        at = first - self._block_start
        if at < 0 or at + count > len(self._block):
            self._block = files.read_part(self._path, first, max(count, _BLOCK))
            self._block_start, at = first, 0
        return self._block[at : at + count]


def finish(raw: Path, format: MediaFormat) -> Path | None:  # noqa: A002
    """Make the FLAC file of a raw one and remove that; None: it is empty, as no FLAC file can be.

    The odd byte of a sample that was cut at the very end is filled up with zero bits.

    Raises:
        AudioFileError: it cannot be written; the raw file stays.
    """
    path = raw.with_suffix(".flac")
    if raw.stat().st_size == 0:
        return None
    files.write_blocks(path, _decoded(raw, format), format.rate)
    os.unlink(raw)
    return path


def _decoded(raw: Path, format: MediaFormat) -> Iterator[Samples]:  # noqa: A002
    with raw.open("rb") as file:
        while data := file.read(_BLOCK):
            if format.width == 2:
                yield np.frombuffer(data + bytes(len(data) % 2), "<i2").astype(np.int16)
            else:
                yield mulaw.decode(data)
