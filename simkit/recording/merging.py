"""Merging: two recordings of one call become one.

One may be of Twilio's leg and the other of Vapi's, one may go on where the other ends, or both may
overlap. What both hold is taken from the first.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from ..audio import Samples, files
from .aligning import Alignment, align, key_of
from .format import Cut, Header, RecordedEvent, RecordingError, Speaks
from .media import TWILIO_STEP_MS, Frame
from .numbering import is_numbered, later, sequence_of
from .reading import Recording, read
from .speech_parts import off_clock, sample_at
from .splicing import Piece, frames_in, instant, sliced, splice, trimmed

_SAME_NS = 250_000_000
"""The same message within this time is one message, taken down twice."""
_STEP_NS = TWILIO_STEP_MS * 1_000_000
_FOREVER = 1 << 62
_GIVEN = "as was said"

_Way = tuple[str, str | None]


@dataclass
class MergeReport:
    """What became of two recordings."""

    offset_ms: float
    """How much later the second began."""
    by: str
    """How that is known."""
    events: int = 0
    doubled: int = 0
    """Messages and frames that both held."""


def merge(first: Path, second: Path, output: Path, *, offset_s: float | None = None) -> MergeReport:
    """Make one recording of two of the same call.

    Args:
        first: a recording.
        second: another.
        output: where the result goes; must not exist.
        offset_s: how many seconds the second began after the first; None: it is found.

    Raises:
        RecordingError: one cannot be read, they do not agree, or the result cannot be written.
    """
    if offset_s is not None and not abs(offset_s) <= files.MAX_SECONDS:
        raise RecordingError(
            f"offset: found {offset_s:g} s, expected at most {files.MAX_SECONDS} either way"
        )
    one, other = read(first), read(second)
    found = align(one, other) if offset_s is None else Alignment(round(offset_s * 1e9), _GIVEN)
    report = MergeReport(found.offset_ns / 1e6, found.by)
    if found.offset_ns < 0:
        one, other = other, one
    offset_ns = abs(found.offset_ns)
    pieces = _Union(one, other, offset_ns, report).pieces()
    said, sounds = _speech(one, other, offset_ns)
    pieces += said
    pieces.sort(key=lambda piece: piece.event.t_ms)
    report.events = len(pieces)
    splice(output, _header(one, other, offset_ns), pieces, sounds)
    return report


def _header(one: Recording, other: Recording, offset_ns: int) -> Header:
    duration_ms = max(one.duration_ms, round(other.duration_ms * 1e6 + offset_ns) / 1e6)
    mine, theirs = one.header, other.header
    notes = [*mine.notes, *(note for note in theirs.notes if note not in mine.notes)]
    source = mine.source
    if theirs.source != source:
        source = f"{source} and {theirs.source}"[:500]
    part = None
    if mine.cut is not None and theirs.cut is not None:
        part = Cut(mine.cut.from_ms, max(mine.cut.to_ms, theirs.cut.to_ms), mine.cut.of_ms)
        part = None if part.from_ms == 0 and part.to_ms >= part.of_ms else part
    return replace(
        mine,
        source=source,
        duration_ms=duration_ms if duration_ms > 0 else None,
        links_ms={**theirs.links_ms, **mine.links_ms},
        assistant={**theirs.assistant, **mine.assistant},
        notes=notes,
        cut=part,
    )


class _Union:
    """Messages and media of both, on the first one's clock."""

    def __init__(
        self, one: Recording, other: Recording, offset_ns: int, report: MergeReport
    ) -> None:
        self._one, self._other = one, other
        self._offset_ns = offset_ns
        self._report = report
        self._messages = _Instants()
        self._spans: dict[_Way, tuple[int, int]] = {}
        """First and last instant of the first one's frames."""
        for event in one.events:
            way = (event.leg, event.direction)
            if event.media is not None:
                known = frames_in(event)
                begin, end = self._spans.get(way, (known[0].t_ns, 0))
                self._spans[way] = begin, max(end, known[-1].t_ns)
            elif event.leg in ("twilio", "vapi"):
                self._messages.add(key_of(event), instant(event))
        self._chunks = _Chunks(one)
        is_cut = one.header.cut is not None and other.header.cut is not None
        self._is_one_stream = not is_cut and any(
            self._chunks.same(_moved(event, offset_ns)) for event in other.events
        )
        self._margin_ns = 1 if is_cut else _STEP_NS // 4
        """After the first one's last frame: what came earlier is that frame once more."""

    def pieces(self) -> list[Piece]:
        """Return all lines but those of people."""
        mine = [event for event in self._one.events if event.leg in ("twilio", "vapi")]
        new = [
            part
            for event in self._other.events
            if event.leg in ("twilio", "vapi")
            for part in self._new(event)
        ]
        if not self._is_one_stream:
            new = _going_on(mine, new, is_next=_is_next_part(self._one, self._other))
        pieces = [Piece(event, self._one) for event in mine]
        return pieces + [Piece(event, self._other) for event in new] + self._end()

    def _end(self) -> list[Piece]:
        """Return how the call ended: as the one says that went on longer."""
        mine, theirs = (
            [Piece(_moved(event, by_ns), who) for event in who.events if event.leg == "call"]
            for who, by_ns in ((self._one, 0), (self._other, self._offset_ns))
        )
        is_longer = self._other.duration_ms + self._offset_ns / 1e6 > self._one.duration_ms
        return theirs if is_longer or not mine else mine

    def _new(self, event: RecordedEvent) -> list[RecordedEvent]:
        """Return what of an event of the second recording is not in the first."""
        moved = _moved(event, self._offset_ns)
        if moved.media is None:
            if self._is_known(event, instant(moved)):
                self._report.doubled += 1
                return []
            return [moved]
        parts = list(self._new_frames(moved))
        new = sum(part.media.count for part in parts if part.media is not None)
        self._report.doubled += moved.media.count - new
        return parts

    def _is_known(self, event: RecordedEvent, t_ns: int) -> bool:
        key = key_of(event)
        if event.origin == "inferred" and event.t_ms == 0 and key in self._messages:
            return True  # of the opening, which every part has
        return self._messages.take(key, t_ns)

    def _new_frames(self, event: RecordedEvent) -> Iterator[RecordedEvent]:
        span = self._spans.get((event.leg, event.direction))
        if span is None:
            yield event
        elif self._is_one_stream and is_numbered(event):
            yield from self._chunks.others(event)
        else:  # what came while the first recording went on is in it
            begin, end = span
            for part in (trimmed(event, 0, begin), trimmed(event, end + self._margin_ns, _FOREVER)):
                if part is not None:
                    yield part


class _Instants:
    """When things were that may be met again; all in order of time."""

    def __init__(self) -> None:
        self._known: dict[Any, deque[int]] = defaultdict(deque)
        self._keys: set[Any] = set()

    def add(self, key: Any, t_ns: int) -> None:
        """Note one."""
        self._known[key].append(t_ns)
        self._keys.add(key)

    def __contains__(self, key: Any) -> bool:
        return key in self._keys

    def take(self, key: Any, t_ns: int) -> bool:
        """Tell whether one was at about an instant; each stands for one only."""
        known = self._known.get(key)
        while known and known[0] < t_ns - _SAME_NS:
            known.popleft()
        if known and known[0] <= t_ns + _SAME_NS:
            known.popleft()
            return True
        return False


class _Chunks:
    """Twilio's numbers of the frames of a recording."""

    def __init__(self, recording: Recording) -> None:
        self._runs = sorted(
            (event.media.chunk, event.media.count, instant(event))
            for event in recording.events
            if event.media is not None and is_numbered(event) and event.media.chunk is not None
        )

    def _run_of(self, chunk: int) -> tuple[int, int, int] | None:
        at = bisect_right(self._runs, (chunk, _FOREVER)) - 1
        if at < 0 or chunk >= self._runs[at][0] + self._runs[at][1]:
            return None
        return self._runs[at]

    def same(self, event: RecordedEvent) -> bool:
        """Tell whether a run begins with a frame that is here, too, at about the same instant."""
        if event.media is None or event.media.chunk is None or not is_numbered(event):
            return False
        found = self._run_of(event.media.chunk)
        if found is None:
            return False
        apart_ns = instant(event) - found[2] - (event.media.chunk - found[0]) * _STEP_NS
        return abs(apart_ns) <= _SAME_NS

    def others(self, event: RecordedEvent) -> Iterator[RecordedEvent]:
        """Yield the parts of a run whose frames are not here."""
        known = frames_in(event)
        for is_here, group in groupby(
            enumerate(known), lambda numbered: self._is_here(numbered[1])
        ):
            places = [index for index, _ in group]
            if not is_here:
                yield sliced(event, places[0], places[-1] + 1)

    def _is_here(self, frame: Frame) -> bool:
        return frame.numbers.chunk is not None and self._run_of(frame.numbers.chunk) is not None


def _moved(event: RecordedEvent, by_ns: int) -> RecordedEvent:
    return replace(event, t_ms=(instant(event) + by_ns) / 1e6) if by_ns else event


def _is_next_part(one: Recording, other: Recording) -> bool:
    mine, theirs = one.header.cut, other.header.cut
    return mine is not None and theirs is not None and mine.to_ms == theirs.from_ms


def _going_on(
    mine: list[RecordedEvent], new: list[RecordedEvent], *, is_next: bool
) -> list[RecordedEvent]:
    """Let Twilio's numbers go on where another capture of the stream begins them anew.

    Args:
        mine: what came before.
        new: what comes then.
        is_next: no frame is missing between.
    """
    before = [event for event in mine if is_numbered(event)]
    after = [event for event in new if is_numbered(event)]
    last = next((frames_in(event)[-1] for event in reversed(before) if event.media), None)
    first = next((frames_in(event)[0] for event in after if event.media), None)
    if last is None or first is None or first.t_ns <= last.t_ns:
        return new
    steps = 1 if is_next else max(1, round((first.t_ns - last.t_ns) / _STEP_NS))
    highest = max((number for event in before for number in _sequences(event)), default=None)
    lowest = min((number for event in after for number in _sequences(event)), default=None)
    return [
        later(
            event,
            _apart(highest, lowest, steps),
            _apart(last.numbers.chunk, first.numbers.chunk, steps),
            _apart(last.numbers.timestamp, first.numbers.timestamp, steps * TWILIO_STEP_MS),
        )
        for event in new
    ]


def _apart(last: int | None, first: int | None, step: int) -> int:
    return 0 if last is None or first is None else last + step - first


def _sequences(event: RecordedEvent) -> Iterator[int]:
    run = event.media
    first = sequence_of(event.message) if run is None else run.sequence
    if first is not None:
        yield first
        yield first + (0 if run is None else run.count - 1)


# What people say


def _speech(
    one: Recording, other: Recording, offset_ns: int
) -> tuple[list[Piece], dict[str, Samples]]:
    """Return what people say in both, and one sound file where both have one of a name."""
    pieces: list[Piece] = []
    sounds = dict(one.sounds)
    mine, theirs = _all_said(one), _all_said(other)
    off = off_clock(mine) | off_clock(theirs)
    at = {
        # On the call's clock, or behind what the first one has.
        name: len(sounds.get(name, ())) if name in off else sample_at(offset_ns)
        for name in other.sounds
    }
    for name, sound in other.sounds.items():
        sounds[name] = _laid(sounds.get(name), sound, at[name])
    heard = _Instants()
    for event, said in mine:
        pieces.append(Piece(event, one))
        heard.add((event.leg, said.text), instant(event))
    for event, said in theirs:
        moved = _moved(event, offset_ns)
        if heard.take((event.leg, said.text), instant(moved)):
            continue
        ref = replace(said.sound, start=said.sound.start + at[said.sound.file])
        message = msgspec.to_builtins(replace(said, sound=ref))
        pieces.append(Piece(replace(moved, message=message), other))
    return pieces, sounds


def _all_said(recording: Recording) -> list[tuple[RecordedEvent, Speaks]]:
    return [*recording.speech("caller"), *recording.speech("agent")]


def _laid(before: Samples | None, sound: Samples, at: int) -> Samples:
    """Return a sound with another one laid behind, or under what is silent."""
    size = max(0 if before is None else len(before), at + len(sound))
    both: Samples = np.zeros(size, np.int16)
    both[at : at + len(sound)] = sound
    if before is not None:
        kept = both[: len(before)]
        np.copyto(kept, before, where=(before != 0) | (np.arange(len(before)) < at))
    return both
