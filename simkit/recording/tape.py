"""Tapes: the sound of one way on disk, raw while it is captured, FLAC afterwards.

While a call is captured its audio is appended as it is on the wire (``caller.raw``): nothing can be
half-written but the last frame. FLAC is made of it at the end, or when a crash is recovered from.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np

from ..audio import AudioFileError, Samples, files, mulaw
from .media import MediaFormat

RAW = ".raw"
_BLOCK = 65_536
_CODE = bytes(code ^ (0x80 if code & 0x80 else 0xFF) for code in range(256))
"""The code of mu-law by its loudness, as a byte with a sign: 0xff is 0, 0x7f is -1."""
_LOUDNESS = bytes(_CODE.index(code) for code in range(256))


class Tape(Protocol):
    """Audio of one way, as it was encoded on the wire."""

    size: int
    """Bytes."""

    def read(self, start: int, size: int) -> bytes:
        """Return ``size`` bytes from ``start`` on."""


def open_stored(path: Path, format: MediaFormat, *, whole: bool = True) -> Tape:  # noqa: A002
    """Open ``path``, a FLAC file, or what a crash left in its place.

    Args:
        path: of the FLAC file.
        format: how its audio was encoded on the wire.
        whole: False: who opens it reads and checks all of it anyway.

    Raises:
        AudioFileError: it is neither, cannot be read, or is of another rate.
    """
    raw = path.with_suffix(RAW)
    for candidate in (path, raw):
        if candidate.is_symlink() or (candidate.exists() and not candidate.is_file()):
            raise AudioFileError(f"{candidate}: expected a plain file")
    if raw.exists():  # it goes when all else is there
        return RawTape(raw)
    if path.exists():
        return FlacTape(path, format, whole=whole)
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

    Of 8 bits, it holds the codes of mu-law by loudness; of 16, samples.

    Raises:
        AudioFileError: not readable to its end, not mono, or of another rate than was declared.
    """

    def __init__(self, path: Path, format: MediaFormat, *, whole: bool = True) -> None:  # noqa: A002
        self._path = path
        self._format = format
        self._block: Samples = np.zeros(0, np.int16)
        self._block_start = 0
        count, bits = files.verify(path, format.rate, whole=whole)
        self._is_codes = bits == 8 and format.encoding == "mulaw"
        self.size = count * format.width
        """Bytes."""

    def read(self, start: int, size: int) -> bytes:
        """Return ``size`` bytes from ``start`` on."""
        width = self._format.width
        first, end = start // width, -(-(start + size) // width)
        data = self._samples(first, end - first)
        if self._is_codes:
            encoded = (data >> 8).astype(np.int8).view(np.uint8).tobytes().translate(_CODE)
        else:
            encoded = mulaw.encode(data) if width == 1 else data.astype("<i2").tobytes()
        skip = start - first * width
        return encoded[skip : skip + size]

    def _samples(self, first: int, count: int) -> Samples:
        at = first - self._block_start
        if at < 0 or at + count > len(self._block):
            self._block = files.read_part(self._path, first, max(count, _BLOCK))
            self._block_start, at = first, 0
        return self._block[at : at + count]


def write(path: Path, pieces: Iterable[bytes], format: MediaFormat) -> None:  # noqa: A002
    """Write audio, as it was encoded on the wire, as a FLAC file; whole samples but at the end.

    The codes of mu-law are kept by their loudness: less to store than samples, and both codes of
    zero come back. The odd byte of a sample that was cut at the very end is filled up with zero
    bits.

    Raises:
        AudioFileError: it cannot be written.
    """
    if format.encoding == "mulaw":
        blocks = (np.frombuffer(data.translate(_LOUDNESS), np.int8) for data in pieces)
        shifted = (codes.astype(np.int16) << 8 for codes in blocks)
        files.write_blocks(path, shifted, format.rate, bits=8, level=1.0)
        return
    whole = (data + bytes(len(data) % 2) for data in pieces)
    samples = (np.frombuffer(data, "<i2").astype(np.int16) for data in whole)
    files.write_blocks(path, samples, format.rate, level=1.0)
