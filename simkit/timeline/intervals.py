"""Intervals: who was audible when, and what is common to all measures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from .events import Event, Timeline

GAP_NS = 200_000_000
"""Agent speech with a shorter pause in it counts as one piece."""


class Interval(Struct, frozen=True):
    """A stretch of time, end exclusive."""

    start_ns: int
    end_ns: int


class Percentiles(Struct, frozen=True, kw_only=True):
    """How a measure is spread; each percentile is a value that occurred (nearest rank)."""

    samples: int
    """How many values there are."""
    p50_ms: float | None
    """The median; None without a sample."""
    p90_ms: float | None
    """None under 10 samples."""
    p95_ms: float | None
    """None under 20 samples: the worst of a few is no percentile."""


def percentiles(values_ms: Sequence[float]) -> Percentiles:
    """Summarise; a percentile that the number of samples does not carry is None."""
    ordered = sorted(values_ms)

    def rank(percent: int, least: int) -> float | None:
        if len(ordered) < least:
            return None
        return ordered[-(-percent * len(ordered) // 100) - 1]

    return Percentiles(
        samples=len(ordered), p50_ms=rank(50, 1), p90_ms=rank(90, 10), p95_ms=rank(95, 20)
    )


def spans_of(events: Iterable[Event]) -> list[Interval]:
    """Return when events with a duration took place, by their beginnings."""
    return sorted(
        (Interval(event.t_ns, event.t_ns + event.fields["duration_ns"]) for event in events),
        key=lambda piece: (piece.start_ns, piece.end_ns),
    )


def merged(pieces: Iterable[Interval], gap_ns: int) -> list[Interval]:
    """Return pieces in order, those closer than ``gap_ns`` as one."""
    result: list[Interval] = []
    for piece in pieces:
        if result and piece.start_ns - result[-1].end_ns < gap_ns:
            end_ns = max(piece.end_ns, result[-1].end_ns)
            result[-1] = Interval(result[-1].start_ns, end_ns)
        else:
            result.append(piece)
    return result


def audible(timeline: Timeline, call: int) -> list[Interval]:
    """Return when the caller heard the agent, pieces closer than :data:`GAP_NS` merged."""
    return merged(spans_of(timeline.of("hears", call=call)), GAP_NS)


def milliseconds(later_ns: int | None, earlier_ns: int | None) -> float | None:
    """Return what lies between two instants; None when one of them never was."""
    return None if later_ns is None or earlier_ns is None else (later_ns - earlier_ns) / 1e6


def sessions_of(timeline: Timeline, call: int) -> set[int]:
    """Return the Vapi calls that a phone call was bridged to, by what crossed between them."""
    return {session for session, calls in bridged(timeline).items() if call in calls}


def bridged(timeline: Timeline) -> dict[int, set[int]]:
    """Return the phone calls that each Vapi call was bridged to, by what crossed between them."""
    said_in = {event.fields["utterance"]: event.call for event in timeline.of("speaks")}
    spoken_in = {event.fields["utterance"]: event.session for event in timeline.of("replies")}
    heard = ((spoken_in.get(e.fields["utterance"]), e.call) for e in timeline.of("hears"))
    received = ((e.session, said_in.get(e.fields["utterance"])) for e in timeline.of("receives"))
    calls: dict[int, set[int]] = {}
    for session, call in (*heard, *received):
        if session is not None and call is not None:
            calls.setdefault(session, set()).add(call)
    return calls


def calls_of(timeline: Timeline) -> list[int]:
    """Return the numbers of all phone calls."""
    return sorted({event.call for event in timeline if event.call is not None})


def is_directed(spoken: Event) -> bool:
    """Tell whether the caller means the agent; noise and backchannel do not."""
    return spoken.kind == "speaks" and bool(spoken.fields.get("directed", True))


def upstreams_of(timeline: Timeline) -> dict[int | None, str]:
    """Return which service each session was at: ``vapi``, or the lane of another."""
    return {event.session: event.source for event in timeline.of("open")}
