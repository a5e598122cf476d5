"""The bridge's own ear: voice or silence, by loudness alone. Off unless it is asked for."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..audio import mulaw

_BYTE_NS = 125_000
_FULL_SCALE = 32768.0


class OwnVad:
    """Tells when the caller has spoken for a while without a pause, and when they are done.

    Args:
        level_db: loudness of voice, in dB below full scale.
        voice_ns: voice without a pause that counts.
        silence_ns: silence after which the turn is over.
    """

    def __init__(self, *, level_db: float, voice_ns: int, silence_ns: int) -> None:
        self._power = _FULL_SCALE**2 * 10 ** (level_db / 10)
        self._voice_ns = voice_ns
        self._silence_ns = silence_ns
        self._loud_ns = self._quiet_ns = 0
        self.is_speaking = False
        """True from the end of the first stretch of voice to the end of the turn."""

    def hear(self, sound: bytes) -> Literal["speaks", "done"] | None:
        """Take mu-law; returns what it brought about."""
        if not sound:
            return None
        samples = mulaw.EXACT.take(np.frombuffer(sound, np.uint8))
        duration_ns = len(sound) * _BYTE_NS
        if samples.dot(samples) >= self._power * len(sound):
            self._quiet_ns = 0
            self._loud_ns += duration_ns
            if self.is_speaking or self._loud_ns < self._voice_ns:
                return None
            self.is_speaking = True
            return "speaks"
        self._loud_ns = 0
        self._quiet_ns += duration_ns
        if not self.is_speaking or self._quiet_ns < self._silence_ns:
            return None
        self.is_speaking = False
        return "done"
