"""The mouth: what the caller says, placed sample by sample on the call's clock."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..audio import Samples, Speech, mulaw, read_speech
from ..audio.spool import Spool
from ..audio.voices import Voice
from .carrier import CarrierLeg
from .concealment import SILENT, Concealer
from .playout import BYTE_NS, PACKET, PACKET_NS

_SOUND_FILES = (".wav", ".flac")
_PIECE = 480_000
"""Samples that are mixed at once: a minute of a recorded call."""
_AHEAD = 25
"""Frames that are read at once."""


def speech_of(
    words: str | Speech | Path, seconds: float | None, speak: Voice, draw: random.Random
) -> Speech:
    """Return what is said: a text in a voice, speech as it is, or what a sound file holds.

    Raises:
        AudioFileError: the file is missing, damaged or of another kind than expected.
        TypeError: ``words`` is something else.
        ValueError: a text that names a sound file, or ``seconds`` for what is no text.
    """
    if isinstance(words, str):
        if words.lower().endswith(_SOUND_FILES) and " " not in words:
            raise ValueError(f"says({words!r}) would speak that text: say Path({words!r})")
        return speak(words, draw, seconds)
    if seconds is not None:
        raise ValueError(
            f"seconds is for texts: recorded speech lasts as long as it does; found {seconds!r}"
        )
    if not isinstance(words, Speech | Path):
        raise TypeError(f"says: a text, Speech, or the Path of a sound file; found {words!r}")
    return words if isinstance(words, Speech) else read_speech(words)


@dataclass
class Surroundings:
    """Sound that goes on around the caller: samples ``start`` to ``end`` of the call."""

    loop: Samples
    start: int
    end: int = sys.maxsize


class Mouth:
    """The caller's sound, as mu-law, from the moment a stream listens.

    Args:
        leg: the carrier leg towards Twilio; None: nothing lies between.
    """

    def __init__(self, leg: CarrierLeg | None = None) -> None:
        self._leg = leg
        self._concealer = None if leg is None else Concealer(leg)
        self._codes = Spool()
        self._around: list[Surroundings] = []
        self._origin_ns: int | None = None
        self._ahead: list[bytes] = []
        self._ahead_ns = 0  # when the first of these is due

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
        self._ahead = []
        for first in range(0, len(samples), _PIECE):
            piece = samples[first : first + _PIECE]
            place = slice(at + first, at + first + len(piece))
            self._codes.extend(SILENT[:1] * (place.stop - len(self._codes)))
            before = mulaw.decode(self._codes[place]).astype(np.int32)
            mixed = np.clip(before + piece, -32768, 32767).astype(np.int16)
            self._codes[place] = mulaw.encode(mixed)
        return self.origin_ns + at * BYTE_NS

    def surround(self, loop: Samples, not_before_ns: int) -> tuple[int, Callable[[int], None]]:
        """Put sound under everything else, over and over, until it is told to end.

        Returns:
            The instant of its first sample, and what ends it at an instant.
        """
        at = max(0, -((self.origin_ns - not_before_ns) // BYTE_NS))
        sound = Surroundings(loop, at)
        self._around.append(sound)
        self._ahead = []

        def end(end_ns: int) -> None:
            self._ahead = []
            sound.end = max(at, (end_ns - self.origin_ns) // BYTE_NS)

        return self.origin_ns + at * BYTE_NS, end

    def frame_before(self, end_ns: int) -> bytes:
        """Return the 20 ms of sound that reach Twilio as of an instant.

        On a clear line these are the 20 ms that end there; otherwise earlier ones, or what stands
        for a packet that is missing.
        """
        leg = self._leg
        if leg is None or self._concealer is None or leg.is_clear:
            number, between = divmod(end_ns - self._ahead_ns, PACKET_NS)
            if between or not 0 <= number < len(self._ahead):
                self._read_ahead(end_ns)
                number = 0
            return self._ahead[number]
        at = (end_ns - PACKET_NS - self.origin_ns) // BYTE_NS
        number = at // PACKET - leg.delay_packets
        if number < 0:
            return SILENT
        if not leg.arrives(number):
            return self._concealer.missing(number)
        return self._concealer.received(self._frames(at - leg.delay_packets * PACKET, 1)[0])

    def _read_ahead(self, end_ns: int) -> None:
        """Read the frames that are due from an instant on, as long as nothing else is said."""
        at = (end_ns - PACKET_NS - self.origin_ns) // BYTE_NS
        self._ahead, self._ahead_ns = self._frames(at, _AHEAD), end_ns

    def _frames(self, at: int, count: int) -> list[bytes]:
        """Return pieces of 20 ms of the caller's sound."""
        if at >= len(self._codes) and not self._around:
            return [SILENT] * count
        size = count * PACKET
        codes = self._codes[max(0, at) : max(0, at + size)]
        codes = (SILENT[:1] * -at + codes).ljust(size, SILENT[:1])
        codes = self._surrounded(codes, at)
        return [codes[first : first + PACKET] for first in range(0, size, PACKET)]

    def _surrounded(self, codes: bytes, at: int) -> bytes:
        """Add what is to be heard around the caller to sound that begins at a sample."""
        for sound in self._around:
            first, last = max(at, sound.start), min(at + len(codes), sound.end)
            if first < last:
                where = np.arange(first - sound.start, last - sound.start) % len(sound.loop)
                total = mulaw.decode(codes).astype(np.int32)
                total[first - at : last - at] += sound.loop[where]
                codes = mulaw.encode(np.clip(total, -32768, 32767).astype(np.int16))
        return codes

    def samples(self, length: int) -> Samples:
        """Return the first ``length`` samples of the call, silence included."""
        codes = self._codes[:length].ljust(length, SILENT[:1])
        return mulaw.decode(self._surrounded(codes, 0))
