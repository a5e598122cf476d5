"""Sound files: FLAC and WAV by soundfile, read as int16 at 8 kHz."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path
from typing import Any

import numpy as np

from .mulaw import RATE, Samples

ENDINGS = (".wav", ".flac")
"""What :func:`write` makes."""

MAX_SECONDS = 4 * 3600
"""A longer file is refused: more likely damaged or hostile than a call."""

LOWEST_RATE, HIGHEST_RATE = 4_000, 192_000
"""Of sound that is converted, in Hz."""

_CUT = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)
_PIECE = 65_536
"""Samples that are held at once where a file is not wanted as a whole."""
_UNKNOWN = 0xFFFFFFFF
"""The size in a WAV header by a writer that could not go back to fill it in."""


class AudioFileError(ValueError):
    """A sound file is missing, damaged or of another kind than expected."""


def read(path: Path) -> Samples:
    """Return the samples of a mono FLAC or WAV file at 8 kHz, shape ``(n,)``.

    Raises:
        AudioFileError: with the file, what was found and what was expected.
    """
    with _opened(path) as file:
        if file.samplerate != RATE or file.channels != 1:
            raise AudioFileError(
                f"{path}: found {file.channels} channel(s) at {file.samplerate} Hz, expected "
                f"1 channel at {RATE} Hz"
            )
        samples: Samples = _all_of(file, path, "int16")
    return samples


def verify(path: Path, rate: int, *, whole: bool = True) -> tuple[int, int]:
    """Look whether a file is mono FLAC or WAV of a rate, and read it to its end, in pieces.

    Args:
        path: the file.
        rate: in Hz.
        whole: False: its beginning will do.

    Returns:
        Its length in samples, and how many bits each has.

    Raises:
        AudioFileError: it is damaged, not mono or of another rate; with what was found.
    """
    with _opened(path) as file:
        if file.samplerate != rate or file.channels != 1:
            raise AudioFileError(
                f"{path}: found {file.channels} channel(s) at {file.samplerate} Hz, expected "
                f"1 channel at {rate} Hz"
            )
        _check_length(file, path)
        count = file.frames
        if whole:
            count = sum(len(block) for block in file.blocks(_PIECE, dtype="int16"))
        if count != file.frames:
            raise AudioFileError(
                f"{path}: was cut: found {count} samples, its header says {file.frames}"
            )
        return count, 8 if file.subtype == "PCM_S8" else 16


def read_part(path: Path, start: int, count: int) -> Samples:
    """Return up to ``count`` samples of a mono file from ``start`` on, at its own rate.

    Raises:
        AudioFileError: it cannot be read.
    """
    with _opened(path) as file:
        file.seek(min(start, file.frames))
        samples: Samples = file.read(count, dtype="int16")
    return samples


def channels(path: Path) -> int:
    """Return how many channels a sound file has.

    Raises:
        AudioFileError: it cannot be read.
    """
    with _opened(path) as file:
        return int(file.channels)


def read_any(path: Path, *, channel: int | None = None) -> Samples:
    """Return the samples of a FLAC or WAV file of any rate, brought to 8 kHz, shape ``(n,)``.

    At 8 kHz the samples are those of the file. Other rates are converted by scipy, whose releases
    may differ in the last bit.

    Args:
        path: the file.
        channel: which one of several, from 0.

    Raises:
        AudioFileError: with the file, what was found and what was expected.
    """
    with _opened(path) as file:
        rate, channels = file.samplerate, file.channels
        if channel is None and channels > 1:
            raise AudioFileError(
                f"{path}: found {channels} channels, expected 1: say which one with channel=0 to "
                f"{channels - 1}"
            )
        if channel is not None and not 0 <= channel < channels:
            raise AudioFileError(
                f"{path}: found {channels} channel(s), expected one with the number {channel}"
            )
        if not LOWEST_RATE <= rate <= HIGHEST_RATE:
            raise AudioFileError(
                f"{path}: found {rate} Hz, expected {LOWEST_RATE} to {HIGHEST_RATE} Hz"
            )
        sound = _all_of(file, path, "int16" if rate == RATE else "float64")
    sound = sound if sound.ndim == 1 else sound[:, channel or 0]
    if rate == RATE:
        return np.ascontiguousarray(sound)
    try:
        return to_telephone(sound, rate)
    except AudioFileError as error:
        raise AudioFileError(f"{path}: {error}") from None


def read_clip(path: Path, limit: float) -> tuple[Samples, int]:
    """Return the samples of a short mono FLAC or WAV file as they are, and their rate in Hz.

    Args:
        path: the file.
        limit: the longest that is taken, in seconds.

    Raises:
        AudioFileError: with the file, what was found and what was expected.
    """
    with _opened(path) as file:
        seconds = file.frames / file.samplerate
        if file.channels != 1:
            raise AudioFileError(f"{path}: found {file.channels} channels, expected 1")
        if not 0 < seconds <= limit:
            raise AudioFileError(
                f"{path}: found {seconds:.3g} s of sound, expected more than 0 and at most "
                f"{limit:g} s"
            )
        samples: Samples = _all_of(file, path, "int16")
        return samples, file.samplerate


def to_telephone(sound: Any, rate: int) -> Samples:
    """Return sound of another rate (floats from -1 to 1, shape ``(n,)``) at 8 kHz.

    Raises:
        AudioFileError: scipy is not installed.
    """
    try:
        from scipy.signal import resample_poly
    except ImportError:
        raise AudioFileError(
            f"sound at {rate} Hz needs scipy to become {RATE} Hz: pip install 'simkit[voices]'"
        ) from None
    telephone = resample_poly(sound, RATE, rate)
    samples: Samples = np.clip(np.rint(telephone * 32767), -32768, 32767).astype(np.int16)
    return samples


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import soundfile  # 30 ms to load: only when sound is read

    if not os.path.lexists(path):
        raise AudioFileError(f"{path}: there is no such file")
    try:
        with soundfile.SoundFile(path) as file:
            yield file
    except soundfile.SoundFileError as error:
        raise AudioFileError(f"{path}: not a readable sound file ({error})") from None


def _all_of(file: Any, path: Path, dtype: str) -> Any:
    """Read a file to its end, which must be where its header says."""
    _check_length(file, path)
    sound = file.read(dtype=dtype)
    cut = _CUT.search(file.extra_info)
    if cut and int(cut[1]) != _UNKNOWN:
        raise AudioFileError(
            f"{path}: was cut: found {cut[2]} bytes of sound, its header says {cut[1]}"
        )
    return sound


def _check_length(file: Any, path: Path) -> None:
    if file.frames > MAX_SECONDS * file.samplerate:
        raise AudioFileError(
            f"{path}: claims {file.frames / file.samplerate:.0f} s, expected at most "
            f"{MAX_SECONDS} s"
        )


def write(path: Path, *channels: Samples) -> None:
    """Write 8 kHz samples as FLAC or WAV, by the ending of ``path``; channels of equal length.

    The file is there whole or not at all; one that was there before stays until it is.

    Raises:
        AudioFileError: another ending, a place that cannot be written, or no samples for FLAC,
            whose files hold at least one.
    """
    kind = path.suffix.lower()
    if kind not in ENDINGS:
        raise AudioFileError(
            f"{path}: found {path.suffix or 'no ending'}, expected {' or '.join(ENDINGS)}"
        )
    if not len(channels[0]) and kind == ".flac":
        raise AudioFileError(f"{path}: there is no sound to write")
    data = channels[0] if len(channels) == 1 else np.stack(channels, axis=1)
    write_blocks(path, [data], RATE)


def write_blocks(
    path: Path, blocks: Iterable[Samples], rate: int, *, bits: int = 16, level: float | None = None
) -> None:
    """Write blocks of samples, shape ``(n,)`` or ``(n, channels)``, one after the other.

    Args:
        path: the file.
        blocks: its samples.
        rate: in Hz.
        bits: of a sample; 8, in FLAC only: the upper half of each.
        level: of FLAC's compression, to 1 for the smallest file; None: as the library does.

    Raises:
        AudioFileError: as :func:`write`.
    """
    import soundfile

    part = path.with_name(f".{path.name}.part")
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "found a folder, expected a place for a file")
        blocks = iter(blocks)
        first = next(blocks, np.zeros(0, np.int16))
        channels = 1 if first.ndim == 1 else first.shape[1]
        kind = path.suffix[1:].upper()
        subtype = "PCM_16" if bits == 16 else "PCM_S8"
        with part.open("wb", buffering=0) as out:
            disk = _Disk(out)
            with (
                disk.faults_told(),
                soundfile.SoundFile(
                    disk, "w", rate, channels, subtype=subtype, format=kind, compression_level=level
                ) as sound,
            ):
                sound.write(first)
                for block in blocks:
                    sound.write(block)
        part.replace(path)
    except (OSError, soundfile.SoundFileError) as error:
        part.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or error
        raise AudioFileError(f"{path}: cannot be written: {reason}") from None
    except BaseException:
        part.unlink(missing_ok=True)
        raise


class _Disk:
    """A file to write to for a library in C, which no exception can go through."""

    def __init__(self, file: RawIOBase) -> None:
        self._file = file
        self._fault: OSError | None = None
        self.seek, self.tell = file.seek, file.tell

    def write(self, data: bytes) -> int:
        """Write, or remember why not all of it could be."""
        try:
            written = self._file.write(data) or 0
        except OSError as error:
            self._fault = self._fault or error
            return 0
        if written < len(data):
            self._fault = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return written

    @contextmanager
    def faults_told(self) -> Iterator[None]:
        """Raise what was remembered, in place of what the library says, if it says anything."""
        try:
            yield
        except AssertionError:
            if self._fault is None:
                raise
        if self._fault is not None:
            raise self._fault
