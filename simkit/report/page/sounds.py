"""The sound of a call: outlines that are drawn, and a file that is played."""

from __future__ import annotations

import base64
import io

import numpy as np
import numpy.typing as npt

from .model import Sound, Wave
from .ogg import with_fixed_serial

Samples = npt.NDArray[np.int16]

RATE = 8000
_SAMPLE_US = 1_000_000 // RATE
_BUCKET = 40
"""Samples that a pair of an outline is about, at least: 5 ms."""
_MOST_PAIRS = 240_000
"""Of an outline, 640 kB in a page of 12 MB: 5 ms each of twenty minutes, 15 ms of an hour; with
coarser ones a barge-in in an hour is a single lump."""
_FULL_SCALE = 32768 / 128

_LOSSLESS_PER_MINUTE = 540_000
"""Bytes of FLAC: with them a page of a minute stays below a megabyte. A call of a minute takes
360,000, one without a pause 480,000, amid the noise of a street 610,000, amid a hiss 710,000."""
_LONG = 10 * 60 * RATE
"""Samples of a call that is played as small as can be: with loss, and more of it."""
_PIECE = 65_536


def wave(samples: Samples, start: int) -> Wave:
    """Return the outline of samples at 8 kHz, shape ``(n,)``, which begin at ``start`` in µs."""
    bucket = max(_BUCKET, -(-len(samples) // _MOST_PAIRS))
    begins = np.arange(0, len(samples), bucket)
    edges = (np.minimum.reduceat(samples, begins), np.maximum.reduceat(samples, begins))
    pairs = np.trunc(np.stack(edges, axis=1) / _FULL_SCALE).astype(np.int8)
    return Wave(
        start=start, bucket=bucket * _SAMPLE_US, peaks=base64.b64encode(pairs.tobytes()).decode()
    )


def sound(mouth: Samples, ear: Samples, start: int) -> Sound:
    """Return both sides of a call as a file: lossless, unless that would be too large.

    Args:
        mouth: at 8 kHz, shape ``(n,)``.
        ear: as many.
        start: instant of their first sample, in µs.
    """
    minutes = max(1.0, len(mouth) / RATE / 60)
    is_long = len(mouth) > _LONG
    if not is_long:
        data = _encoded(mouth, ear, "FLAC", "PCM_16", 1.0)
        if len(data) <= _LOSSLESS_PER_MINUTE * minutes:
            return _sound(start, "audio/flac", data, lossless=True)
    # Opus of this size takes three times the work, and no more browsers play it.
    data = _encoded(mouth, ear, "OGG", "VORBIS", 1.0 if is_long else 0.5)
    return _sound(start, "audio/ogg", with_fixed_serial(data), lossless=False)


def _sound(start: int, mime: str, data: bytes, *, lossless: bool) -> Sound:
    text = base64.b64encode(data).decode()
    return Sound(start=start, mime=mime, data=text, lossless=lossless)


def _encoded(mouth: Samples, ear: Samples, kind: str, subtype: str, level: float) -> bytes:
    import soundfile  # 30 ms to load

    out = io.BytesIO()
    with soundfile.SoundFile(
        out, "w", RATE, 2, subtype=subtype, format=kind, compression_level=level
    ) as file:
        for at in range(0, len(mouth), _PIECE):
            file.write(np.stack([mouth[at : at + _PIECE], ear[at : at + _PIECE]], axis=1))
    return out.getvalue()
