"""Receiving: when each block of a caller's audio left and came, and what was recognised in it."""

from __future__ import annotations

from typing import Any

from ..audio import Repertoire, Span
from ..timeline import Event, Timeline
from .instants import BLOCK_NS, SAMPLE_NS, Instants
from .words import pause_before

_BLOCK = BLOCK_NS // SAMPLE_NS


class Received:
    """Keeps when the blocks of one stream left the far end and came, and tells what was in them.

    Args:
        session: number of the call in the timeline.
        lane: who listens, in the timeline.
    """

    def __init__(
        self, session: int, lane: str, *, timeline: Timeline, repertoire: Repertoire
    ) -> None:
        self._session = session
        self._lane = lane
        self._timeline = timeline
        self._repertoire = repertoire
        self._came, self._left = Instants(), Instants()
        self._next_came_ns = self._next_left_ns = -1
        self._events: list[Event] = []

    def add(self, position: int, came_ns: int, left_ns: int) -> None:
        """Note a block; ``position`` is that of its first sample, at 8 kHz."""
        # Nearly all come and leave 20 ms after the one before.
        if came_ns != self._next_came_ns:
            self._came.add(position, came_ns)
        self._next_came_ns = came_ns + BLOCK_NS
        if left_ns != self._next_left_ns:
            self._left.add(position, left_ns)
        self._next_left_ns = left_ns + BLOCK_NS

    def settle(self, spans: list[Span]) -> None:
        """Bring the timeline up to date with what was recognised so far."""
        # Only the last one may have changed since: it grew, or turned out to be something else.
        for number in range(max(0, len(self._events) - 1), len(spans)):
            span = spans[number]
            left_ns, late_ns = self._departure(span)
            fields: dict[str, Any] = {
                "utterance": span.key,
                "offset_ns": span.offset * SAMPLE_NS,
                "duration_ns": (span.end - span.start) * SAMPLE_NS,
                "late_ns": late_ns,
                "pause_ns": pause_before(span, self._repertoire) * SAMPLE_NS,
            }
            if number < len(self._events):
                self._events[number].fields.update(fields)
                continue
            block = span.start - span.start % _BLOCK
            self._events.append(
                self._timeline.record(
                    "receives",
                    self._lane,
                    t_ns=self._came.at(block) + (span.start - block) * SAMPLE_NS,
                    session=self._session,
                    sent_ns=left_ns,
                    **fields,
                )
            )

    def _departure(self, span: Span) -> tuple[int, int]:
        """Return when a span left the far end, and how far its latest part was behind its first."""
        starts = self._left.starts(span.start, span.end)
        return starts[0] + span.start * SAMPLE_NS, max(starts) - starts[0]
