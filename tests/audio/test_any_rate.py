"""Any rate: the filter itself, exactly, and what it does to sound."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from math import gcd

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.audio.any_rate import _ONE, AnyRate, _filter, _tables

RATES = (8001, 11025, 12345, 16000, 22050, 24000, 44100, 47999, 48000)
DELAY = 0.0015


def noise(size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-32768, 32768, size).astype(np.int16)


def tone(frequency: float, rate: int, size: int) -> np.ndarray:
    return 12_000 * np.sin(2 * np.pi * frequency * np.arange(size) / rate)


def one_by_one(samples: np.ndarray, from_rate: int, to_rate: int) -> list[int]:
    """Compute each output from its instant, in whole numbers."""
    _, _, coefficients, _ = _tables(from_rate, to_rate)
    outputs, width = coefficients.shape
    x = [0] * (width - 1) + samples.tolist()
    out = []
    while (last := len(out) * from_rate // to_rate) < len(samples):
        row = coefficients[len(out) % outputs].astype(int).tolist()
        total = sum(a * b for a, b in zip(row, x[last : last + width], strict=True))
        out.append(max(-32768, min(32767, round(Fraction(total, _ONE)))))
    return out


@pytest.mark.parametrize("other", RATES)
@pytest.mark.parametrize("up", [True, False])
def test_the_output_is_the_filter_to_the_bit_by_matrix_and_singly(other, up):
    rates = (8000, other) if up else (other, 8000)
    samples = noise(700)
    assert AnyRate(*rates).process(samples).tolist() == one_by_one(samples, *rates)


@given(
    other=st.sampled_from(RATES),
    up=st.booleans(),
    sizes=st.lists(st.integers(0, 700), max_size=8),
    seed=st.integers(0, 3),
)
@settings(deadline=None, max_examples=60)
def test_any_chunking_gives_the_same_samples(other, up, sizes, seed):
    rates = (8000, other) if up else (other, 8000)
    samples = noise(2003, seed)
    converter, parts, at = AnyRate(*rates), [], 0
    for size in [1, 1, *sizes, len(samples)]:
        parts.append(converter.process(samples[at : at + size]))
        at += size
    whole = AnyRate(*rates).process(samples)
    assert np.array_equal(np.concatenate(parts), whole)
    assert len(whole) == -(-len(samples) * rates[1] // rates[0])


@pytest.mark.parametrize("other", RATES)
@pytest.mark.parametrize("up", [True, False])
def test_each_output_is_a_mean_whose_weights_add_up_to_one(other, up):
    from_rate, to_rate = (8000, other) if up else (other, 8000)
    _, _, coefficients, _ = _tables(from_rate, to_rate)
    assert len(coefficients) == to_rate // gcd(from_rate, to_rate)
    assert (coefficients.sum(axis=1) == _ONE).all()
    loudest = np.full(500, 32767, dtype=np.int16)
    assert AnyRate(from_rate, to_rate).process(loudest)[-1] == 32767


def test_the_filter_is_a_windowed_sinc():
    from scipy.special import i0

    found = _filter() / (64 * _ONE)
    x = np.arange(len(found)) / 256
    window = i0(5.4 * np.sqrt(1 - np.minimum(x / 12, 1) ** 2)) / i0(5.4)
    assert np.abs(found - np.sinc(x) * window).max() < 1e-8


def test_the_filter_has_the_same_bits_everywhere():
    digests = {
        rates: hashlib.sha256(_tables(*rates)[2].astype("<i8").tobytes()).hexdigest()[:12]
        for rates in ((8000, 44100), (44100, 8000), (8000, 12345))
    }
    assert digests == {
        (8000, 44100): "00229fa041a7",
        (44100, 8000): "6efbd5505412",
        (8000, 12345): "fabab4d703c4",
    }


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("frequency", [300, 1000, 3400])
def test_speech_passes_in_time_and_unharmed_both_ways(rate, frequency):
    up = AnyRate(8000, rate).process(np.rint(tone(frequency, 8000, 8000)).astype(np.int16))
    down = AnyRate(rate, 8000).process(np.rint(tone(frequency, rate, rate)).astype(np.int16))
    for sound, at in ((up, rate), (down, 8000)):
        ideal = 12_000 * np.sin(2 * np.pi * frequency * (np.arange(len(sound)) / at - DELAY))
        middle = slice(len(sound) // 10, -len(sound) // 10)
        noise_power = np.mean((sound[middle] - ideal[middle]) ** 2)
        assert 10 * np.log10(np.mean(ideal[middle] ** 2) / noise_power) > 60


@pytest.mark.parametrize("rate", [11025, 16000, 24000, 44100, 48000])
@pytest.mark.parametrize("frequency", [4600, 5400])
def test_what_the_telephone_cannot_carry_is_kept_out(rate, frequency):
    sound = np.rint(tone(frequency, rate, rate)).astype(np.int16)
    left = AnyRate(rate, 8000).process(sound)[200:].astype(float)
    assert 10 * np.log10(np.mean(left**2) / 12_000**2 * 2) < -60


@pytest.mark.parametrize(
    "rates", [(8000, 7999), (48_001, 8000), (16000, 24000), (8000, 0), (-8000, 8000)]
)
def test_other_rates_are_refused(rates):
    with pytest.raises(ValueError, match=rf"cannot convert {rates[0]} Hz to {rates[1]} Hz"):
        AnyRate(*rates)
