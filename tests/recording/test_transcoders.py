"""Transcoders: each can be begun anew a second earlier, and does what its bridge does."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from simkit.audio import mulaw
from simkit.recording import MediaFormat, transcoders
from simkit.recording.derived import Made

MULAW = MediaFormat("mulaw", 8000)
RATES = [8000, 11025, 16000, 22050, 24000, 44100, 48000]


class Bytes:
    """Audio in memory as a tape."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, start: int, size: int) -> bytes:
        return self._data[start : start + size]


def noise(format_: MediaFormat, seconds: float) -> bytes:
    draw = np.random.default_rng(1)
    samples = draw.integers(-9000, 9000, int(seconds * format_.rate), np.int16)
    return mulaw.encode(samples) if format_ == MULAW else samples.astype("<i2").tobytes()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("is_upwards", [True, False])
def test_what_is_made_in_blocks_is_what_is_made_at_once(rate, is_upwards):
    pcm = MediaFormat("pcm_s16le", rate)
    source, target = (MULAW, pcm) if is_upwards else (pcm, MULAW)
    data = noise(source, 15.3)
    found = transcoders.known(source, target)
    assert "simkit-1" in found
    for name, transcode in found.items():
        made, whole = Made(Bytes(data), source, target, name), transcode(data)
        assert made.read(0, len(whole) + 100) == whole, name
        for start in (0, 7 * rate - 5, len(whole) - 3, len(whole) + 10**6):
            assert made.read(start, 1000) == whole[start : start + 1000], name


def test_nothing_is_known_that_leads_elsewhere():
    assert transcoders.known(MediaFormat("mulaw", 16000), MediaFormat("pcm_s16le", 8000)) == {}
    assert list(transcoders.known(MULAW, MULAW)) == ["same"]


def frames(samples):
    return [samples[at : at + 160] for at in range(0, len(samples), 160)]


@pytest.mark.parametrize("times", [1, 2, 3, 6])
def test_those_of_others_do_what_others_do(times):
    data = noise(MULAW, 1.0)
    samples = mulaw.decode(data)
    found = transcoders.known(MULAW, MediaFormat("pcm_s16le", 8000 * times))
    by_frame = b"".join(
        np.interp(np.arange(times * 160) / times, np.arange(160), frame).astype("<i2").tobytes()
        for frame in frames(samples)
    )
    assert found["line-20ms-1"](data) == by_frame
    assert found["repeat-1"](data) == samples.repeat(times).astype("<i2").tobytes()


def test_a_line_is_what_the_standard_library_draws():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop = pytest.importorskip("audioop")
    data = noise(MULAW, 1.0)
    pcm = audioop.ulaw2lin(data, 2)
    assert pcm == transcoders.known(MULAW, MediaFormat("pcm_s16le", 8000))["simkit-1"](data)
    for rate in (16000, 24000):
        expected, state = b"", None
        for at in range(0, len(pcm), 320):
            made, state = audioop.ratecv(pcm[at : at + 320], 2, 1, 8000, rate, state)
            expected += made
        found = transcoders.known(MULAW, MediaFormat("pcm_s16le", rate))["line-1"](data)
        assert expected[-15_000:-10] in found


def test_pairs_become_one_sample():
    pcm = MediaFormat("pcm_s16le", 16000)
    data = noise(pcm, 1.0)
    pairs = np.frombuffer(data, "<i2").reshape(-1, 2)
    found = transcoders.known(pcm, MULAW)
    assert found["every-1"](data) == mulaw.encode(pairs[:, 0].astype(np.int16))
    assert found["mean-1"](data) == mulaw.encode(pairs.mean(axis=1).astype(np.int16))
