"""Transcoding: Twilio's mu-law at 8 kHz to and from what was declared to Vapi."""

from __future__ import annotations

from ..audio.transcode import mulaw_to_pcm, pcm_to_mulaw


class ToVapi:
    """Caller audio, mu-law in; mu-law or PCM at ``rate`` out. Keeps its state across frames."""

    def __init__(self, *, as_mulaw: bool, rate: int = 16000) -> None:
        self.convert = _unchanged if as_mulaw else mulaw_to_pcm(rate).convert
        """Convert a frame of any size."""


class FromVapi:
    """Agent audio, as declared; mu-law out. Frames may end in the middle of a sample."""

    def __init__(self, *, as_mulaw: bool, rate: int = 16000) -> None:
        self.convert = _unchanged if as_mulaw else pcm_to_mulaw(rate).convert
        """Convert a frame of any size."""


def _unchanged(data: bytes) -> bytes:
    return data
