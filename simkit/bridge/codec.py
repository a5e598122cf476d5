"""Transcoding: Twilio's mu-law at 8 kHz to and from what was declared to Vapi."""

from __future__ import annotations

from ..audio.transcode import MulawToPcm, PcmToMulaw


class ToVapi:
    """Caller audio, mu-law in; mu-law or PCM at 16 kHz out. Keeps its state across frames."""

    def __init__(self, *, as_mulaw: bool) -> None:
        self.convert = _unchanged if as_mulaw else MulawToPcm().convert
        """Convert a frame of any size."""


class FromVapi:
    """Agent audio, as declared; mu-law out. Frames may end in the middle of a sample."""

    def __init__(self, *, as_mulaw: bool) -> None:
        self.convert = _unchanged if as_mulaw else PcmToMulaw().convert
        """Convert a frame of any size."""


def _unchanged(data: bytes) -> bytes:
    return data
