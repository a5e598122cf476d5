"""What people say in a part of a recording, and in two parts put together."""

from __future__ import annotations

from collections.abc import Iterable

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


def is_on_clock(said: Iterable[tuple[RecordedEvent, Speaks]], file: str) -> bool:
    """Tell whether a file holds a whole side of the call: its first sample is the call's begin."""
    return all(
        abs(one.sound.start - sample_at(instant(event))) <= _NEAR
        for event, one in said
        if one.sound.file == file
    )


def speech_between(
    recording: Recording, begin_ns: int, end_ns: int
) -> tuple[list[RecordedEvent], dict[str, Samples]]:
    """Return what was said between two instants, at those it was said at, and the sounds for it.

    An utterance on the border is cut there, and so are its words.
    """
    said = [*recording.speech("caller"), *recording.speech("agent")]
    events: list[RecordedEvent] = []
    pieces: dict[str, list[Samples]] = {}
    lengths: dict[str, int] = {}
    first, last = sample_at(begin_ns), sample_at(end_ns)
    on_clock = {one.sound.file: is_on_clock(said, one.sound.file) for _, one in said}
    for event, one in said:
        ref, at = one.sound, sample_at(instant(event))
        low, high = max(0, first - at), min(ref.samples, last - at)
        if low >= high:
            continue
        sound = recording.sounds[ref.file]
        if on_clock[ref.file]:
            if ref.file not in pieces:
                pieces[ref.file] = [sound[first:last]]
            start = ref.start + low - first
            # By rounding, or as it is off the clock a little.
            start, high = max(0, start), min(high, low + len(pieces[ref.file][0]) - max(0, start))
            if low >= high:
                continue
        else:
            start = lengths.get(ref.file, 0)
            pieces.setdefault(ref.file, []).append(sound[ref.start + low : ref.start + high])
            lengths[ref.file] = start + high - low
        part = _part(one, low, high, start)
        t_ns = instant(event) if low == 0 else max(begin_ns, instant(event) + low * 125_000)
        events.append(replace(event, t_ms=t_ns / 1e6, message=msgspec.to_builtins(part)))
    return events, {name: np.concatenate(parts) for name, parts in pieces.items()}


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
