"""Numbering: Twilio's numbers go on without a gap where something was taken out before them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any

from msgspec.structs import replace

from .format import RecordedEvent


def is_numbered(event: RecordedEvent) -> bool:
    """Tell whether an event is what Twilio numbers: what it sends."""
    return (event.leg, event.direction) == ("twilio", "in")


def sequence_of(message: dict[str, Any]) -> int | None:
    """Return a message's ``sequenceNumber``; None where it has none that can be read."""
    said = str(message.get("sequenceNumber", ""))
    return int(said) if said.isascii() and said.isdigit() and len(said) < 16 else None


class Numbering:
    """New numbers for what stays, when other events were taken out.

    Args:
        away: events, or parts of runs, that Twilio sent and that are not there any more.
        first_stamps: ``timestamp`` of the stream's first frame, and of the first one that stays.
    """

    def __init__(
        self, away: Iterable[RecordedEvent], first_stamps: tuple[int | None, int | None]
    ) -> None:
        sequences, chunks = [], []
        for event in away:
            run = event.media
            if run is None:
                number = sequence_of(event.message)
                sequences += [] if number is None else [(number, 1)]
            else:
                sequences += [] if run.sequence is None else [(run.sequence, run.count)]
                chunks += [] if run.chunk is None else [(run.chunk, run.count)]
        self._sequences, self._chunks = _Gaps(sequences), _Gaps(chunks)
        first, kept = first_stamps
        self._stamp_ms = 0 if first is None or kept is None else max(0, kept - first)

    def renumbered(self, event: RecordedEvent) -> RecordedEvent:
        """Return an event as Twilio would have numbered it without those."""
        return _mapped(
            event, self._sequences.closed, self._chunks.closed, lambda ms: ms - self._stamp_ms
        )


class _Gaps:
    """Stretches of numbers that are not there any more."""

    def __init__(self, stretches: list[tuple[int, int]]) -> None:
        stretches.sort()
        self._starts = [start for start, _ in stretches]
        self._counts = [count for _, count in stretches]
        self._before = [0, *accumulate(self._counts)]

    def closed(self, number: int) -> int:
        """Return a number less how many before it are gone."""
        known = bisect_left(self._starts, number)
        if not known:
            return number
        last = min(self._counts[known - 1], number - self._starts[known - 1])
        return max(0, number - self._before[known - 1] - last)


def later(event: RecordedEvent, sequences: int, chunks: int, stamp_ms: int) -> RecordedEvent:
    """Return an event of Twilio's with higher numbers; all others as they are."""
    return _mapped(
        event,
        lambda number: number + sequences,
        lambda number: number + chunks,
        lambda ms: ms + stamp_ms,
    )


def _mapped(
    event: RecordedEvent,
    sequence: Callable[[int], int],
    chunk: Callable[[int], int],
    stamp: Callable[[int], int],
) -> RecordedEvent:
    """Return an event of Twilio's with other numbers, none of them below zero."""
    run, message = event.media, event.message
    if not is_numbered(event):
        return event
    if run is None:
        number = sequence_of(message)
        if number is None:
            return event
        new = max(0, sequence(number))
        said = str(new) if isinstance(message["sequenceNumber"], str) else new
        return replace(event, message={**message, "sequenceNumber": said})
    mapped = replace(
        run,
        sequence=None if run.sequence is None else max(0, sequence(run.sequence)),
        chunk=None if run.chunk is None else max(0, chunk(run.chunk)),
        timestamp=None if run.timestamp is None else max(0, stamp(run.timestamp)),
    )
    return replace(event, media=mapped)
