"""Turns: how soon the agent answers, who speaks over whom, and who gives way to what."""

from __future__ import annotations

from bisect import bisect_left

from .barge_ins import YIELD_NS, barge_ins
from .events import Event, Timeline
from .intervals import Interval, audible, is_directed, merged, spans_of

DIRECTED_NS = 1_000_000_000
"""An agent that stops this soon after directed speech stops for it."""


def response_latencies(timeline: Timeline, call: int) -> list[float]:
    """Return, per turn that was answered, ms from the caller's last sample to the agent's first."""
    return [
        (answered_ns - turn.end_ns) / 1e6
        for turn, answered_ns in answered_turns(timeline, call)
        if answered_ns is not None
    ]


def answered_turns(timeline: Timeline, call: int) -> list[tuple[Interval, int | None]]:
    """Return the caller's turns, each with the agent's first sample after it; None: no answer.

    Who goes on before the answer has not ended the turn: only the last sample counts.
    """
    spoken = [event for event in timeline.of("speaks", call=call) if is_directed(event)]
    turns = merged(spans_of(spoken), 1)
    starts = [piece.start_ns for piece in audible(timeline, call)]
    found: list[tuple[Interval, int | None]] = []
    for number, turn in enumerate(turns):
        next_ns = turns[number + 1].start_ns if number + 1 < len(turns) else None
        at = bisect_left(starts, turn.end_ns)
        is_answered = at < len(starts) and (next_ns is None or starts[at] < next_ns)
        found.append((turn, starts[at] if is_answered else None))
    return found


def overlap_ms(timeline: Timeline, call: int) -> float:
    """Return for how long both were heard at once."""
    speaking = merged(spans_of(timeline.of("speaks", call=call)), 1)
    return (
        sum(
            max(0, min(a.end_ns, u.end_ns) - max(a.start_ns, u.start_ns))
            for a in audible(timeline, call)
            for u in speaking
        )
        / 1e6
    )


def agent_interrupts(timeline: Timeline, call: int) -> int:
    """Count the pieces of agent speech that begin while the caller speaks."""
    speaking = merged(spans_of(timeline.of("speaks", call=call)), 1)
    return sum(
        any(u.start_ns < a.start_ns < u.end_ns for u in speaking) for a in audible(timeline, call)
    )


def missed_and_made(timeline: Timeline, call: int) -> tuple[int, int]:
    """Return how many interruptions the agent did not give way to, of how many.

    Those that the end of the run left open count as neither.
    """
    judged = [found.yielded for found in barge_ins(timeline, call) if found.yielded is not None]
    return judged.count(False), len(judged)


def false_and_chances(timeline: Timeline, call: int) -> tuple[int, int]:
    """Return how often the agent gave way to what was not meant for it, of how many chances.

    A chance is noise or backchannel that begins while the agent is heard. The agent gave way when
    a ``clear`` or the end of its reply by an interruption follows within 2 s, and nobody spoke to
    it in the second before.
    """
    made = chances(timeline, call)
    return sum(stopped is not None for _, stopped in made), len(made)


def chances(timeline: Timeline, call: int) -> list[tuple[Event, Event | None]]:
    """Return what was not meant for the agent, each with what falsely stopped it; None: nothing."""
    pieces = audible(timeline, call)
    made = [
        event
        for event in timeline.of("noise", "speaks", call=call)
        if not is_directed(event) and _holds(pieces, event.t_ns)
    ]
    yields = _yields(timeline, call)
    directed = spans_of(e for e in timeline.of("speaks", call=call) if is_directed(e))
    found: list[tuple[Event, Event | None]] = []
    for event in made:
        first = bisect_left(yields, event.t_ns, key=lambda stop: stop.t_ns)
        stopped = yields[first] if first < len(yields) else None
        if stopped is not None:
            t_ns = stopped.t_ns
            since_ns = t_ns - DIRECTED_NS
            spoken_to = any(u.start_ns <= t_ns and u.end_ns > since_ns for u in directed)
            if spoken_to or t_ns > event.t_ns + YIELD_NS:
                stopped = None
        found.append((event, stopped))
    return found


def _yields(timeline: Timeline, call: int) -> list[Event]:
    """Return what made the agent stop."""
    heard = {event.fields["utterance"] for event in timeline.of("hears", call=call)}
    return [
        event
        for event in timeline.of("clear", "replied")
        if (event.kind == "clear" and event.call == call)
        or (
            event.kind == "replied"
            and event.fields["interrupted"]
            and event.fields["utterance"] in heard
        )
    ]


def _holds(pieces: list[Interval], t_ns: int) -> bool:
    return any(piece.start_ns <= t_ns < piece.end_ns for piece in pieces)
