"""Transcoding bytes: the same bits as decoding, resampling and encoding one after the other."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.audio import mulaw
from simkit.audio.any_rate import AnyRate
from simkit.audio.resample import resampler
from simkit.audio.transcode import (
    Converter,
    MulawToPcm,
    PcmToMulaw,
    mulaw_to_pcm,
    pcm_to_mulaw,
)

LOUDEST = bytes([0x00, 0x80])
"""Lowest and highest sample: turn about they overshoot the range of 16 bits when interpolated."""


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def to_pcm(codes: bytes) -> bytes:
    return resampler(8000, 16000).process(mulaw.decode(codes)).astype("<i2").tobytes()


def to_mulaw(pcm: bytes) -> bytes:
    samples = np.frombuffer(pcm, dtype="<i2", count=len(pcm) // 2).astype(np.int16)
    return mulaw.encode(resampler(16000, 8000).process(samples))


def in_chunks(converter: Converter, data: bytes, sizes: list[int]) -> bytes:
    out, at = [], 0
    for size in [*sizes, len(data)]:
        out.append(converter.convert(data[at : at + size]))
        at += size
    return b"".join(out)


@given(sizes=st.lists(st.integers(0, 400), max_size=12), seed=st.integers(0, 3))
@settings(deadline=None, max_examples=50)
def test_any_chunking_of_mu_law_becomes_the_samples_of_the_filter(sizes, seed):
    codes = noise(2003, seed)
    assert in_chunks(MulawToPcm(), codes, sizes) == to_pcm(codes)


@given(sizes=st.lists(st.integers(0, 1500), max_size=12), seed=st.integers(0, 3))
@settings(deadline=None, max_examples=50)
def test_any_chunking_of_pcm_becomes_the_codes_of_the_filter_half_samples_too(sizes, seed):
    pcm = noise(8007, seed)
    assert in_chunks(PcmToMulaw(), pcm, sizes) == to_mulaw(pcm)


@pytest.mark.parametrize("size", [1599, 1600, 1601, 3200, 10_007])
def test_a_second_that_waited_is_converted_in_parts_as_one(size):
    assert MulawToPcm().convert(noise(size)) == to_pcm(noise(size))
    assert PcmToMulaw().convert(noise(4 * size)) == to_mulaw(noise(4 * size))


def test_what_overshoots_is_limited():
    codes = (LOUDEST[:1] * 40 + LOUDEST[1:] * 40) * 5
    pcm = MulawToPcm().convert(codes)
    assert pcm == to_pcm(codes)
    samples = np.frombuffer(pcm, dtype="<i2")
    assert samples.min() == -32768
    assert samples.max() == 32767
    assert PcmToMulaw().convert(pcm) == to_mulaw(pcm)


def test_nothing_becomes_nothing():
    assert MulawToPcm().convert(b"") == b""
    assert PcmToMulaw().convert(b"") == b""
    assert PcmToMulaw().convert(b"\1\2\3") == b""


RATES = st.sampled_from([8000, 11025, 16000, 22050, 24000, 44100, 44101, 48000])
PIECES = st.lists(st.integers(0, 700), max_size=8)


@given(rate=RATES, sizes=PIECES)
@settings(deadline=None, max_examples=40)
def test_mu_law_becomes_pcm_of_any_rate_however_it_is_cut(rate, sizes):
    codes = noise(1003)
    samples = mulaw.decode(codes)
    if rate == 16000:
        expected = to_pcm(codes)
    else:
        expected = (samples if rate == 8000 else AnyRate(8000, rate).process(samples)).tobytes()
    assert in_chunks(mulaw_to_pcm(rate), codes, [1, 1, *sizes]) == expected


@given(rate=RATES, sizes=PIECES)
@settings(deadline=None, max_examples=40)
def test_pcm_of_any_rate_becomes_mu_law_however_it_is_cut_in_the_middle_of_a_sample_too(
    rate, sizes
):
    pcm = noise(8007)
    samples = np.frombuffer(pcm[:-1], "<i2")
    if rate == 16000:
        expected = to_mulaw(pcm)
    else:
        samples = samples if rate == 8000 else AnyRate(rate, 8000).process(samples)
        expected = mulaw.encode(samples)
    assert in_chunks(pcm_to_mulaw(rate), pcm, [1, 1, 1, *sizes]) == expected


@pytest.mark.parametrize("make", [mulaw_to_pcm, pcm_to_mulaw])
def test_a_rate_out_of_range_is_refused(make):
    with pytest.raises(ValueError, match="8000 to 48000 Hz"):
        make(96_000)
