"""What people say in a part of a recording, and in two parts put together."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

import msgspec
import numpy as np
from msgspec.structs import replace

from ..audio import RATE, Samples
from .format import RecordedEvent, SoundRef, Speaks
from .reading import Recording
from .splicing import instant

_NEAR = RATE // 50
"""Samples that an utterance may be off the call's clock, by rounding and by hand."""


def sample_at(t_ns: int) -> int:
    """Return the sample of the call's clock, 8 kHz, that is nearest to an instant."""
    return round(t_ns * RATE / 1e9)


def off_clock(said: Iterable[tuple[RecordedEvent, Speaks]]) -> set[str]:
    """Return the files that do not hold a whole side of the call, sample 0 being its begin."""
    return {
        one.sound.file
        for event, one in said
        if abs(one.sound.start - sample_at(instant(event))) > _NEAR
    }


def speech_between(
    recording: Recording, begin_ns: int, end_ns: int
) -> tuple[list[RecordedEvent], dict[str, Samples]]:
    """Return what was said between two instants, at those it was said at, and the sounds for it.

    An utterance on the border is cut there, and so are its words.
    """
    said = [*recording.speech("caller"), *recording.speech("agent")]
    first, last = sample_at(begin_ns), sample_at(end_ns)
    kept = []
    wanted: dict[str, list[tuple[int, int]]] = {}
    for event, one in said:
        ref, at = one.sound, sample_at(instant(event))
        low, high = max(0, first - at), min(ref.samples, last - at)
        if low < high:
            kept.append((event, one, low, high))
            wanted.setdefault(ref.file, []).append((ref.start + low, ref.start + high))
    off = off_clock(said)
    stretches = {
        # The side of the call between the two instants, and what lies off its clock a little.
        name: _Stretches(parts if name in off else [*parts, (first, last)])
        for name, parts in wanted.items()
    }
    events = []
    for event, one, low, high in kept:
        start = stretches[one.sound.file].place(one.sound.start + low)
        part = _part(one, low, high, start)
        t_ns = instant(event) if low == 0 else max(begin_ns, instant(event) + low * 125_000)
        events.append(replace(event, t_ms=t_ns / 1e6, message=msgspec.to_builtins(part)))
    sounds = {
        name: np.concatenate([recording.sounds[name][low:high] for low, high in parts.parts])
        for name, parts in stretches.items()
    }
    return events, sounds


class _Stretches:
    """Stretches of a sound, those that touch as one, laid one after the other."""

    def __init__(self, parts: list[tuple[int, int]]) -> None:
        self.parts: list[tuple[int, int]] = []
        for low, high in sorted(parts):
            if self.parts and low <= self.parts[-1][1]:
                self.parts[-1] = self.parts[-1][0], max(high, self.parts[-1][1])
            else:
                self.parts.append((low, high))
        self._before = [0, *accumulate(high - low for low, high in self.parts)]

    def place(self, sample: int) -> int:
        """Return where a sample of the sound lies now."""
        index = bisect_right(self.parts, (sample, 1 << 40)) - 1
        return self._before[index] + sample - self.parts[index][0]


def _part(said: Speaks, low: int, high: int, start: int) -> Speaks:
    """Return an utterance from one of its samples to another."""
    ref = SoundRef(said.sound.file, start, high - low)
    if low == 0 and high == said.sound.samples:
        return replace(said, sound=ref)
    words = [
        (word, max(begin, low) - low, min(end, high) - low)
        for word, begin, end in said.words
        if begin < high and low < end
    ]
    text = " ".join(word for word, _, _ in words) or said.text
    return Speaks(text, ref, words)
