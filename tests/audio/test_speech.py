"""Speech: samples with their words."""

from __future__ import annotations

import numpy as np
import pytest

from simkit.audio import Speech, Word
from simkit.audio.resample import resampler
from simkit.audio.speech import plain, timed_by_letters


def speech(*texts: str, length: int = 8000) -> Speech:
    words = tuple(Word(text, 1000 * at, 1000 * at + 800) for at, text in enumerate(texts))
    samples = np.arange(length, dtype=np.int16)
    return Speech(" ".join(texts), samples, words)


def test_durations_are_exact():
    assert speech("a", length=8001).duration == 8001 / 8000
    assert speech("a", length=8001).duration_ns == 1_000_125_000
    assert speech(length=0).duration_ns == 0


def test_spoken_leaves_out_the_silence_at_the_end():
    assert speech("one", "two").spoken == 1800
    assert speech(length=77).spoken == 77


def test_words_are_found_whatever_their_case_and_punctuation():
    said = speech("Your", "appointment,", "is", "at", "Joe's!", "IS", "AT", "four.")
    assert said.find("your APPOINTMENT") == (0, 1800)
    assert said.find("joes") == (4000, 4800)
    assert said.find("is at four") == (5000, 7800)
    assert said.find("-- is at --") == (2000, 3800)


@pytest.mark.parametrize("text", ["", " ", "...", "your is", "four five", "appoint"])
def test_what_was_not_said_is_not_found(text):
    assert speech("Your", "appointment", "is", "four").find(text) is None


def test_sixteen_kilohertz_is_what_the_resampler_makes_of_it_and_is_made_once():
    said = speech("a")
    assert said.at_rate(8000) is said.samples
    assert said.at_rate(16000).tolist() == resampler(8000, 16000).process(said.samples).tolist()
    assert said.at_rate(16000) is said.at_rate(16000)


def test_any_other_rate_works_too():
    said = speech("a")
    assert len(said.at_rate(44100)) == -(-len(said.samples) * 44100 // 8000)


def test_word_bounds_are_two_columns_even_without_words():
    starts, ends = speech("one", "two").word_bounds
    assert (starts.tolist(), ends.tolist()) == ([0, 1000], [800, 1800])
    assert [bounds.shape for bounds in speech().word_bounds] == [(0,), (0,)]


def test_plain_keeps_letters_and_digits_of_any_script():
    assert [plain(word) for word in ("Don't", "3:30", "Ärger!", "--", "東京")] == [
        "dont",
        "330",
        "ärger",
        "",
        "東京",
    ]


def test_speeches_are_told_apart_by_identity():
    assert speech("a") != speech("a")
    assert len({speech("a"), speech("a")}) == 2


def test_words_are_shared_out_by_letters_over_the_loud_part():
    samples = np.zeros(10000, dtype=np.int16)
    samples[2000:8000] = 1000
    words = timed_by_letters("to appointments!", samples)
    assert [word.text for word in words] == ["to", "appointments!"]
    assert (words[0].start, words[-1].end) == (2000, 8000)
    assert words[0].end == words[1].start == 2000 + 6000 * 4 // 18


@pytest.mark.parametrize("text", ["", "hello"])
def test_no_words_are_timed_in_silence_or_without_text(text):
    quiet = np.full(800, 200, dtype=np.int16)
    assert timed_by_letters(text, quiet if text else quiet * 5) == ()


def test_the_loudest_negative_sample_counts_as_loud():
    samples = np.zeros(100, dtype=np.int16)
    samples[40] = -32768
    assert timed_by_letters("x", samples) == (Word("x", 40, 41),)
