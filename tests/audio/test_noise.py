"""Noises: each has its shape and its level, and a seed makes the same bits everywhere."""

from __future__ import annotations

import hashlib
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.audio import RATE, noise

SEEDS = range(5)


def loudness(samples: np.ndarray, window: int = 80) -> np.ndarray:
    """RMS of each 10 ms."""
    blocks = samples[: len(samples) // window * window].reshape(-1, window).astype(np.float64)
    return np.sqrt((blocks**2).mean(axis=1))


def stretches(samples: np.ndarray, threshold: float = 0.03) -> list[tuple[float, float]]:
    """Where it is loud, in seconds, pauses under 30 ms left out."""
    loud = np.flatnonzero(loudness(samples) > threshold * loudness(samples).max())
    parts = np.split(loud, np.flatnonzero(np.diff(loud) > 3) + 1)
    return [(part[0] / 100, (part[-1] + 1) / 100) for part in parts]


def pitch(samples: np.ndarray) -> float:
    """Centre of gravity of the spectrum, in Hz."""
    power = np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2
    return float((power * np.fft.rfftfreq(len(samples), 1 / RATE)).sum() / power.sum())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_door_slam_begins_at_once_and_is_over_within_200_ms(seed):
    slam = noise.make("door_slam", random.Random(seed))
    assert len(slam) < 0.2 * RATE
    assert loudness(slam).argmax() <= 1
    assert loudness(slam)[10:].max() < loudness(slam).max() / 8
    assert pitch(slam) < 600


@pytest.mark.parametrize("seed", SEEDS)
def test_a_dog_barks_twice(seed):
    barks = stretches(noise.make("dog", random.Random(seed)))
    assert len(barks) == 2
    assert all(end - start < 0.2 for start, end in barks)
    assert barks[1][0] - barks[0][1] > 0.12


def test_a_cough_is_one_burst_or_two_of_under_200_ms():
    coughs = [stretches(noise.make("cough", random.Random(seed))) for seed in range(12)]
    assert {len(bursts) for bursts in coughs} == {1, 2}
    assert all(end - start < 0.2 for bursts in coughs for start, end in bursts)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_keyboard_clicks_four_to_ten_times_a_second(seed):
    clicks = stretches(noise.make("keyboard", random.Random(seed), seconds=4.0), 0.1)
    assert 16 <= len(clicks) <= 40
    assert all(end - start <= 0.03 for start, end in clicks)


@pytest.mark.parametrize("seed", SEEDS)
def test_breathing_swells_and_ebbs_slowly(seed):
    breath = noise.make("breathing", random.Random(seed), seconds=4.0)
    slow = loudness(breath, 800)
    assert slow.max() > 5 * slow.min()
    assert loudness(breath, 80).max() < 2.5 * slow.max()
    assert 3 <= len(stretches(breath, 0.15)) <= 6


@pytest.mark.parametrize("name", ["street", "car", "cafe", "hiss"])
def test_a_background_never_pauses(name):
    sound = noise.make(name, random.Random(1), seconds=5.0)
    assert loudness(sound, 800).min() > loudness(sound, 800).max() / 12


@settings(max_examples=20)
@given(
    name=st.sampled_from(noise.NAMES),
    level=st.floats(-60, -20),
    seed=st.integers(0, 1000),
)
def test_the_level_is_the_rms_of_the_loudest_20_ms(name, level, seed):
    sound = noise.make(name, random.Random(seed), level=level)
    assert noise.level_of(sound) == pytest.approx(level, abs=0.2)
    assert sound.dtype == np.int16
    again = noise.make(name, random.Random(seed), level=level)
    assert sound.tobytes() == again.tobytes()


def test_the_bits_are_the_same_on_every_machine():
    digest = hashlib.sha256()
    for name in noise.NAMES:
        digest.update(noise.make(name, random.Random(7)).tobytes())
    assert digest.hexdigest()[:16] == "c756adc184a4245f"


def test_what_happens_at_once_happens_again_to_last_longer():
    slams = noise.make("door_slam", random.Random(3), seconds=5.0)
    assert len(slams) == 5 * RATE
    assert 4 <= len(stretches(slams, 0.1)) <= 9


def test_each_noise_has_a_level_of_its_own():
    levels = {name: noise.checked_level(name, None) for name in noise.NAMES}
    assert levels["door_slam"] > levels["cough"] > levels["breathing"]


def test_silence_has_no_level():
    assert noise.level_of(np.zeros(400, dtype=np.int16)) == -np.inf


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("bang", {}, "no noise 'bang'; there are: door_slam, dog"),
        (None, {}, "no noise None"),
        ("dog", {"level": 0.0}, r"level is from -80 to -6 dBFS, found 0\.0"),
        ("dog", {"level": "loud"}, "found 'loud'"),
        ("dog", {"seconds": 0.1}, r"noise dog: seconds from 0\.52 to 3600, found 0\.1"),
        ("street", {"seconds": 1e9}, r"noise street: seconds from 0\.02"),
        ("street", {"seconds": float("nan")}, "found nan"),
    ],
)
def test_what_cannot_be_made_is_refused(name, options, told):
    with pytest.raises(ValueError, match=told):
        noise.make(name, random.Random(1), **options)
