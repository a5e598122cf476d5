"""A synthetic voice: speech-like, different every time, the same bits on every machine.

A glottal pulse train excites decaying formants, syllable by syllable, with bursts of noise for
consonants. Pitch, formants, jitter and noise are drawn per utterance, so that any 60 ms of one
utterance can be told from any of another: the signal carries its own provenance. All arithmetic
is on integers. It does not say the words to a human ear; espeak-ng or a recording does.
"""

from __future__ import annotations

import math
import random
from functools import cache

import numpy as np
import numpy.typing as npt

from .mulaw import RATE
from .speech import Speech, Word

_Ints = npt.NDArray[np.int64]

# Formants of vowels in Hz (first, second, third), after Peterson and Barney's averages.
_VOWELS = (
    (270, 2290, 3010), (390, 1990, 2550), (530, 1840, 2480), (660, 1720, 2410),
    (730, 1090, 2440), (570, 840, 2410), (440, 1020, 2240), (300, 870, 2240),
    (640, 1190, 2390), (490, 1350, 1690),
)  # fmt: skip
_REGISTERS = 3  # of a voice, from low to high
_GRAIN = 144  # samples: a formant has rung out after 18 ms
_RINGING = np.arange(_GRAIN)

SHORTEST_WORD_S = 0.03
"""The least that can be made of a word."""

_LEAD_MS = 0
_WORD_MS, _LETTER_MS, _GAP_MS = 55, 52, 35
_PAUSE_MS = {",": 120, ";": 120, ":": 120, "—": 120, "…": 120, ".": 160, "?": 160, "!": 160}


def speak(text: str, draw: random.Random, *, seconds: float | None = None) -> Speech:
    """Synthesise ``text``.

    Args:
        text: words separated by white space; punctuation makes pauses of under 200 ms.
        draw: what makes this utterance unlike any other.
        seconds: stretch or squeeze the whole to this duration.

    Raises:
        ValueError: there is no word in ``text``, or ``seconds`` leaves under 30 ms a word.
    """
    plan = _plan(text)
    total = _total_ms(plan)
    scale = 1.0 if seconds is None else seconds * 1000 / total
    if seconds is not None and seconds < SHORTEST_WORD_S * len(plan):
        raise ValueError(
            f"{seconds} s is too short for the {len(plan)} words of {text!r}: allow 30 ms a word"
        )
    length = round(total * scale * RATE / 1000)
    out: _Ints = np.zeros(length + _GRAIN, dtype=np.int64)
    pitch = draw.randrange(52, 84)
    at, words = float(_LEAD_MS), []
    for word, spoken_ms, pause_ms in plan:
        start = round(at * scale * RATE / 1000)
        end = round((at + spoken_ms) * scale * RATE / 1000)
        _say_word(out, start, end, max(1, _syllables(word)), pitch, draw)
        words.append(Word(word, start, end))
        at += spoken_ms + pause_ms
    samples = np.clip(out[:length], -32768, 32767).astype(np.int16)
    return Speech(text, samples, tuple(words))


def usual_duration(text: str) -> float:
    """Return how many seconds :func:`speak` takes for ``text`` where nobody says.

    Raises:
        ValueError: there is no word in ``text``.
    """
    return round(_total_ms(_plan(text)) * RATE / 1000) / RATE


def prepare() -> None:
    """Compute what all voices share, which takes the first ones 15 ms otherwise."""
    for vowel in range(len(_VOWELS)):
        for register in range(_REGISTERS):
            _grain(vowel, register)


def _plan(text: str) -> list[tuple[str, int, int]]:
    """Return the words, how many ms each takes, and how many the pause after it."""
    plan = [(word, _word_ms(word), _pause_ms(word)) for word in text.split()]
    if not plan:
        raise ValueError(f"nothing to say: no word in {text!r}")
    return [*plan[:-1], (*plan[-1][:2], 0)]


def _total_ms(plan: list[tuple[str, int, int]]) -> int:
    return _LEAD_MS + sum(spoken + pause for _, spoken, pause in plan)


def _word_ms(word: str) -> int:
    letters = sum(letter.isalnum() for letter in word)
    return _WORD_MS + _LETTER_MS * max(1, min(letters, 14))


def _pause_ms(word: str) -> int:
    return _PAUSE_MS.get(word[-1], _GAP_MS)


def _syllables(word: str) -> int:
    vowels = [letter in "aeiouy" for letter in word.lower()]
    return sum(now and not before for before, now in zip([False, *vowels], vowels, strict=False))


def _say_word(
    out: _Ints, start: int, end: int, syllables: int, pitch: int, draw: random.Random
) -> None:
    for number in range(syllables):
        first = start + (end - start) * number // syllables
        last = start + (end - start) * (number + 1) // syllables
        vowel_start = first + (last - first) * 3 // 10
        _burst(out, first, vowel_start, draw)
        _vowel(out, vowel_start, last, pitch, draw)


def _burst(out: _Ints, first: int, last: int, draw: random.Random) -> None:
    """Add the noise of a consonant: high-passed by differencing."""
    noise = np.frombuffer(draw.randbytes(last - first + 1), dtype=np.int8).astype(np.int64)
    out[first:last] += (noise[1:] - noise[:-1]) * draw.randrange(8, 18)


def _vowel(out: _Ints, first: int, last: int, pitch: int, draw: random.Random) -> None:
    """Add glottal pulses through one vowel, and a little breath."""
    grain = _grain(draw.randrange(len(_VOWELS)), draw.randrange(_REGISTERS))
    length = last - first
    at = 0
    starts, gains = [], []
    while at < length - 24:
        # Rise over the first quarter, fall over the rest, never quite to silence.
        done = at * 256 // length
        shape = 96 + done * 5 // 2 if done < 64 else 320 - done * 3 // 4
        starts.append(at)
        gains.append(shape * (80 + _below(draw, 40)))
        at += pitch + _below(draw, 13) - 6
    if starts:
        pulses = np.array(gains)[:, np.newaxis] * grain >> 14
        places = np.array(starts)[:, np.newaxis] + _RINGING
        # Sums of integers, which float64 holds exactly.
        total = np.bincount(places.ravel(), pulses.ravel(), length)
        out[first:last] += total[:length].astype(np.int64)
    breath = np.frombuffer(draw.randbytes(length), dtype=np.int8).astype(np.int64)
    out[first:last] += breath * 3


def _below(draw: random.Random, limit: int) -> int:
    """Return what ``draw.randrange(limit)`` returns, sooner: there are two for each pulse."""
    bits = limit.bit_length()
    number = draw.getrandbits(bits)
    while number >= limit:
        number = draw.getrandbits(bits)
    return number


@cache
def _grain(vowel: int, register: int) -> _Ints:
    """Return the ringing of one vowel after one pulse: three decaying resonators, in integers."""
    total: _Ints = np.zeros(_GRAIN, dtype=np.int64)
    for formant, bandwidth, amplitude in zip(
        _VOWELS[vowel], (70, 100, 150), (2100, 1100, 500), strict=True
    ):
        hertz = formant * (94 + 6 * register) // 100
        radius = math.exp(-math.pi * bandwidth / RATE)
        forward = round(2 * radius * math.cos(2 * math.pi * hertz / RATE) * 2**14)
        backward = round(radius * radius * 2**14)
        before, now = 0, amplitude
        for index in range(_GRAIN):
            total[index] += now
            before, now = now, (forward * now - backward * before) >> 14
    return total
