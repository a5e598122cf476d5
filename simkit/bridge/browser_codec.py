"""Transcoding for browsers: 16-bit PCM to and from what was declared to Vapi."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..audio import RATE, mulaw
from ..audio.any_rate import HIGHEST_RATE, LOWEST_RATE, AnyRate
from ..audio.transcode import pcm_to_mulaw
from ..wire import WireError

_PCM = np.dtype("<i2")
_FRAME = 160
"""Samples at 8 kHz of 20 ms."""


def to_vapi(rate: int, vapi_rate: int, *, as_mulaw: bool) -> Callable[[bytes], bytes]:
    """Return what converts a page's PCM, and keeps its state from chunk to chunk.

    PCM of Vapi's rate stays as it is; any other loses what lies above 4 kHz, as on the phone.

    Raises:
        WireError: the rate cannot be converted.
    """
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise WireError(
            f"audio: sampleRate: expected {LOWEST_RATE} to {HIGHEST_RATE}, found {rate}"
        )
    if as_mulaw:
        return pcm_to_mulaw(rate).convert
    if rate == vapi_rate:
        return _unchanged
    down = None if rate == RATE else AnyRate(rate, RATE)
    up = None if vapi_rate == RATE else AnyRate(RATE, vapi_rate)

    def convert(data: bytes) -> bytes:
        samples = np.frombuffer(data, _PCM).astype(np.int16, copy=False)
        for step in (down, up):
            if step is not None:
                samples = step.process(samples)
        return samples.astype(_PCM, copy=False).tobytes()

    return convert


class FromVapi:
    """The agent's audio, as declared; PCM of the same rate out. Frames may end in mid-sample."""

    def __init__(self, *, as_mulaw: bool) -> None:
        self._as_mulaw = as_mulaw
        self._half = b""

    def convert(self, data: bytes) -> bytes:
        """Convert a frame of any size."""
        if self._as_mulaw:
            return mulaw.decode(data).astype(_PCM, copy=False).tobytes()
        data = self._half + data
        whole = len(data) - len(data) % 2
        self._half = data[whole:]
        return data[:whole]


class Ear:
    """Frames of 20 ms of what goes to Vapi, as mu-law at 8 kHz: what loudness is judged by."""

    def __init__(self, rate: int, *, as_mulaw: bool) -> None:
        samples = rate // 50
        self.frame = samples if as_mulaw else 2 * samples
        """Bytes of a frame."""
        self.silence = bytes([mulaw.SILENCE]) * samples if as_mulaw else bytes(2 * samples)
        self._picked = None if as_mulaw else np.arange(_FRAME) * samples // _FRAME
        self._rest = b""

    def hear(self, sound: bytes) -> list[bytes]:
        """Return the frames that are whole now."""
        sound = self._rest + sound
        whole = len(sound) // self.frame * self.frame
        self._rest = sound[whole:]
        return [self.as_mulaw(sound[at : at + self.frame]) for at in range(0, whole, self.frame)]

    def as_mulaw(self, frame: bytes) -> bytes:
        """Return a frame as mu-law, without a filter: its loudness is all that counts."""
        if self._picked is None:
            return frame
        return mulaw.encode(np.frombuffer(frame, _PCM).take(self._picked))


def _unchanged(data: bytes) -> bytes:
    return data
