"""mu-law: the companding of G.711, in exact integers.

The encoder is that of ITU-T G.191 (the reference software of G.711): 14 significant bits, a bias
of 33, negative samples by one's complement. Both directions are table look-ups.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

RATE = 8000
"""Samples per second of telephone audio."""

SILENCE = 0xFF
"""The byte of positive zero; 0x7F is negative zero, 0x00 is a full-scale pop."""


def _encode_all() -> npt.NDArray[np.uint8]:
    """Return the code of every 16-bit sample, indexed by its bits as an unsigned number."""
    linear = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.where(linear < 0, ~linear, linear) >> 2
    biased = np.minimum(magnitude + 33, 0x1FFF)
    segment = np.zeros(65536, dtype=np.int32)
    for bit in range(6, 13):
        segment[biased >> bit != 0] = bit - 5
    step = (biased >> (segment + 1)) & 0xF
    code = ((7 - segment) << 4) | (0xF - step)
    codes: npt.NDArray[np.uint8] = np.where(linear >= 0, code | 0x80, code).astype(np.uint8)
    return codes


def _decode_all() -> Samples:
    """Return the sample of every code."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    segment, step = (code >> 4) & 7, code & 0xF
    magnitude = (((2 * step + 33) << segment) - 33) * 4
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


CODES = _encode_all()
"""The code of every 16-bit sample, by its bits as an unsigned number: negative ones at the end."""
_DECODED = _decode_all()
EXACT: npt.NDArray[np.float64] = _DECODED.astype(np.float64)
"""The sample of every code as float64, which holds it exactly."""

_AT_ONCE = 65_536
"""Samples that are looked up together: numpy makes eight bytes of each first."""
_QUIET = bytes(code for code in range(256) if abs(int(_DECODED[code])) <= 64)
"""-54 dBFS and below."""


def encode(samples: Samples) -> bytes:
    """Return the mu-law bytes of int16 samples, one byte a sample.

    >>> encode(np.array([0, -1, 32767, -32768], dtype=np.int16)).hex()
    'ff7f8000'
    """
    if len(samples) > _AT_ONCE:
        pieces = range(0, len(samples), _AT_ONCE)
        return b"".join(encode(samples[at : at + _AT_ONCE]) for at in pieces)
    return CODES.take(samples.view(np.uint16)).tobytes()


def decode(data: bytes) -> Samples:
    """Return the int16 samples of mu-law bytes."""
    codes = np.frombuffer(data, dtype=np.uint8)
    if len(codes) > _AT_ONCE:
        samples: Samples = np.empty(len(codes), np.int16)
        for at in range(0, len(codes), _AT_ONCE):
            samples[at : at + _AT_ONCE] = _DECODED.take(codes[at : at + _AT_ONCE])
        return samples
    return _DECODED.take(codes)


def is_silent(data: bytes) -> bool:
    """Tell whether no sample is louder than -54 dBFS.

    >>> is_silent(encode(np.array([0, 60, -60]))), is_silent(encode(np.array([0, 600])))
    (True, False)
    """
    return not data.lstrip(_QUIET)  # which ends at the first loud one
