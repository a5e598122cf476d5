"""The sound of a call: outlines that are drawn, and a file that is played."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..outcome import Sides
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

_ROOM = 720_000
"""Letters of base64 for each minute of a page of one panel: with all else it is below a megabyte.

As FLAC a call of a minute takes 480,000 of them, one without a pause 640,000, amid the noise of a
street 830,000, amid a hiss 960,000; as Vorbis of each of the levels below, amid either noise,
410,000, 290,000 and 210,000."""
_OF_A_PANEL = 110_000
"""Letters that the events and outlines of each further panel take, for each minute."""
_LEVELS = (0.5, 0.8, 1.0)
"""Of the loss of Vorbis, as soundfile counts it. Opus of these sizes takes three times the work,
and no more browsers play it."""
_LONG = 10 * 60 * RATE
"""Samples that are played as small as can be from the start: nothing else would fit."""
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


def sounds(calls: Sequence[Sides], panels: int = 1) -> list[Sound]:
    """Return the sounds of calls as files: lossless, unless that would be too large for one page.

    All of them are of one kind. What is too large even with the most loss is returned all the same:
    of many calls every one can be heard.

    Args:
        calls: both sides of each, at 8 kHz, as many samples of either.
        panels: how many calls the page shows at least; these may be some of them.
    """
    minutes = max((len(one.mouth) for one in calls), default=0) / RATE / 60
    panels = max(panels, len(calls))
    room = _ROOM * max(1.0, minutes) - _OF_A_PANEL * (panels - 1) * minutes
    room *= len(calls) / panels
    is_long = sum(len(one.mouth) for one in calls) > _LONG
    kinds = [("FLAC", "PCM_16", 1.0)] + [("OGG", "VORBIS", level) for level in _LEVELS]
    for kind, subtype, level in kinds[-1:] if is_long else kinds:
        files = [_encoded(one, kind, subtype, level) for one in calls]
        if sum(map(len, files)) <= room:
            break
    mime = f"audio/{kind.lower()}"
    return [
        Sound(start=one.starts_ns // 1000, mime=mime, data=file)
        for one, file in zip(calls, files, strict=True)
    ]


def _encoded(one: Sides, kind: str, subtype: str, level: float) -> str:
    """Return a call as a file in base64."""
    import soundfile  # 30 ms to load

    out = io.BytesIO()
    with soundfile.SoundFile(
        out, "w", RATE, 2, subtype=subtype, format=kind, compression_level=level
    ) as file:
        for at in range(0, len(one.mouth), _PIECE):
            part = slice(at, at + _PIECE)
            file.write(np.stack([one.mouth[part], one.ear[part]], axis=1))
    data = out.getvalue()
    return base64.b64encode(with_fixed_serial(data) if kind == "OGG" else data).decode()
