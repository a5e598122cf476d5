"""Sound that was cut, repeated, swapped and mixed at random, and the truth about each sample.

What the benchmark and the tests of provenance are judged against.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from simkit.audio import Samples, Speech, mulaw, voice
from simkit.audio.resample import resampler

SILENCE, FOREIGN = -1, -2
"""Stand where an utterance's key would."""

FRAME = 160
KINDS = ("silence", "cut", "other", "repeated", "swapped", "lost", "mix", "foreign")


@dataclass
class Played:
    """What was played: the sound, and per sample whose it is."""

    sound: Samples
    kind: npt.NDArray[np.int8]
    """Index into :data:`KINDS`."""
    key: npt.NDArray[np.int32]
    lag: npt.NDArray[np.int64]
    """Position in the stream minus offset in the utterance."""
    second: npt.NDArray[np.int32]
    """The other voice of a mix, or :data:`SILENCE`."""
    second_lag: npt.NDArray[np.int64]
    edges: list[int]
    """Positions at which one thing ends and another begins."""


@dataclass
class _Tape:
    draw: random.Random
    speeches: list[Speech]
    sound: list[npt.NDArray[np.float64]] = field(default_factory=list)
    marks: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    at: int = 0

    def put(
        self,
        kind: str,
        sound: npt.NDArray[np.float64],
        key: int,
        offset: int = 0,
        second: int = SILENCE,
        second_offset: int = 0,
    ) -> None:
        size = len(sound)
        lag, second_lag = self.at - offset, self.at - second_offset
        self.marks.append((KINDS.index(kind), size, key, lag, second, second_lag))
        self.sound.append(sound)
        self.at += size

    def take(self, key: int, first: int, size: int) -> npt.NDArray[np.float64]:
        return self.speeches[key].samples[first : first + size].astype(np.float64)

    def piece(self, shortest: int, longest: int) -> tuple[int, int, int]:
        """Return a key, an offset and a length."""
        key = self.draw.randrange(len(self.speeches))
        whole = self.speeches[key].spoken
        size = min(whole, self.draw.randint(shortest, longest))
        return key, self.draw.randint(0, whole - size), size


def play(draw: random.Random, speeches: list[Speech], edits: int) -> Played:
    """Play ``edits`` random pieces of ``speeches`` and of sound that is nobody's."""
    tape = _Tape(draw, speeches)
    for _ in range(edits):
        draw.choice(_EDITS)(tape)
        if draw.random() < 0.5:
            _silence(tape)
    tape.put("silence", np.zeros(1600), SILENCE)
    marks = np.array(tape.marks, dtype=np.int64)
    sizes = marks[:, 1]

    def per_sample(column: int) -> npt.NDArray[np.int64]:
        return np.repeat(marks[:, column], sizes)

    return Played(
        np.clip(np.concatenate(tape.sound), -32768, 32767).astype(np.int16),
        per_sample(0).astype(np.int8),
        per_sample(2).astype(np.int32),
        per_sample(3),
        per_sample(4).astype(np.int32),
        per_sample(5),
        _edges(marks),
    )


def _edges(marks: npt.NDArray[np.int64]) -> list[int]:
    """Return where what is played changes; two pieces that happen to fit are one."""
    ends = np.cumsum(marks[:, 1])[:-1]
    changed = (marks[1:, 2] != marks[:-1, 2]) | (
        (marks[1:, 2] >= 0) & (marks[1:, 3] != marks[:-1, 3])
    )
    mixed = (marks[1:, 4] != SILENCE) | (marks[:-1, 4] != SILENCE)
    return [int(end) for end in ends[changed & ~mixed]]


def _silence(tape: _Tape) -> None:
    tape.put("silence", np.zeros(tape.draw.randint(FRAME, 4800)), SILENCE)


def _cut(tape: _Tape) -> None:
    """Play a piece from anywhere."""
    key, first, size = tape.piece(1600, 12_000)
    tape.put("cut", tape.take(key, first, size), key, first)


def _other(tape: _Tape) -> None:
    """Break into one utterance with 40 to 400 ms of another, and go on."""
    key, first, size = tape.piece(6400, 9600)
    half = size // 2
    tape.put("cut", tape.take(key, first, half), key, first)
    other = tape.draw.choice([k for k in range(len(tape.speeches)) if k != key])
    length = min(tape.draw.randint(2, 20) * FRAME, tape.speeches[other].spoken)
    start = tape.draw.randint(0, tape.speeches[other].spoken - length)
    tape.put("other", tape.take(other, start, length), other, start)
    tape.put("cut", tape.take(key, first + half, size - half), key, first + half)


def _repeated(tape: _Tape) -> None:
    """Play 20 to 60 ms again, in place of what comes then or before it."""
    key, first, size = tape.piece(6400, 9600)
    half, length = size // 2, tape.draw.randint(1, 3) * FRAME
    tape.put("cut", tape.take(key, first, half), key, first)
    tape.put("repeated", tape.take(key, first + half - length, length), key, first + half - length)
    if tape.draw.random() < 0.5:
        half += length
    tape.put("cut", tape.take(key, first + half, size - half), key, first + half)


def _swapped(tape: _Tape) -> None:
    """Let two frames of 20 ms change places."""
    key, first, size = tape.piece(6400, 9600)
    at = first + size // 2
    tape.put("cut", tape.take(key, first, at - first), key, first)
    tape.put("swapped", tape.take(key, at + FRAME, FRAME), key, at + FRAME)
    tape.put("swapped", tape.take(key, at, FRAME), key, at)
    at += 2 * FRAME
    tape.put("cut", tape.take(key, at, first + size - at), key, at)


def _lost(tape: _Tape) -> None:
    """Leave out 20 to 200 ms."""
    key, first, size = tape.piece(6400, 9600)
    half, length = size // 2, tape.draw.randint(1, 10) * FRAME
    tape.put("cut", tape.take(key, first, half), key, first)
    rest = size - half - length
    tape.put("lost", tape.take(key, first + half + length, rest), key, first + half + length)


def _mix(tape: _Tape) -> None:
    """Let a second voice join for a while, as loud or up to 12 dB quieter."""
    key, first, size = tape.piece(9600, 12_800)
    other, start, length = tape.piece(2400, 4000)
    while other == key:
        other, start, length = tape.piece(2400, 4000)
    length = min(length, size // 2)
    half = (size - length) // 2
    gain = tape.draw.choice((1.0, 0.5, 0.25))
    tape.put("cut", tape.take(key, first, half), key, first)
    mixed = tape.take(key, first + half, length) + gain * tape.take(other, start, length)
    tape.put("mix", mixed, key, first + half, other, start)
    half += length
    tape.put("cut", tape.take(key, first + half, size - half), key, first + half)


def _foreign(tape: _Tape) -> None:
    """Play what nobody said: another voice, noise, a tone."""
    draw, size = tape.draw, tape.draw.randint(800, 6400)
    what = draw.randrange(3)
    if what == 0:
        sound = voice.speak("Nobody said this here today.", draw).samples[:size].astype(np.float64)
    elif what == 1:
        noise = np.frombuffer(draw.randbytes(size), dtype=np.int8)
        sound = noise.astype(np.float64) * draw.choice((4, 20, 60))
    else:
        sound = 6000 * np.sin(np.arange(size) * draw.uniform(0.15, 2.0))
    tape.put("foreign", sound, FOREIGN)


_EDITS: tuple[Callable[[_Tape], None], ...] = (
    _cut,
    _other,
    _repeated,
    _swapped,
    _lost,
    _mix,
    _foreign,
)


# What happens to sound on the way


def as_it_is(sound: Samples) -> Samples:
    """Return the sound itself."""
    return sound


def companded(sound: Samples) -> Samples:
    """Return what is left after mu-law."""
    return mulaw.decode(mulaw.encode(sound))


def quieter(sound: Samples) -> Samples:
    """Turn it down by 10 dB, then mu-law."""
    return companded((sound * 0.316).astype(np.int16))


def louder(sound: Samples) -> Samples:
    """Turn it up by 6 dB, with clipping, then mu-law."""
    return companded(np.clip(sound * 2.0, -32768, 32767).astype(np.int16))


def by_16k(sound: Samples) -> Samples:
    """Go to 16 kHz and back, with mu-law on either side."""
    padded = np.concatenate((companded(sound), np.zeros(24, dtype=np.int16)))
    back = resampler(16_000, 8000).process(resampler(8000, 16_000).process(padded))
    return companded(back[24:])


def by_24k(sound: Samples) -> Samples:
    """Go to 24 kHz and back by scipy's polyphase filter, then mu-law."""
    from scipy.signal import resample_poly

    back = resample_poly(resample_poly(sound.astype(np.float64), 3, 1), 1, 3)
    return companded(np.clip(np.rint(back), -32768, 32767).astype(np.int16))


def noisy(sound: Samples) -> Samples:
    """Add noise 20 dB below speech, then mu-law."""
    draw = random.Random(len(sound))
    noise = np.frombuffer(draw.randbytes(len(sound)), dtype=np.int8).astype(np.float64)
    return companded(np.clip(sound + noise * 3.0, -32768, 32767).astype(np.int16))


CHANNELS: dict[str, Callable[[Samples], Samples]] = {
    "as it is": as_it_is,
    "mu-law": companded,
    "-10 dB": quieter,
    "+6 dB, clipped": louder,
    "16 kHz and back": by_16k,
    "24 kHz and back": by_24k,
    "noise": noisy,
}
