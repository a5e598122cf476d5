"""Noises that are not speech: a slammed door, a dog, a street.

Each is drawn anew and recognisable by its shape: where its energy lies in time and in pitch. A
level is the root mean square of the loudest 20 ms, in dBFS (0 is an RMS of 32768), which is what
voice activity detection goes by. Sums are on integers, so that a seed makes the same bits
everywhere.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from . import voice
from .mulaw import RATE, Samples

WINDOW = RATE // 50
"""Samples whose loudness is a level: 20 ms."""

LOWEST, HIGHEST = -80.0, -6.0
"""Levels, in dBFS; above -15 the peaks of some noises are clipped, as on a telephone."""

LONGEST = 3600.0
"""Seconds."""

_Ints = npt.NDArray[np.int64]
_Make = Callable[[random.Random, int], _Ints]


@dataclass(frozen=True)
class _Kind:
    make: _Make
    """Makes so many samples; for one that happens at once, the samples are its length."""
    level: float
    """How loud it is, and how long, unless somebody says."""
    seconds: float
    at_once: bool = False
    """It happens and is over: to last longer, it happens again."""


def make(
    name: str, draw: random.Random, *, level: float | None = None, seconds: float | None = None
) -> Samples:
    """Make a noise: 8 kHz samples of shape ``(n,)``.

    Args:
        name: one of :data:`NAMES`.
        draw: what makes this one unlike others of its kind.
        level: RMS of its loudest 20 ms, in dBFS; None: as loud as such a noise is.
        seconds: how long; a bang, a bark or a cough happens again until the time is over.

    Raises:
        ValueError: another name, level or length; says which there are.

    >>> slam = make("door_slam", random.Random(1), level=-12.0)
    >>> len(slam) / RATE, round(level_of(slam))
    (0.18, -12)
    """
    level = checked_level(name, level)
    kind = _KINDS[name]
    least = kind.seconds if kind.at_once else 0.02
    if seconds is None:
        seconds = kind.seconds
    elif not isinstance(seconds, int | float) or not least <= seconds <= LONGEST:
        raise ValueError(f"noise {name}: seconds from {least:g} to {LONGEST:g}, found {seconds!r}")
    length = round(seconds * RATE)
    raw = _again_and_again(kind, draw, length) if kind.at_once else kind.make(draw, length)
    return _at_level(raw, level)


def checked_level(name: str, level: float | None) -> float:
    """Return how loud a noise is to be; None: as loud as it usually is to who holds the phone.

    Raises:
        ValueError: there is no such noise, or no such level.
    """
    if not isinstance(name, str) or name not in _KINDS:
        raise ValueError(f"no noise {name!r}; there are: {', '.join(NAMES)}")
    if level is None:
        return _KINDS[name].level
    if not isinstance(level, int | float) or not LOWEST <= level <= HIGHEST:
        raise ValueError(f"level is from {LOWEST:g} to {HIGHEST:g} dBFS, found {level!r}")
    return level


def level_of(samples: Samples) -> float:
    """Return the RMS of the loudest 20 ms, in dBFS; minus infinity for silence."""
    energy = _loudest(samples.astype(np.int64))
    return 10 * math.log10(energy / WINDOW / 32768**2) if energy else -math.inf


def _loudest(x: _Ints) -> int:
    """Return the greatest sum of squares of any 20 ms."""
    running = np.concatenate(([0], np.cumsum(x * x)))
    size = min(WINDOW, len(x))
    return int((running[size:] - running[:-size]).max()) if size else 0


def _at_level(raw: _Ints, level: float) -> Samples:
    raw = _without_rumble(raw)
    target = 32768 * 10 ** (level / 20)
    gain = target / math.sqrt(max(1, _loudest(raw)) / WINDOW)
    samples: Samples = np.clip(np.rint(raw * gain), -32768, 32767).astype(np.int16)
    return samples


def _without_rumble(x: _Ints) -> _Ints:
    """Take away what a telephone does not carry: the running mean of 10 ms, so below 50 Hz."""
    half = RATE // 200
    running = np.cumsum(np.pad(x, half))
    return x[: len(running) - 2 * half] - (running[2 * half :] - running[: -2 * half]) // (2 * half)


def _again_and_again(kind: _Kind, draw: random.Random, length: int) -> _Ints:
    out: _Ints = np.zeros(length, dtype=np.int64)
    size, at = round(kind.seconds * RATE), 0
    while at + size <= length:
        out[at : at + size] = kind.make(draw, size)
        at += size + RATE * draw.randrange(400, 900) // 1000
    return out


# What noises are made of


def _white(draw: random.Random, length: int) -> _Ints:
    return np.frombuffer(draw.randbytes(length), dtype=np.int8).astype(np.int64)


def _dull(draw: random.Random, length: int, width: int) -> _Ints:
    """Return noise below about ``RATE / width / 2`` Hz: a moving sum, twice."""
    x = _white(draw, length + 2 * width)
    for _ in range(2):
        running = np.cumsum(x)
        x = running[width:] - running[:-width]
    return x[:length]


def _fading(length: int, half: int) -> _Ints:
    """Return a gain that halves every ``half`` samples, in 2**-14."""
    return np.rint(2.0 ** (14 - np.arange(length) / half)).astype(np.int64)


def _swelling(length: int) -> _Ints:
    """Return a gain that rises from nothing and falls to nothing, in 2**-14."""
    at = np.arange(length, dtype=np.int64)
    return 4 * at * (length - at) * 2**14 // max(1, length * length)


def _buzz(draw: random.Random, length: int, first_hz: int, last_hz: int) -> _Ints:
    """Return a sawtooth of falling or rising pitch, a little rough."""
    hertz = np.linspace(first_hz, last_hz, length).astype(np.int64) + _white(draw, length) // 4
    phase = np.cumsum(hertz) * 256 // RATE
    return phase % 256 - 128


# The noises


def _door_slam(draw: random.Random, length: int) -> _Ints:
    """A crack of a few ms, then a thump that is gone in 150 ms."""
    crack = _white(draw, length) * 3 * _fading(length, 24)
    width = draw.randrange(18, 30)
    thump = _dull(draw, length, width) * 4 // width * _fading(length, draw.randrange(130, 170))
    return (crack + thump) >> 14


def _dog(draw: random.Random, length: int) -> _Ints:
    """Two barks of 140 to 170 ms, 170 ms or more apart."""
    out: _Ints = np.zeros(length, dtype=np.int64)
    pitch = draw.randrange(380, 560)
    for start in (0, length - round(0.17 * RATE)):
        size = draw.randrange(round(0.14 * RATE), round(0.17 * RATE))
        bark = _buzz(draw, size, pitch, pitch * 7 // 10) * 2 + _white(draw, size) // 2
        rise = np.minimum(np.arange(size, dtype=np.int64) * 2**14 // 120, 2**14)
        out[start : start + size] = bark * ((_fading(size, 500) * rise) >> 14) >> 14
    return out


def _keyboard(draw: random.Random, length: int) -> _Ints:
    """Clicks of 10 ms, four to ten in a second."""
    out: _Ints = np.zeros(length, dtype=np.int64)
    at, size = 0, 80
    while at + size <= length:
        click = np.diff(_white(draw, size + 1)) * _fading(size, 10)
        out[at : at + size] = click * draw.randrange(60, 100) // 100 >> 14
        at += draw.randrange(RATE // 10, RATE // 4)
    return out


def _breathing(draw: random.Random, length: int) -> _Ints:
    """In, a rest, out a little longer, a rest: soft noise that swells and ebbs."""
    out: _Ints = np.zeros(length, dtype=np.int64)
    at, width = 0, 2
    while at < length:
        size = min(round(RATE * draw.randrange(700, 1000) / 1000), length - at)
        out[at : at + size] = _dull(draw, size, width) * _swelling(size) >> 14
        at += size + RATE * draw.randrange(150, 400) // 1000
        width = 5 - width
    return out


def _cough(draw: random.Random, length: int) -> _Ints:
    """One or two bursts of 120 to 180 ms."""
    out: _Ints = np.zeros(length, dtype=np.int64)
    for start in (0, length - round(0.18 * RATE))[: draw.randrange(1, 3)]:
        size = draw.randrange(round(0.12 * RATE), round(0.18 * RATE))
        burst = _dull(draw, size, 3) + _dull(draw, size, 9) // 2
        rise = np.minimum(np.arange(size, dtype=np.int64) * 2**14 // 60, 2**14)
        out[start : start + size] = burst * ((_fading(size, 320) * rise) >> 14) >> 14
    return out


def _hiss(draw: random.Random, length: int) -> _Ints:
    """White noise."""
    return _white(draw, length)


def _car(draw: random.Random, length: int) -> _Ints:
    """The rumble inside a moving car."""
    return _dull(draw, length, 24) + _dull(draw, length, 60) // 4 + 4 * _white(draw, length)


def _street(draw: random.Random, length: int) -> _Ints:
    """Rumble, and cars that pass."""
    out = _dull(draw, length, 16)
    at = 0
    while at < length:
        size = min(round(RATE * draw.randrange(1500, 3500) / 1000), length - at)
        out[at : at + size] += _dull(draw, size, 5) * 12 * _swelling(size) >> 14
        at += size + RATE * draw.randrange(200, 2000) // 1000
    return out


def _cafe(draw: random.Random, length: int) -> _Ints:
    """Babble: six people who talk at once."""
    out = _dull(draw, length, 4) * 4
    for _ in range(6):
        at = -draw.randrange(RATE)
        while at < length:
            said = voice.speak(" ".join(draw.choices(_BABBLE, k=6)), draw).samples[max(0, -at) :]
            at = max(0, at)
            piece = said[: length - at]
            out[at : at + len(piece)] += piece
            at += len(said) + draw.randrange(RATE)
    return out


_BABBLE = ("well", "really", "tomorrow", "coffee", "and", "never", "the", "about", "window", "so")

_KINDS = {
    "door_slam": _Kind(_door_slam, -15.0, 0.18, at_once=True),
    "dog": _Kind(_dog, -25.0, 0.52, at_once=True),
    "cough": _Kind(_cough, -20.0, 0.6, at_once=True),
    "keyboard": _Kind(_keyboard, -35.0, 1.0),
    "breathing": _Kind(_breathing, -50.0, 2.0),
    "hiss": _Kind(_hiss, -50.0, 1.0),
    "car": _Kind(_car, -45.0, 4.0),
    "street": _Kind(_street, -45.0, 8.0),
    "cafe": _Kind(_cafe, -45.0, 8.0),
}

NAMES = tuple(_KINDS)
"""The noises there are."""
