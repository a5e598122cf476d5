"""Voice activity by WebRTC's detector, where it is installed; loudness needs no module."""

from __future__ import annotations

from collections.abc import Callable

from ..audio import RATE, Samples


def webrtc(mode: int) -> Callable[[Samples], bool]:
    """Return WebRTC's detector: it takes 20 ms at 8 kHz and says whether there is voice in it.

    Args:
        mode: 0 (lets much pass for voice) to 3 (little).

    Raises:
        ModuleNotFoundError: the package is not installed; says which.
    """
    try:
        import webrtcvad
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            'the voice detector "webrtc" needs the package webrtcvad-wheels; '
            'pip install "simkit[vad]" installs it'
        ) from None
    detector = webrtcvad.Vad(mode)

    def has_voice(block: Samples) -> bool:
        return bool(detector.is_speech(block.astype("<i2").tobytes(), RATE))

    return has_voice
