"""Streaming conversion: exact, the same under any chunking, flat where speech is."""

from __future__ import annotations

import hashlib
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.audio.resample import DELAY_NS, Linear, at_rate, resampler

UP = (8000, 16000)
DOWN = (16000, 8000)
THRICE = (8000, 24000)
DELAY = 12  # samples at 8 kHz, each way

CHUNKS = st.lists(st.one_of(st.integers(0, 3), st.integers(0, 400)), max_size=30)


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.frombuffer(random.Random(seed).randbytes(2 * samples), dtype="<i2").astype(np.int16)


def convert(samples: np.ndarray, rates: tuple[int, int]) -> np.ndarray:
    return resampler(*rates).process(samples)


def in_chunks(samples: np.ndarray, sizes: list[int], rates: tuple[int, int]) -> list[np.ndarray]:
    converter, at, out = resampler(*rates), 0, []
    for size in [*sizes, len(samples)]:
        out.append(converter.process(samples[at : at + size]))
        at += size
    return out


def sine(hertz: float, rate: int, amplitude: float = 20000, seconds: float = 0.5) -> np.ndarray:
    at = np.arange(round(rate * seconds)) / rate
    return np.rint(amplitude * np.sin(2 * np.pi * hertz * at)).astype(np.int16)


def amplitude_of(samples: np.ndarray, hertz: float, rate: int) -> float:
    """Amplitude of one frequency, by least squares, away from the ends."""
    at = np.arange(len(samples)) / rate
    middle = slice(200, len(samples) - 200)
    waves = np.stack([np.sin(2 * np.pi * hertz * at), np.cos(2 * np.pi * hertz * at)], axis=1)
    found = np.linalg.lstsq(waves[middle], samples[middle].astype(np.float64), rcond=None)[0]
    return float(np.hypot(*found))


def decibels(ratio: float) -> float:
    return 20 * np.log10(max(ratio, 1e-9))


@pytest.mark.parametrize("samples", [3999, 4000, 4001, 4015, 40_000])
@pytest.mark.parametrize("rates", [UP, THRICE])
def test_long_sound_comes_out_as_frame_by_frame(rates, samples):
    sound = noise(samples)
    frames = in_chunks(sound, [160] * (samples // 160), rates)
    assert convert(sound, rates).tolist() == np.concatenate(frames).tolist()


@pytest.mark.parametrize("rates", [UP, DOWN, THRICE])
@given(sizes=CHUNKS, seed=st.integers(0, 3))
@settings(deadline=None)
def test_any_chunking_gives_the_same_samples(rates, sizes, seed):
    samples = noise(3001, seed)
    chunked = np.concatenate(in_chunks(samples, sizes, rates))
    assert chunked.tobytes() == convert(samples, rates).tobytes()


@pytest.mark.parametrize("rates", [UP, DOWN])
def test_sample_by_sample_gives_the_same_samples(rates):
    samples = noise(501)
    chunked = np.concatenate(in_chunks(samples, [1] * 501, rates))
    assert chunked.tobytes() == convert(samples, rates).tobytes()


@given(sizes=CHUNKS)
@settings(deadline=None)
def test_upsampling_gives_two_samples_for_one_at_once(sizes):
    chunks = in_chunks(noise(3000), sizes, UP)
    assert [len(chunk) for chunk in chunks[:-1]] == [
        2 * max(0, min(size, 3000 - sum(sizes[:number]))) for number, size in enumerate(sizes)
    ]
    assert sum(map(len, chunks)) == 6000


@given(sizes=CHUNKS)
@settings(deadline=None)
def test_downsampling_gives_one_sample_for_every_two_that_came(sizes):
    fed = out = 0
    for chunk, size in zip(in_chunks(noise(20000), sizes, DOWN), sizes, strict=False):
        fed, out = min(fed + size, 20000), out + len(chunk)
        assert out == fed // 2


@pytest.mark.parametrize("rates", [UP, DOWN])
def test_an_empty_chunk_gives_nothing_and_changes_nothing(rates):
    converter = resampler(*rates)
    nothing = converter.process(np.zeros(0, dtype=np.int16))
    assert (len(nothing), nothing.dtype) == (0, np.int16)
    assert converter.process(noise(99)).tobytes() == convert(noise(99), rates).tobytes()


def test_upsampling_delays_by_twelve_samples_and_keeps_the_input_itself():
    samples = noise(1000)
    out = convert(samples, UP)
    assert not out[: 2 * DELAY : 2].any()
    assert out[2 * DELAY :: 2].tolist() == samples[:-DELAY].tolist()
    assert round(DELAY_NS * 8000 / 1e9) == DELAY


def test_downsampling_delays_by_twelve_samples():
    pulse = np.zeros(400, dtype=np.int16)
    pulse[100] = 20000
    out = convert(pulse, DOWN)
    assert (int(np.argmax(out)), int(out.max())) == (50 + DELAY, 10000)


def test_a_round_trip_delays_speech_band_sound_by_twenty_four_samples():
    at = np.arange(4000) / 8000
    sound = np.sum([3000 * np.sin(2 * np.pi * f * at + f) for f in (310, 900, 1700, 3300)], axis=0)
    samples = np.rint(sound).astype(np.int16)
    back = convert(convert(samples, UP), DOWN)
    error = back[2 * DELAY + 100 :].astype(float) - samples[100 : -2 * DELAY]
    assert decibels(error.std() / samples.std()) < -45


@pytest.mark.parametrize("rates", [UP, DOWN])
@pytest.mark.parametrize("hertz", [300, 500, 1000, 1800, 2500, 3000, 3300, 3400])
def test_speech_passes_flat_within_a_tenth_of_a_decibel(rates, hertz):
    out = convert(sine(hertz, rates[0]), rates)
    assert abs(decibels(amplitude_of(out, hertz, rates[1]) / 20000)) < 0.1


@pytest.mark.parametrize("hertz", [4700, 5000, 5500, 6200, 7000, 7777, 7900])
def test_what_would_alias_is_fifty_decibels_down(hertz):
    out = convert(sine(hertz, 16000), DOWN)[100:].astype(float)
    assert decibels(np.sqrt(2) * out.std() / 20000) < -50


@pytest.mark.parametrize("hertz", [300, 1000, 2000, 3000, 3300])
def test_the_mirror_image_of_upsampled_speech_is_fifty_decibels_down(hertz):
    out = convert(sine(hertz, 8000), UP)
    assert decibels(amplitude_of(out, 8000 - hertz, 16000) / 20000) < -50


def test_a_constant_stays_what_it_is():
    steady = np.full(200, 12345, dtype=np.int16)
    assert set(convert(steady, UP)[100:].tolist()) == {12345}
    assert set(convert(steady, DOWN)[50:].tolist()) == {12345}


@pytest.mark.parametrize("rates", [UP, DOWN])
def test_full_scale_saturates_and_never_wraps(rates):
    square = np.where(np.arange(2000) // 40 % 2, 32767, -32768).astype(np.int16)
    out = convert(square, rates)
    delay = DELAY * rates[1] // 8000
    expected = square[:: rates[0] // 8000].repeat(rates[1] // 8000)
    settled = np.abs(out[delay:].astype(int) - expected[: len(out) - delay]) < 40000
    assert settled.all()
    assert (out.max(), out.min()) == (32767, -32768)


@pytest.mark.parametrize("rates", [UP, DOWN])
def test_the_result_is_the_exact_convolution_rounded_to_even(rates):
    """The filter is read off a pulse of 2**14, then applied in integers, which cannot round."""
    pulse = np.zeros(120, dtype=np.int64)
    pulse[60] = 1 << 14
    taps = convert(pulse[:-1], UP).astype(np.int64)
    taps = np.trim_zeros(taps)  # at 16 kHz, in 2**-14: the middle one is 1
    assert (len(taps), taps.sum(), taps.max()) == (47, 2 << 14, 1 << 14)
    samples = noise(500, 5)
    if rates == UP:
        dense = np.zeros(1000, dtype=np.int64)
        dense[::2] = samples
        total, shift = np.convolve(dense, taps)[:1000], 14
        start = 2 * DELAY - 23
    else:
        total, shift = np.convolve(samples.astype(np.int64), taps)[:500], 15
        start = 2 * DELAY - 23
    total = np.concatenate((np.zeros(start, dtype=np.int64), total))[: len(total)]
    total = total[:: 1 if rates == UP else 2]
    half, rest = 1 << (shift - 1), total & ((1 << shift) - 1)
    rounded = (total >> shift) + ((rest > half) | ((rest == half) & (total >> shift & 1 == 1)))
    assert convert(samples, rates).tolist() == np.clip(rounded, -32768, 32767).tolist()


@pytest.mark.parametrize(
    ("rates", "sha256"),
    [
        (UP, "8e815da2c8963c29030015013b4c4a2157e748899838c77bece98033643ea898"),
        (THRICE, "8d887eb0692d153ea4b3d34b1cd943bcf90c3e19cb76da0aa138a1e8dc86c30d"),
        (DOWN, "cafe3d74885a190aaecb6dc000ae078d07d5e68dbeb3db7494238f63ce0f44e7"),
    ],
)
def test_the_bits_are_the_same_on_every_machine(rates, sha256):
    """If this fails on a machine, simulations there differ from all others: never adapt it."""
    out = np.concatenate(in_chunks(noise(16000, 7), [160, 1, 0, 333, 320], rates))
    assert hashlib.sha256(out.astype("<i2").tobytes()).hexdigest() == sha256


@pytest.mark.parametrize("rates", [UP, DOWN])
def test_there_is_no_click_where_frames_meet(rates):
    frame = rates[0] // 50
    hertz, amplitude = 400, 20000
    out = np.concatenate(in_chunks(sine(hertz, rates[0], amplitude), [frame] * 25, rates)).astype(
        float
    )[100:]
    bend = amplitude * (2 * np.pi * hertz / rates[1]) ** 2
    assert np.abs(np.diff(out, 2)).max() < bend * 1.05 + 3


def test_tripling_delays_by_twelve_samples_and_keeps_the_input_itself():
    samples = noise(500, 3)
    out = convert(samples, THRICE)
    assert len(out) == 1500
    assert out[3 * DELAY :: 3].tolist() == samples[:-DELAY].tolist()


@pytest.mark.parametrize("hertz", [300, 1000, 2000, 3400])
def test_speech_is_tripled_flat_and_its_mirror_images_are_sixty_decibels_down(hertz):
    out = convert(sine(hertz, 8000), THRICE)[:11000]
    passed = amplitude_of(out, hertz, 24000)
    assert abs(decibels(passed / 20000)) < 0.02
    for image in (8000 - hertz, 8000 + hertz):
        assert decibels(amplitude_of(out, image, 24000) / 20000) < -60


def test_float_input_that_holds_integers_gives_the_same_samples():
    samples = noise(300)
    for rates in (UP, DOWN):
        assert convert(samples.astype(np.float64), rates).tolist() == (
            convert(samples, rates).tolist()
        )


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_the_same_rate_changes_nothing(rate):
    samples = noise(300)
    assert resampler(rate, rate).process(samples).tobytes() == samples.tobytes()
    assert resampler(rate, rate).process(samples.astype(np.float64)).dtype == np.int16


@pytest.mark.parametrize("rates", [(24000, 8000), (44100, 16000), (8000, 16001)])
def test_another_pair_of_rates_is_converted_on_straight_lines(rates):
    assert isinstance(resampler(*rates), Linear)


def test_output_is_not_overwritten_by_the_next_frame():
    converter = resampler(*UP)
    first = converter.process(noise(160))
    kept = first.copy()
    converter.process(noise(160, 1))
    assert first.tolist() == kept.tolist()


@given(
    st.sampled_from([(16000, 44100), (44100, 8000), (8000, 1), (192000, 8000), (3000, 8000)]),
    CHUNKS,
)
@settings(max_examples=40)
def test_a_straight_line_does_not_depend_on_chunks_and_keeps_time(rates, sizes):
    samples = noise(2000)
    whole = Linear(*rates).process(samples)
    converter, at, out = Linear(*rates), 0, []
    for size in [*sizes, len(samples)]:
        out.append(converter.process(samples[at : at + size]))
        at += size
    assert np.array_equal(np.concatenate(out), whole)
    assert len(whole) == -(-(len(samples) - 1) * rates[1] // rates[0])


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 24000, 44100, 48000, 192000])
def test_speech_at_any_rate_is_as_long_and_comes_back(rate):
    samples = sine(700, 8000)
    there = at_rate(samples, rate)
    assert len(there) == -(-len(samples) * rate // 8000)
    back = Linear(rate, 8000).process(there).astype(int)
    delay = DELAY if rate != 8000 else 0
    error = back[200:] - samples[200 - delay : len(back) - delay]
    assert np.sqrt(np.mean(error**2)) < 0.05 * np.sqrt(np.mean(samples.astype(float) ** 2))
