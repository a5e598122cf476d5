"""Checks of who speaks when."""

from __future__ import annotations

from ..timeline import Event, Timeline, audible, barge_ins, calls_of, chances, sessions_of
from ..timeline.barge_ins import YIELD_NS, BargeIn
from ..timeline.text import quoted
from .check import Check, Limit, Sound, Violation, milliseconds, seconds

_DECIDES = ("user-interrupted", "interrupt")
"""The assistant says that it has taken what it heard for an interruption."""


def evidence_of(timeline: Timeline, barge_in: BargeIn, until_ns: int) -> list[Event]:
    """Return what the caller said, what told of it, and what was done and heard from then on."""
    onset_ns, sessions = barge_in.onset_ns, sessions_of(timeline, barge_in.call)
    return [
        event
        for event in timeline.of("speaks", "clear", "hears", "replies", *_DECIDES)
        if (event.call == barge_in.call or event.session in sessions)
        and event.t_ns <= until_ns
        and event.t_ns + event.fields.get("duration_ns", 0) >= onset_ns
    ]


def _stops_when_interrupted(timeline: Timeline, within_ms: float) -> list[Violation]:
    found = []
    for barge_in in barge_ins(timeline):
        stop_ms = barge_in.time_to_stop_ms
        if stop_ms is not None and stop_ms <= within_ms:
            continue
        onset_ns = barge_in.onset_ns
        late_ns = onset_ns + round(within_ms * 1e6)
        heard = "and never stopped" if stop_ms is None else f"for {stop_ms:.0f} ms more"
        until_ns = timeline.duration_ns if stop_ms is None else onset_ns + round(stop_ms * 1e6)
        found.append(
            Violation(
                late_ns,
                f"caller interrupted at {seconds(onset_ns)} ({quoted(barge_in.text)}) and "
                f"the agent went on {heard}",
                evidence_of(timeline, barge_in, until_ns),
                [
                    Sound(barge_in.call, "ear", max(piece.start_ns, late_ns), end_ns)
                    for piece in audible(timeline, barge_in.call)
                    if (end_ns := min(piece.end_ns, until_ns)) > max(piece.start_ns, late_ns)
                ],
            )
        )
    return found


def _keeps_talking_when_not(timeline: Timeline) -> list[Violation]:
    found = []
    for call in calls_of(timeline):
        for made, stopped in chances(timeline, call):
            if stopped is None or stopped.kind != "clear":
                continue
            sessions = sessions_of(timeline, call)
            if any(
                event.session in sessions and made.t_ns <= event.t_ns <= stopped.t_ns
                for event in timeline.of(*_DECIDES)
            ):
                continue  # so the assistant has decided, and not the bridge
            what = quoted(made.fields["text"]) if made.kind == "speaks" else made.fields["name"]
            found.append(
                Violation(
                    stopped.t_ns,
                    f"the agent was stopped at {seconds(stopped.t_ns)}, "
                    f"{milliseconds(stopped.t_ns - made.t_ns)} after {what}, which was not meant "
                    "for it",
                    (made, stopped),
                )
            )
    return found


STOPS_WHEN_INTERRUPTED = Check(
    "stops-when-interrupted",
    "the agent fell silent within {within_ms:g} ms of every interruption",
    _stops_when_interrupted,
    {"within_ms": Limit(YIELD_NS / 1e6, "from the caller's first sound to silence in their ear")},
)
KEEPS_TALKING_WHEN_NOT = Check(
    "keeps-talking-when-not",
    "the bridge stopped the agent for no noise and no aside that the assistant passed over",
    _keeps_talking_when_not,
)
