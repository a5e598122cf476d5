"""Who is heard when in a call: the caller, the agent, and the agent at the caller's ear."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from ..timeline import Event, Timeline, bridged, calls_of


class Voice(NamedTuple):
    """A stretch in which somebody is heard."""

    row: Literal["mouth", "agent", "ear"]
    start_ns: int
    end_ns: int
    reply: int
    """Number of the agent's reply, from 0; -1: the caller's, or nobody knows."""
    event: Event


_ROWS: dict[str, Literal["mouth", "agent", "ear"]] = {
    "speaks": "mouth",
    "replies": "agent",
    "hears": "ear",
}


def own_sessions(timeline: Timeline, call: int) -> set[int]:
    """Return the numbers of the Vapi calls that a call was bridged to, or may have been."""
    sessions = {event.session for event in timeline if event.session is not None}
    if set(calls_of(timeline)) - {call}:
        known = bridged(timeline)
        sessions = {one for one in sessions if call in known.get(one, {call})}
    return sessions


def voices(timeline: Timeline, call: int = 1) -> Iterator[Voice]:
    """Yield who is heard in a call, by instant; a reply ends where it was cut off.

    Args:
        timeline: of the run.
        call: which of its calls, from 1.
    """
    sessions = own_sessions(timeline, call)
    numbers = {
        event.fields["utterance"]: number for number, event in enumerate(timeline.of("replies"))
    }
    cut_ns = {
        (event.session, event.fields["reply"]): event.t_ns
        for event in timeline.of("replied")
        if event.fields["interrupted"]
    }
    for event in timeline.of(*_ROWS):
        if event.call != call and event.session not in sessions:
            continue
        row, end_ns = _ROWS[event.kind], event.t_ns + event.fields["duration_ns"]
        reply = -1 if row == "mouth" else numbers.get(event.fields["utterance"], -1)
        if row == "agent":
            end_ns = min(end_ns, cut_ns.get((event.session, event.fields["reply"]), end_ns))
        yield Voice(row, event.t_ns, end_ns, reply, event)


def colour(voice: Voice) -> str:
    """Return the class by which a picture colours it."""
    if voice.row == "mouth":
        return "mouth"
    return "unknown" if voice.reply < 0 else f"r{voice.reply % 4}"
