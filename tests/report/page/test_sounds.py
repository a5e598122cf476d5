"""The sound of a page: what is drawn of it, and what is played."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import soundfile

from simkit.report.outcome import Sides
from simkit.report.page.sounds import RATE, sounds, wave


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
    [found] = sounds([Sides(mouth, ear, 140_000_000)])
    assert (found.mime, found.start) == ("audio/flac", 140_000)
    assert np.array_equal(decoded(found.data), np.stack([mouth, ear], axis=1))


def test_a_minute_of_hiss_that_would_be_too_large_is_played_with_loss():
    mouth, ear = noise(60, 4000), noise(60, 6000)
    [found] = sounds([Sides(mouth, ear, 0)])
    assert found.mime == "audio/ogg"
    assert len(found.data) < 500_000
    samples = decoded(found.data)
    assert samples.shape == (60 * RATE, 2)
    likeness = np.corrcoef(samples[:RATE, 1].astype(float), ear[:RATE].astype(float))[0, 1]
    assert likeness > 0.7


def test_two_loud_minutes_above_each_other_leave_room_for_the_rest_of_a_megabyte():
    found = [sounds([Sides(noise(60, 4000), noise(60, level), 0)], 2) for level in (6000, 5000)]
    assert {one.mime for [one] in found} == {"audio/ogg"}
    assert sum(len(one.data) for [one] in found) < 620_000


def test_of_two_quiet_calls_both_are_played_as_they_were_and_of_many_loud_ones_all_are_played():
    quiet = [Sides(noise(2, 20), noise(2, 20), 0)] * 2
    assert [one.mime for one in sounds(quiet)] == ["audio/flac"] * 2
    loud = [Sides(noise(20, 4000), noise(20, 4000), second * 10**9) for second in range(8)]
    found = sounds(loud)
    assert [one.start for one in found] == [second * 10**6 for second in range(8)]
    assert {one.mime for one in found} == {"audio/ogg"}
    assert sum(len(one.data) for one in found) < 600_000


def test_nothing_to_be_heard_is_no_sound():
    assert sounds([]) == []


@pytest.mark.parametrize("level", [50, 9000])
def test_the_same_sound_is_the_same_bytes(level):
    samples = noise(65, level)
    one = [Sides(samples, samples, 0)]
    assert sounds(one) == sounds(one)
    assert sounds(one)[0].mime == ("audio/flac" if level == 50 else "audio/ogg")
