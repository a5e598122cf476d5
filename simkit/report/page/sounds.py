"""The sound of a call: outlines that are drawn, and a file that is played."""

from __future__ import annotations

import base64
import io

import numpy as np
import numpy.typing as npt

from .model import Sound, Wave

Samples = npt.NDArray[np.int16]

RATE = 8000
_SAMPLE_US = 1_000_000 // RATE
_BUCKET = 40
"""Samples that a pair of an outline is about, at least: 5 ms."""
_MOST_PAIRS = 24_000
"""Of an outline: more would not fit beside the sound of an hour."""


def wave(samples: Samples, start: int) -> Wave:
    """Return the outline of samples at 8 kHz, shape ``(n,)``, which begin at ``start``."""
    bucket = max(_BUCKET, -(-len(samples) // _MOST_PAIRS))
    whole = np.zeros(-(-len(samples) // bucket) * bucket, np.int16)
    whole[: len(samples)] = samples
    rows = (whole >> 8).astype(np.int8).reshape(-1, bucket)
    pairs = np.stack([rows.min(axis=1), rows.max(axis=1)], axis=1) if len(rows) else rows
    return Wave(
        start=start,
        bucket=bucket * _SAMPLE_US,
        peaks=base64.b64encode(pairs.tobytes()).decode(),
    )


def sound(mouth: Samples, ear: Samples, start: int) -> Sound | None:
    """Return both sides of a call as a file; None when there is nothing in it."""
    if not len(mouth):
        return None
    import soundfile  # 30 ms to load

    out = io.BytesIO()
    data = np.stack([mouth, ear], axis=1)
    soundfile.write(out, data, RATE, format="FLAC", subtype="PCM_16", compression_level=1.0)
    return Sound(
        start=start,
        mime="audio/flac",
        data=base64.b64encode(out.getvalue()).decode(),
        lossless=True,
    )
