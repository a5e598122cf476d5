"""Sounds that Twilio plays besides speech: files that ``<Play>`` fetches, and key tones."""

from __future__ import annotations

import io

import numpy as np

from ..audio import RATE, Samples, mulaw
from ..audio.tones import key_tone

_TONE_S = 0.1
_GAP, _WAIT = 800, 4000
"""Samples of the silence after a tone, and of what ``w`` stands for."""

_MULAW_TYPES = ("audio/basic", "audio/x-mulaw", "audio/ulaw", "audio/mulaw")
_LONGEST_S = 3600


class SoundError(ValueError):
    """Something cannot be played; says what was found."""


def keys(digits: str) -> Samples:
    """Return the tones of keys at 8 kHz; ``w`` is half a second of silence.

    Raises:
        SoundError: no key.
    """
    parts: list[Samples] = []
    for digit in digits:
        if digit in "wW":
            parts.append(np.zeros(_WAIT, dtype=np.int16))
            continue
        try:
            tone = key_tone(digit, _TONE_S)
        except ValueError as error:
            raise SoundError(f"{error}; or w for half a second") from None
        parts += [tone, np.zeros(_GAP, dtype=np.int16)]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int16)


def read(data: bytes, media_type: str) -> Samples:
    """Return the samples at 8 kHz of a WAV file (PCM or mu-law) or of bare mu-law.

    Raises:
        SoundError: another kind of file, or a damaged one.
    """
    if media_type in _MULAW_TYPES and data[:4] != b"RIFF":
        return mulaw.decode(data)
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise SoundError(f"only WAV and mu-law are played, found {media_type or 'no type'}")
    import soundfile  # 30 ms to load: only when a file is played

    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate = file.samplerate
            if rate <= 0 or file.frames > _LONGEST_S * rate:
                raise SoundError(f"WAV of {file.frames} samples at {rate} Hz, over an hour")
            both = file.read(dtype="int16", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError, OSError, ValueError) as error:
        raise SoundError(f"damaged WAV: {error}") from None
    return _at_8k(np.ascontiguousarray(both[:, 0]), rate)


def _at_8k(samples: Samples, rate: int) -> Samples:
    """Average what falls into each sample of 8 kHz; a lower rate repeats samples."""
    length = len(samples) * RATE // rate
    if rate == RATE or not length:
        return samples[:length]
    first = np.arange(length, dtype=np.int64) * rate // RATE
    end = np.maximum(first + 1, np.arange(1, length + 1, dtype=np.int64) * rate // RATE)
    running = np.concatenate(((0,), np.cumsum(samples.astype(np.int64))))
    return ((running[end] - running[first]) // (end - first)).astype(np.int16)
