"""Sound files: FLAC and WAV by soundfile, read as int16 at 8 kHz."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from .mulaw import RATE, Samples

MAX_SECONDS = 4 * 3600
"""A longer file is refused: more likely damaged or hostile than a call."""


_CUT = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)
_UNKNOWN = 0xFFFFFFFF
"""The size in a WAV header by a writer that could not go back to fill it in."""


class AudioFileError(ValueError):
    """A sound file is missing, damaged or of another kind than expected."""


def read(path: Path) -> Samples:
    """Return the samples of a mono FLAC or WAV file at 8 kHz, shape ``(n,)``.

    Raises:
        AudioFileError: with the file, what was found and what was expected.
    """
    import soundfile  # 30 ms to load: only when sound is read

    try:
        with soundfile.SoundFile(path) as file:
            if file.samplerate != RATE or file.channels != 1:
                raise AudioFileError(
                    f"{path}: found {file.channels} channel(s) at {file.samplerate} Hz, expected "
                    f"1 channel at {RATE} Hz"
                )
            if file.frames > MAX_SECONDS * RATE:
                raise AudioFileError(
                    f"{path}: claims {file.frames / RATE:.0f} s, expected at most {MAX_SECONDS} s"
                )
            samples: Samples = file.read(dtype="int16")
            cut = _CUT.search(file.extra_info)
            if cut and int(cut[1]) != _UNKNOWN:
                raise AudioFileError(
                    f"{path}: was cut: found {cut[2]} bytes of sound, its header says {cut[1]}"
                )
    except soundfile.SoundFileError as error:
        raise AudioFileError(f"{path}: not a readable sound file ({error})") from None
    return samples


def write(path: Path, *channels: Samples) -> None:
    """Write 8 kHz samples as FLAC or WAV, by the ending of ``path``; channels of equal length.

    Raises:
        AudioFileError: no samples, for FLAC: its files hold at least one.
    """
    import soundfile

    if not len(channels[0]) and path.suffix.lower() == ".flac":
        raise AudioFileError(f"{path}: there is no sound to write")
    data = channels[0] if len(channels) == 1 else np.stack(channels, axis=1)
    soundfile.write(path, data, RATE, subtype="PCM_16")
