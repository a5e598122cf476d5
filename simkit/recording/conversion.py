"""Audio of one format on the wire as audio of another, in a stream."""

from __future__ import annotations

import numpy as np

from ..audio import Samples, mulaw
from ..audio.resample import resampler
from .media import MediaFormat


class Conversion:
    """Converts from one format to another; keeps its state across calls.

    Between 8 and 16 kHz, and from 8 to 24, by the filters of :mod:`simkit.audio.resample`; between
    other rates on straight lines. What ends in the middle of a sample waits for the next call.

    >>> to_pcm = Conversion(MediaFormat("mulaw", 8000), MediaFormat("pcm_s16le", 16000))
    >>> len(to_pcm.convert(bytes(160)))
    640
    """

    def __init__(self, source: MediaFormat, target: MediaFormat) -> None:
        self._source, self._target = source, target
        self._resampler = resampler(source.rate, target.rate)
        self._odd = b""

    def convert(self, data: bytes) -> bytes:
        """Return audio in the other format."""
        if self._source == self._target:
            return data
        samples = self.samples(data)
        if self._target.encoding == "mulaw":
            return mulaw.encode(samples)
        return samples.astype("<i2").tobytes()

    def samples(self, data: bytes) -> Samples:
        """Return samples at the other rate."""
        if self._source.encoding == "mulaw":
            samples = mulaw.decode(data)
        else:
            data = self._odd + data
            whole = len(data) & ~1
            self._odd = data[whole:]
            samples = np.frombuffer(data, "<i2", whole // 2).astype(np.int16)
        return self._resampler.process(samples)
