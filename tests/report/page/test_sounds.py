"""The sound of a page: what is drawn of it, and what is played."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import soundfile

from simkit.report.page import sounds
from simkit.report.page.sounds import RATE, sound, wave


def noise(seconds: float, level: float) -> np.ndarray:
    samples = np.random.default_rng(1).normal(size=round(seconds * RATE)) * level
    return samples.astype(np.int16)


def decoded(data: str) -> np.ndarray:
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(data)), dtype="int16")
    assert rate == RATE
    return samples


def peaks(outline: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(outline), np.int8).reshape(-1, 2)


def test_an_outline_holds_the_lowest_and_the_highest_sample_of_every_five_milliseconds():
    samples = np.zeros(100, np.int16)
    samples[[0, 41, 99]] = 32767, -32768, 256
    found = wave(samples, 140_000)
    assert (found.start, found.bucket) == (140_000, 5000)
    assert peaks(found.peaks).tolist() == [[0, 127], [-128, 0], [0, 1]]


def test_silence_and_less_than_a_step_of_the_outline_are_flat():
    samples = np.array([0, 100, -100, 255, -255], np.int16)
    assert peaks(wave(samples, 0).peaks).tolist() == [[0, 0]]


def test_the_outline_of_nothing_is_empty():
    assert wave(np.zeros(0, np.int16), 0).peaks == ""


def test_the_outline_of_an_hour_is_no_longer_than_that_of_twenty_minutes():
    found = wave(np.zeros(3600 * RATE, np.int16), 0)
    assert found.bucket == 15_000
    assert len(peaks(found.peaks)) == 240_000


def test_a_call_is_played_as_it_was():
    mouth, ear = noise(2, 500), noise(2, 2000)[::-1]
    found = sound(mouth, ear, 140_000)
    assert (found.mime, found.lossless, found.start) == ("audio/flac", True, 140_000)
    assert np.array_equal(decoded(found.data), np.stack([mouth, ear], axis=1))


def test_a_minute_of_hiss_that_would_be_too_large_is_played_with_loss():
    mouth, ear = noise(60, 4000), noise(60, 6000)
    found = sound(mouth, ear, 0)
    assert (found.mime, found.lossless) == ("audio/ogg", False)
    assert len(found.data) < 500_000
    samples = decoded(found.data)
    assert samples.shape == (60 * RATE, 2)
    likeness = np.corrcoef(samples[:RATE, 1].astype(float), ear[:RATE].astype(float))[0, 1]
    assert likeness > 0.7


@pytest.mark.parametrize(("limit", "mime"), [(650_000, "audio/flac"), (1, "audio/ogg")])
def test_the_same_sound_is_the_same_bytes(monkeypatch, limit, mime):
    monkeypatch.setattr(sounds, "_LOSSLESS_PER_MINUTE", limit)
    mouth = noise(2, 500)
    assert sound(mouth, mouth, 0) == sound(mouth, mouth, 0)
    assert sound(mouth, mouth, 0).mime == mime
