"""The synthetic voice: speech-like, unlike any other, the same bits everywhere."""

from __future__ import annotations

import hashlib
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.audio import voice

TEXT = "Your appointment is scheduled for Tuesday at 3 PM; unless, of course, you call. All right?"
SHA256 = "3b664eba98c2a446cd3a4fb5cb29efdc8ec0148442f0284fd903dbcab4b0e7ce"
WORDS = st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=16)


def speak(seed: int, text: str = TEXT, **options) -> voice.Speech:
    return voice.speak(text, random.Random(seed), **options)


def longest_quiet_ms(samples: np.ndarray) -> float:
    loud = np.flatnonzero(np.abs(samples.astype(int)) > 150)
    edges = np.concatenate(([-1], loud, [len(samples)]))
    return (int(np.diff(edges).max()) - 1) / 8


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """The highest correlation of two sounds at any shift."""
    size = 1 << (len(a) + len(b)).bit_length()
    cross = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    return float(np.abs(cross).max() / (np.linalg.norm(a) * np.linalg.norm(b)))


def test_the_same_draw_gives_the_same_samples():
    assert speak(1).samples.tobytes() == speak(1).samples.tobytes()


def test_the_bits_are_the_same_on_every_machine():
    """If this fails on a machine, simulations there differ from all others: never adapt it."""
    samples = speak(2024).samples
    assert samples.dtype == np.int16
    assert hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest() == SHA256


def test_other_draws_of_the_same_text_are_hardly_alike():
    sounds = [speak(seed).samples.astype(np.float64) for seed in range(6)]
    pairs = [likeness(a, b) for a in sounds for b in sounds if a is not b]
    assert max(pairs) < 0.2


def test_any_sixty_milliseconds_differ_from_all_of_another_draw():
    mine, other = (speak(seed).samples.astype(np.float64) for seed in (1, 2))
    windows = np.lib.stride_tricks.sliding_window_view(other, 480)
    norms = np.linalg.norm(windows, axis=1)
    for first in range(0, len(mine) - 480, 3200):
        piece = mine[first : first + 480]
        if piece.std() < 200:
            continue
        scores = (windows @ piece)[norms > 3000] / norms[norms > 3000] / np.linalg.norm(piece)
        assert scores.max() < 0.85, first


@given(words=st.lists(WORDS, min_size=1, max_size=12), seed=st.integers(0, 5))
@settings(deadline=None, max_examples=60)
def test_words_lie_in_order_within_the_samples(words, seed):
    speech = speak(seed, " ".join(words))
    assert [word.text for word in speech.words] == words
    bounds = [bound for word in speech.words for bound in (word.start, word.end)]
    assert bounds == sorted(bounds)
    assert bounds[0] >= 0
    assert bounds[-1] <= len(speech.samples)
    assert all(word.end - word.start >= 8 * 50 for word in speech.words)


def test_every_word_can_be_heard():
    speech = speak(3)
    for word in speech.words:
        assert speech.samples[word.start : word.end].astype(float).std() > 300, word


def test_between_words_it_is_silent():
    speech = speak(3)
    for before, after in zip(speech.words, speech.words[1:], strict=False):
        assert not speech.samples[before.end : after.start].any()


@given(seconds=st.floats(1.0, 12.0), seed=st.integers(0, 5))
@settings(deadline=None, max_examples=40)
def test_the_duration_asked_for_is_honoured(seconds, seed):
    speech = speak(seed, "I would rather come on Thursday, please.", seconds=seconds)
    assert abs(len(speech.samples) - seconds * 8000) <= 1
    assert speech.words[-1].end <= len(speech.samples)
    assert speech.duration == len(speech.samples) / 8000


@given(words=st.lists(WORDS, min_size=1, max_size=12))
@settings(deadline=None, max_examples=30)
def test_how_long_a_text_takes_is_known_without_speaking(words):
    assert voice.usual_duration(" ".join(words)) == speak(1, " ".join(words)).duration


def test_thirty_milliseconds_a_word_are_enough_and_less_is_refused():
    assert len(speak(1, "a bee sees", seconds=0.09).samples) == 720
    with pytest.raises(ValueError, match=r"0\.08 s is too short for the 3 words of 'a bee sees'"):
        speak(1, "a bee sees", seconds=0.08)


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_time_at_all_is_refused(seconds):
    with pytest.raises(ValueError, match="too short"):
        speak(1, seconds=seconds)


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_nothing_to_say_is_refused(text):
    with pytest.raises(ValueError, match="nothing to say"):
        speak(1, text)


@pytest.mark.parametrize("text", ["Ooooh!", "I", "strengths", "a e i o u", "x", TEXT])
def test_it_never_clips(text):
    loudest = max(np.abs(speak(seed, text).samples.astype(int)).max() for seed in range(40))
    assert loudest < 28000


@pytest.mark.parametrize("seed", range(5))
def test_it_is_as_loud_as_speech_on_a_telephone(seed):
    samples = speak(seed).samples.astype(np.float64)
    level = 20 * np.log10(np.sqrt((samples**2).mean()) / 32768)
    assert -28 < level < -16


def test_it_has_the_band_of_a_voice():
    power = np.abs(np.fft.rfft(speak(1).samples.astype(np.float64))) ** 2
    hertz = np.fft.rfftfreq(len(speak(1).samples), 1 / 8000)
    speech = power[(hertz > 200) & (hertz < 3500)].sum()
    assert speech / power.sum() > 0.85


@pytest.mark.parametrize("seed", range(5))
def test_no_pause_lasts_two_hundred_milliseconds(seed):
    text = "Wait, what? No. Yes! Well; so: then… and — but (hm) 3, 14. A b, c. Strengths, rhythm!"
    assert longest_quiet_ms(speak(seed, text).samples) < 200
    assert longest_quiet_ms(speak(seed).samples) < 200


def test_punctuation_makes_a_longer_pause():
    def gap(text: str) -> int:
        first, second = speak(1, text).words
        return second.start - first.end

    assert gap("yes sir") < gap("yes, sir") < gap("yes. sir")


def test_longer_words_take_longer():
    lengths = [len(speak(1, word).samples) for word in ("a", "cat", "kitten", "caterpillar")]
    assert lengths == sorted(set(lengths))


def test_one_draw_for_two_utterances_makes_them_differ():
    draw = random.Random(1)
    first, second = voice.speak("hello", draw), voice.speak("hello", draw)
    assert first.words == second.words
    assert likeness(first.samples.astype(float), second.samples.astype(float)) < 0.5
