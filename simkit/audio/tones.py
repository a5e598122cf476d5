"""The tones of telephone keys: pairs of frequencies, by ITU-T Q.23."""

from __future__ import annotations

import math

import numpy as np

from .mulaw import RATE, Samples

_LOW, _HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
_KEYPAD = ("123A", "456B", "789C", "*0#D")

KEYS = "0123456789*#ABCD"
"""The keys there are."""

_AMPLITUDE = 32768 * 10 ** (-11 / 20)  # of each tone of the pair: -11 dBFS at its peak
_RAMP = 16  # samples: without a ramp a key would click


def key_tone(key: str, seconds: float) -> Samples:
    """Return what a key sounds like while it is held down: 8 kHz samples of shape ``(n,)``.

    Raises:
        ValueError: there is no such key.
    """
    if key not in KEYS or len(key) != 1:
        raise ValueError(f"no key {key!r}; there are: {' '.join(KEYS)}")
    row = next(number for number, keys in enumerate(_KEYPAD) if key in keys)
    pair = _LOW[row], _HIGH[_KEYPAD[row].index(key)]
    at = np.arange(round(seconds * RATE))
    total = sum(np.sin(2 * math.pi * hertz / RATE * at) for hertz in pair) * _AMPLITUDE
    ramp = np.minimum(np.minimum(at, at[::-1]) / _RAMP, 1.0)
    samples: Samples = np.rint(total * ramp).astype(np.int16)
    return samples
