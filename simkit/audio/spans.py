"""Spans: what was recognised in a stream of sound, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """A stretch of the stream: samples ``start`` to ``end`` hold ``key`` from ``offset`` on.

    ``key`` is None for sound that nobody is known to have made. Silence makes no span.
    """

    start: int
    end: int
    key: int | None
    offset: int = 0

    def goes_on_in(self, other: Span) -> bool:
        """Tell whether ``other`` holds what comes next of the same, without a gap."""
        is_next = self.key is None or self.offset + (self.end - self.start) == other.offset
        return self.key == other.key and self.end == other.start and is_next

    def until(self, end: int) -> Span:
        """Return the span as it is if it ends there."""
        return Span(self.start, end, self.key, self.offset)


def extend(spans: list[Span], span: Span) -> None:
    """Add a span; it is one with the last where that goes on in it."""
    if spans and spans[-1].goes_on_in(span):
        spans[-1] = spans[-1].until(span.end)
    else:
        spans.append(span)
