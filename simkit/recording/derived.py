"""Derived tapes: the sound of one way that another way makes, which is stored once therefore.

A bridge sends to Vapi what it makes of the caller's audio, and to Twilio what it makes of the
agent's. Where that is known to the byte, a file beside the sound says how (``to-vapi.json``). It
was compared when it was written; a hash tells on reading whether it still is what was captured.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from ..audio import AudioFileError
from . import transcoders
from .media import MediaFormat, SoundFile
from .tape import RAW, FlacTape, Tape, open_stored

ENDING = ".json"
MAX_PARTS = 100_000
MAX_BYTES = 8 * 1024 * 1024
"""Of the file that says how."""
_AT_ONCE = 256 * 1024

_Bytes = Annotated[int, Meta(ge=0, le=2**40)]


class Derived(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the audio of a way comes from that of another; ``to-vapi.json`` and such."""

    from_: SoundFile = msgspec.field(name="from")
    """The file of the other way; a stored one."""
    format: MediaFormat
    """Of that one."""
    by: transcoders.Name
    """What makes this way's audio of it."""
    size: _Bytes
    """Bytes of this way, as it was encoded on the wire."""
    parts: Annotated[list[tuple[_Bytes, _Bytes, _Bytes]], Meta(min_length=1, max_length=MAX_PARTS)]
    """First byte in this way, number of bytes, and first byte in what is made of the other way.
    What lies between parts is stored: in this way's sound file, one piece after the other."""
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    """Of this way's bytes."""

    def fault(self, width: int) -> str:
        """Return what is wrong with it that its types cannot say; empty when nothing is.

        Args:
            width: bytes of a sample of this way.
        """
        end = made_end = 0
        for index, (at, size, made_at) in enumerate(self.parts):
            if at < end or made_at < made_end or not size or (at | size) % width:
                return (
                    f"parts[{index}]: found {size} bytes at {at}, {made_at} in the other way; "
                    f"expected whole samples from {end} on, and from {made_end} on there"
                )
            end, made_end = at + size, made_at + size
        return "" if end <= self.size else f"size: found {self.size}, expected {end} at least"


class Made:
    """What a transcoder makes of a tape, read anywhere: made in blocks, the latest are kept.

    A block is made of its own seconds and the one before, on which its beginning depends.
    """

    _SECONDS = 7
    _KEPT = 8

    def __init__(
        self, source: Tape, source_format: MediaFormat, target: MediaFormat, by: transcoders.Name
    ) -> None:
        found = transcoders.known(source_format, target).get(by)
        if found is None:
            raise AudioFileError(
                f"by: {by} makes no {target.encoding} at {target.rate} Hz of "
                f"{source_format.encoding} at {source_format.rate} Hz"
            )
        self._source = source
        self._transcode = found
        self._second_in = source_format.rate * source_format.width
        self._second_out = target.rate * target.width
        self.most = (source.size // self._second_in + 1) * self._second_out
        """Bytes, of which the last second may be missing."""
        self._blocks: dict[int, bytes] = {}

    def read(self, start: int, size: int) -> bytes:
        """Return ``size`` bytes from ``start`` on; fewer where the source ends."""
        length = self._SECONDS * self._second_out
        first, last = start // length, (start + size - 1) // length
        data = b"".join(self._block(number) for number in range(first, last + 1))
        return data[start - first * length :][:size]

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            if len(self._blocks) >= self._KEPT:
                del self._blocks[next(iter(self._blocks))]
            before = min(number, 1)
            start = (number * self._SECONDS - before) * self._second_in
            data = self._source.read(start, (self._SECONDS + before) * self._second_in)
            self._blocks[number] = self._transcode(data)[before * self._second_out :]
        return self._blocks[number]


def open_tape(path: Path, format: MediaFormat) -> Tape:  # noqa: A002
    """Open ``path``, a FLAC file, or what a crash left in its place, or what it is derived from.

    Raises:
        AudioFileError: it is none of them, cannot be read, is of another rate, or not what was
            captured.
    """
    how = path.with_suffix(ENDING)
    if how.exists() and not path.with_suffix(RAW).exists():
        return DerivedTape(how, format)
    return open_stored(path, format)


class DerivedTape:
    """A way that is made of another one.

    Args:
        path: of the file that says how.
        format: of the way.

    Raises:
        AudioFileError: it is not readable, or not what was captured.
    """

    def __init__(self, path: Path, format: MediaFormat) -> None:  # noqa: A002
        how = _read(path)
        self.size = how.size
        """Bytes."""
        self._parts = how.parts
        self._starts = [at for at, _, _ in how.parts]
        self._derived = [0, *accumulate(size for _, size, _ in how.parts)]
        try:
            self._open(path, how, format)
        except AudioFileError as error:
            raise AudioFileError(f"{path}: {error}") from None

    def _open(self, path: Path, how: Derived, format: MediaFormat) -> None:  # noqa: A002
        fault = how.fault(format.width)
        if fault:
            raise AudioFileError(fault)
        source = open_stored(path.with_name(how.from_), how.format, whole=False)
        self._made = Made(source, how.format, format, how.by)
        end = sum(how.parts[-1][1:])
        if end > self._made.most:
            raise AudioFileError(f"parts: found bytes up to {end} of {self._made.most}")
        rest = how.size - self._derived[-1]
        self._stored: FlacTape | None = None
        if rest:
            stored = path.with_suffix(".flac")
            _check_plain(stored)
            self._stored = FlacTape(stored, format, whole=False)
            if not 0 <= self._stored.size - rest < format.width:
                raise AudioFileError(
                    f"size: {rest} bytes come from no other way, expected {self._stored.size}, "
                    f"which {stored.name} has"
                )
        if digest(self) != how.sha256:
            raise AudioFileError(
                f"sha256: what {how.by} makes of {how.from_} is not what was captured"
            )

    def read(self, start: int, size: int) -> bytes:
        """Return ``size`` bytes from ``start`` on."""
        pieces = []
        end = min(start + size, self.size)
        while start < end:
            index = bisect_right(self._starts, start) - 1
            at, length, made_at = self._parts[index] if index >= 0 else (0, 0, 0)
            if start < at + length:
                piece = self._made.read(made_at + start - at, min(end, at + length) - start)
            else:
                until = self._starts[index + 1] if index + 1 < len(self._starts) else self.size
                stored_at = start - self._derived[index + 1]
                piece = (
                    self._stored.read(stored_at, min(end, until) - start) if self._stored else b""
                )
            if not piece:
                break
            pieces.append(piece)
            start += len(piece)
        return b"".join(pieces)


def _read(path: Path) -> Derived:
    _check_plain(path)
    if path.stat().st_size > MAX_BYTES:
        raise AudioFileError(f"{path}: expected at most {MAX_BYTES:,} bytes")
    try:
        return msgspec.json.decode(path.read_bytes(), type=Derived)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AudioFileError(f"{path}: {error}") from None


def _check_plain(path: Path) -> None:
    if path.is_symlink() or not path.is_file():
        raise AudioFileError(f"{path}: expected a plain file")


def digest(tape: Tape) -> str:
    """Return the SHA-256 of all bytes of a tape."""
    total = hashlib.sha256()
    for at in range(0, tape.size, _AT_ONCE):
        total.update(tape.read(at, min(_AT_ONCE, tape.size - at)))
    return total.hexdigest()
