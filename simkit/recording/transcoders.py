"""How bridges are known to make audio of one format out of another, by name.

A way of a call that another way makes to the byte need not be stored. Whoever changes what one of
these returns gives it another name: recordings made with it before would be refused otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from ..audio import mulaw
from ..audio.any_rate import HIGHEST_RATE, LOWEST_RATE
from ..audio.transcode import mulaw_to_pcm, pcm_to_mulaw
from .media import MediaFormat

Name = Literal["same", "simkit-1", "repeat-1", "line-1", "line-20ms-1", "every-1", "mean-1"]

Transcoder = Callable[[bytes], bytes]
"""Takes whole samples, and begins anew with each call. What it returns depends on less than the
last second; whole seconds become whole seconds."""

_FRAME = mulaw.RATE // 50


def known(source: MediaFormat, target: MediaFormat) -> dict[Name, Transcoder]:
    """Return what makes audio of one format out of another, by name."""
    if (source.encoding, source.rate) == (target.encoding, target.rate):
        return {"same": bytes}
    if source.encoding == "mulaw" and target.encoding == "pcm_s16le" and source.rate == mulaw.RATE:
        return _upwards(target.rate)
    if source.encoding == "pcm_s16le" and target.encoding == "mulaw" and target.rate == mulaw.RATE:
        return _downwards(source.rate)
    return {}


def _upwards(rate: int) -> dict[Name, Transcoder]:
    found: dict[Name, Transcoder] = {}
    if LOWEST_RATE <= rate <= HIGHEST_RATE:
        found["simkit-1"] = lambda data: mulaw_to_pcm(rate).convert(data)
    if rate % mulaw.RATE == 0:
        times = rate // mulaw.RATE
        found["repeat-1"] = lambda data: _pcm(np.repeat(mulaw.decode(data), times))
        found["line-1"] = lambda data: _line(data, times)
        found["line-20ms-1"] = lambda data: _line_by_frame(data, times)
    return found


def _downwards(rate: int) -> dict[Name, Transcoder]:
    found: dict[Name, Transcoder] = {}
    if LOWEST_RATE <= rate <= HIGHEST_RATE:
        found["simkit-1"] = lambda data: pcm_to_mulaw(rate).convert(data)
    if rate % mulaw.RATE == 0:
        times = rate // mulaw.RATE
        found["every-1"] = lambda data: mulaw.encode(_groups(data, times)[:, 0].copy())
        found["mean-1"] = lambda data: mulaw.encode(
            _groups(data, times).mean(axis=1).astype(np.int16)
        )
    return found


def _line(data: bytes, times: int) -> bytes:
    """Draw a line from each sample to the next, rounded down: ``audioop.ratecv`` of Python."""
    samples = mulaw.decode(data).astype(np.int32)
    before = np.concatenate((samples[:1], samples[:-1]))
    steps = np.arange(times)
    return _pcm((before[:, None] * (times - steps) + samples[:, None] * steps) // times)


def _line_by_frame(data: bytes, times: int) -> bytes:
    """Draw a line within each 20 ms, rounded towards zero: ``np.interp``, frame by frame."""
    samples = mulaw.decode(data + data[-1:] * (-len(data) % _FRAME)).astype(np.float64)
    frames = samples.reshape(-1, _FRAME)
    after = np.concatenate((frames[:, 1:], frames[:, -1:]), axis=1)
    place = np.arange(_FRAME * times) / times
    sample = place.astype(np.intp)
    lines = (after - frames)[:, sample] * (place - sample) + frames[:, sample]
    return _pcm(lines)[: len(data) * 2 * times]


def _groups(data: bytes, times: int) -> Any:
    """Return samples in rows of so many."""
    size = 2 * times
    return np.frombuffer(data[: len(data) // size * size], "<i2").reshape(-1, times)


def _pcm(samples: Any) -> bytes:
    return bytes(samples.astype("<i2").tobytes())
