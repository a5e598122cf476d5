"""Streaming conversion between mu-law at 8 kHz and PCM of any rate, bytes to bytes.

At 16 kHz, the rate nearly all calls have, the filter is that of :mod:`~simkit.audio.resample`, and
so are its results, to the bit. A bridge converts a frame every 20 ms in both directions, and numpy
takes longer to be called than to compute so little. Therefore the filter is one matrix here: it
makes 20 samples at 8 kHz, or the 40 at 16 kHz that belong to them, out of all samples that they
depend on. Its product is exact in float64, as the sums of the filter are, whatever the order of
addition. The other rates have the filter of :mod:`~simkit.audio.any_rate`; 8 kHz has none.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from . import mulaw
from .any_rate import AnyRate
from .resample import DECIMATE, INTERPOLATE, clip

_Floats = npt.NDArray[np.float64]

_TAPS = len(INTERPOLATE)
_BLOCK = 20
"""Samples at 8 kHz that one row of a product holds."""
_MOST = 80 * _BLOCK
"""Samples at 8 kHz converted at once: a larger product would keep several processors busy."""
_BEFORE = 2 * (2 * _TAPS - 1)
"""Bytes at 16 kHz that a sample at 8 kHz depends on, besides those it comes with."""
_PCM = np.dtype("<i2")
_LOWEST, _HIGHEST = np.array(-32768.0), np.array(32767.0)


def _upwards() -> _Floats:
    """Return what makes 40 samples out of 20 and those before them; every second one is itself."""
    matrix = np.zeros((_BLOCK + _TAPS - 1, 2 * _BLOCK))
    for at in range(_BLOCK):
        matrix[at + _TAPS // 2 - 1, 2 * at] = 1
        matrix[at : at + _TAPS, 2 * at + 1] = INTERPOLATE
    return matrix


def _downwards() -> _Floats:
    """Return what makes 20 samples out of 40 and those before them."""
    matrix = np.zeros((2 * (_BLOCK + _TAPS) - 3, _BLOCK))
    for at in range(_BLOCK):
        matrix[2 * at : 2 * (at + _TAPS) : 2, at] = DECIMATE
        matrix[2 * at + _TAPS - 1, at] = 0.5
    return matrix


_UP, _DOWN = _upwards(), _downwards()
_LOUD = bytes(np.flatnonzero(abs(mulaw.EXACT) * abs(INTERPOLATE).sum() > _HIGHEST).tolist())
"""Codes without which nothing upwards has to be limited to 16 bits."""
_CODES = mulaw.CODES.take(np.r_[:32768, [32767] * 32768, [32768] * 32768, 32768:65536])
"""The codes of all that comes out downwards, as those of 16 bits but limited."""


class MulawToPcm:
    """mu-law at 8 kHz to 16-bit little-endian PCM at 16 kHz; keeps its state across calls."""

    def __init__(self) -> None:
        self._before = bytes([mulaw.SILENCE]) * (_TAPS - 1)

    def convert(self, data: bytes) -> bytes:
        """Return four bytes for each one of ``data``."""
        size = len(data)
        codes = self._before + data
        self._before = codes[size:]
        if size <= _MOST:
            return _up(codes, size)
        parts = range(0, size, _MOST)
        return b"".join(
            _up(codes[at : at + _MOST + _TAPS - 1], min(_MOST, size - at)) for at in parts
        )


def _up(codes: bytes, size: int) -> bytes:
    rows = -(-size // _BLOCK)
    codes += bytes(rows * _BLOCK - size)
    blocks: Any = np.ndarray((rows, len(_UP)), np.uint8, codes, 0, (_BLOCK, 1))
    total: _Floats = mulaw.EXACT.take(blocks).dot(_UP)
    if len(codes.translate(None, _LOUD)) < len(codes):
        clip(total, _LOWEST, _HIGHEST, total)
    np.rint(total, total)
    return total.astype(_PCM).tobytes()[: 4 * size]


class PcmToMulaw:
    """16-bit little-endian PCM at 16 kHz to mu-law at 8 kHz; keeps its state across calls.

    What ends in the middle of a sample, or after an odd one, waits for the next call.
    """

    def __init__(self) -> None:
        self._before = bytes(_BEFORE)

    def convert(self, data: bytes) -> bytes:
        """Return a byte for every two samples."""
        pcm = self._before + data
        size = (len(pcm) - _BEFORE) // 4
        self._before = pcm[4 * size :]
        if size <= _MOST:
            return _down(pcm, size)
        parts = range(0, size, _MOST)
        return b"".join(
            _down(pcm[4 * at : 4 * (at + _TAPS + _MOST)], min(_MOST, size - at)) for at in parts
        )


def _down(pcm: bytes, size: int) -> bytes:
    rows = -(-size // _BLOCK)
    pcm += bytes(4 * (rows * _BLOCK - size))
    blocks: Any = np.ndarray((rows, len(_DOWN)), _PCM, pcm, 0, (4 * _BLOCK, 2))
    total: _Floats = blocks.astype(np.float64).dot(_DOWN)
    np.rint(total, total)
    # Negative samples count from the end of the table, where their codes are.
    return _CODES.take(total.astype(np.intp)).tobytes()[:size]


class Converter(Protocol):
    """Converts a stream of bytes, cut anywhere."""

    def convert(self, data: bytes) -> bytes:
        """Return what ``data`` makes complete."""


def mulaw_to_pcm(rate: int) -> Converter:
    """Make a converter of mu-law at 8 kHz to 16-bit little-endian PCM.

    Raises:
        ValueError: a rate that is not from 8000 to 48,000 Hz.
    """
    return MulawToPcm() if rate == 2 * mulaw.RATE else _MulawToPcmAt(rate)


def pcm_to_mulaw(rate: int) -> Converter:
    """Make a converter of 16-bit little-endian PCM to mu-law at 8 kHz.

    Raises:
        ValueError: a rate that is not from 8000 to 48,000 Hz.
    """
    return PcmToMulaw() if rate == 2 * mulaw.RATE else _PcmToMulawAt(rate)


class _MulawToPcmAt:
    def __init__(self, rate: int) -> None:
        self._rate = None if rate == mulaw.RATE else AnyRate(mulaw.RATE, rate)

    def convert(self, data: bytes) -> bytes:
        samples = mulaw.decode(data)
        if self._rate is not None:
            samples = self._rate.process(samples)
        return samples.astype(_PCM, copy=False).tobytes()


class _PcmToMulawAt:
    def __init__(self, rate: int) -> None:
        self._rate = None if rate == mulaw.RATE else AnyRate(rate, mulaw.RATE)
        self._half = b""  # of a sample

    def convert(self, data: bytes) -> bytes:
        data = self._half + data
        whole = len(data) // 2
        self._half = data[2 * whole :]
        samples = np.frombuffer(data, _PCM, whole).astype(np.int16, copy=False)
        if self._rate is not None:
            samples = self._rate.process(samples)
        return mulaw.encode(samples)
