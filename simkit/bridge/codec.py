"""Transcoding: Twilio's mu-law at 8 kHz to and from what was declared to Vapi."""

from __future__ import annotations

import numpy as np

from ..audio import mulaw
from ..audio.resample import Downsampler, Upsampler


class ToVapi:
    """Caller audio, mu-law in; mu-law or PCM at 16 kHz out. Keeps its state across frames."""

    def __init__(self, *, as_mulaw: bool) -> None:
        self._upsampler = None if as_mulaw else Upsampler()

    def convert(self, data: bytes) -> bytes:
        """Convert a frame of any size."""
        if self._upsampler is None:
            return data
        return self._upsampler.process(mulaw.decode_exact(data)).tobytes()


class FromVapi:
    """Agent audio, as declared; mu-law out. Frames may end in the middle of a sample."""

    def __init__(self, *, as_mulaw: bool) -> None:
        self._downsampler = None if as_mulaw else Downsampler()
        self._odd = b""

    def convert(self, data: bytes) -> bytes:
        """Convert a frame of any size."""
        if self._downsampler is None:
            return data
        if self._odd:
            data = self._odd + data
        if len(data) & 1:
            data, self._odd = data[:-1], data[-1:]
        else:
            self._odd = b""
        return mulaw.encode(self._downsampler.process(np.frombuffer(data, dtype="<i2")))
