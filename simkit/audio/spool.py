"""Long sound, that is not to fill the memory: most of it is kept on disk.

A :class:`Spool` grows at its end. :func:`silence` makes an array of a length that is known, whose
pages :func:`forget` lets go.
"""

from __future__ import annotations

import mmap
import tempfile
from typing import IO
from weakref import WeakSet

import numpy as np

from .mulaw import Samples

KEPT = 480_000
"""Bytes at the end that stay in memory, at least: of mu-law, a minute."""
_AHEAD = 65_536
"""Bytes that are read at once from the file."""
_LONG = 2**23
"""Bytes of an array that is kept on disk, at least: nine minutes."""
_ZEROS = bytes(2**20)

_mapped: WeakSet[mmap.mmap] = WeakSet()


def silence(count: int) -> Samples:
    """Return so many samples, all 0, to be written to; from nine minutes on they are on disk.

    Where the disk has no room for them they are in memory.
    """
    size = 2 * count
    if size < _LONG:
        return np.zeros(count, np.int16)
    try:
        with tempfile.TemporaryFile() as file:
            # Written, not only made so long: a page that finds no room later ends the process.
            for begin in range(0, size, len(_ZEROS)):
                file.write(_ZEROS[: size - begin])
            file.flush()
            memory = mmap.mmap(file.fileno(), size)
    except OSError:
        return np.zeros(count, np.int16)
    _mapped.add(memory)
    return np.ndarray(count, np.int16, memory)


def is_on_disk(samples: Samples) -> bool:
    """Tell whether an array is one that :func:`forget` lets go of."""
    return isinstance(samples.base, mmap.mmap)


def forget() -> None:
    """Let go of the pages of arrays on disk; whoever looks at them again reads them again."""
    if hasattr(mmap, "MADV_DONTNEED"):
        for memory in _mapped:
            memory.madvise(mmap.MADV_DONTNEED)


class Spool:
    """Bytes in a row, to be used as a ``bytearray`` is, by slices.

    Up to twice :data:`KEPT` of them, those at the end, are in memory, the rest in a file without a
    name. Where none can be written, everything stays in memory.

    >>> spool = Spool()
    >>> spool.extend(b"one two")
    >>> spool[3:9] = b" three"
    >>> len(spool), spool[4:99]
    (9, b'three')
    """

    __slots__ = ("_ahead", "_ahead_at", "_begin", "_file", "_limit", "_recent", "size")

    def __init__(self) -> None:
        self._recent = bytearray()
        self._begin = 0  # of what is in memory
        self.size = 0
        """How many bytes there are: what ``len`` says, sooner."""
        self._limit: float = 2 * KEPT
        self._file: IO[bytes] | None = None
        self._ahead, self._ahead_at = b"", 0

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()

    def __len__(self) -> int:
        return self.size

    def __bytes__(self) -> bytes:
        return self[:]

    def extend(self, data: bytes) -> None:
        """Append bytes."""
        self._recent += data
        self.size += len(data)
        if len(self._recent) > self._limit:
            self._put_away(len(self._recent) - KEPT)

    def __getitem__(self, place: slice) -> bytes:
        first, end, _ = place.indices(self.size)
        at = first - self._begin
        if at >= 0:
            return bytes(self._recent[at : max(0, end - self._begin)])
        older = self._older(first, min(end, self._begin))
        return older + bytes(self._recent[: max(0, end - self._begin)])

    def _older(self, first: int, end: int) -> bytes:
        """Return bytes that are in the file."""
        at = first - self._ahead_at
        if at < 0 or end > self._ahead_at + len(self._ahead):
            assert self._file is not None
            self._file.seek(first)
            size = min(max(end - first, _AHEAD), self._begin - first)
            self._ahead, self._ahead_at, at = self._file.read(size), first, 0
        return self._ahead[at : at + end - first]

    def __setitem__(self, place: slice, data: bytes) -> None:
        """Put bytes in the place of as many others."""
        first, _, _ = place.indices(self.size)
        if first < self._begin:
            assert self._file is not None
            older = data[: self._begin - first]
            self._file.seek(first)
            self._file.write(older)
            self._ahead = b""
            first, data = first + len(older), data[len(older) :]
        at = first - self._begin
        self._recent[at : at + len(data)] = data
        self.size = self._begin + len(self._recent)

    def __delitem__(self, place: slice) -> None:
        """Drop the end."""
        first, _, _ = place.indices(self.size)
        self.size = first
        self._begin = min(self._begin, first)
        self._ahead = b""
        del self._recent[first - self._begin :]

    def take(self, other: Spool) -> Part:
        """Append what another one holds; returns it as a part of this one."""
        begin = self.size
        for first in range(0, len(other), KEPT):
            self.extend(other[first : first + KEPT])
        return Part(self, begin, self.size)

    def _put_away(self, count: int) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
            self._file.seek(self._begin)
            if self._file.write(self._recent[:count]) < count:
                raise OSError("the disk is full")
        except OSError:
            self._limit = float("inf")
            return
        del self._recent[:count]
        self._begin += count
        forget()  # once a minute of sound is often enough


class Part(Spool):
    """Bytes of another one that do not change any more."""

    __slots__ = ("_first", "_of")

    def __init__(self, of: Spool, first: int, end: int) -> None:
        super().__init__()
        self._of, self._first, self.size = of, first, end - first

    def __getitem__(self, place: slice) -> bytes:
        first, end, _ = place.indices(self.size)
        return self._of[self._first + first : self._first + end]
