"""The mouth: what the caller says, placed sample by sample on the call's clock."""

from __future__ import annotations

import numpy as np

from ..audio import Samples, mulaw
from .playout import BYTE_NS, PACKET, PACKET_NS

_SILENT_FRAME = bytes([mulaw.SILENCE]) * PACKET


class Mouth:
    """The caller's sound, as mu-law, from the moment a stream listens."""

    def __init__(self) -> None:
        self._codes = bytearray()
        self._origin_ns: int | None = None

    @property
    def origin_ns(self) -> int:
        """Instant of the first sample; it exists once a stream has started."""
        if self._origin_ns is None:
            raise RuntimeError("nobody listens to the caller yet: the stream has not started")
        return self._origin_ns

    def begin(self, origin_ns: int) -> None:
        """Let the call's clock begin, at the first stream."""
        if self._origin_ns is None:
            self._origin_ns = origin_ns

    def place(self, samples: Samples, not_before_ns: int) -> int:
        """Add sound to the call, from the first sample at or after an instant.

        Returns:
            The instant of its first sample.
        """
        at = max(0, -((self.origin_ns - not_before_ns) // BYTE_NS))
        end = at + len(samples)
        if len(self._codes) < end:
            self._codes.extend(bytes([mulaw.SILENCE]) * (end - len(self._codes)))
        before = mulaw.decode(bytes(self._codes[at:end])).astype(np.int32)
        mixed = np.clip(before + samples, -32768, 32767).astype(np.int16)
        self._codes[at:end] = mulaw.encode(mixed)
        return self.origin_ns + at * BYTE_NS

    def frame_before(self, end_ns: int) -> bytes:
        """Return the 20 ms of sound that end at an instant."""
        at = (end_ns - PACKET_NS - self.origin_ns) // BYTE_NS
        if at >= len(self._codes):
            return _SILENT_FRAME
        frame = bytes(self._codes[max(0, at) : at + PACKET])
        return frame if len(frame) == PACKET else frame.ljust(PACKET, bytes([mulaw.SILENCE]))

    def samples(self, length: int) -> Samples:
        """Return the first ``length`` samples of the call, silence included."""
        codes = bytes(self._codes[:length]).ljust(length, bytes([mulaw.SILENCE]))
        return mulaw.decode(codes)
