"""The check that the caller is not left alone."""

from __future__ import annotations

from ..timeline import Event, Timeline, audible, is_directed
from ..timeline.text import quoted
from .caller_audio import covered
from .check import Check, Limit, Violation, milliseconds, seconds
from .spans import Sessions

_DISTURBANCES = ("fault", "stall", "open", "close", "retry", "slow-reader")
_STALL_NS = 500_000_000
"""A longer pause in the caller's media is a stall of the network."""


def _liveness(timeline: Timeline, answer_ms: float, silence_ms: float) -> list[Violation]:
    sessions = Sessions(timeline)
    started = {event.call for event in timeline.of("start")}
    ends = {event.call: event.t_ns for event in timeline.of("ended", "hangs-up")}
    disturbed = sorted(_disturbances(timeline))
    received: dict[int, list[Event]] = {}
    for event in timeline.of("receives"):
        received.setdefault(event.fields["utterance"], []).append(event)
    found = []
    for spoken in filter(is_directed, timeline.of("speaks")):
        call, end_ns = spoken.call, spoken.t_ns + spoken.fields["duration_ns"]
        if call is None or call not in started:
            continue
        speech = timeline.of("speaks", call=call)
        later = [e.t_ns for e in speech if is_directed(e) and e.t_ns > spoken.t_ns]
        waits_ns = min([ends.get(call, timeline.duration_ns), timeline.duration_ns, *later])
        pieces = audible(timeline, call)
        quiet_ns = max([end_ns, *(p.end_ns for p in pieces if p.start_ns <= end_ns < p.end_ns)])
        heard_ns = next((p.start_ns for p in pieces if p.start_ns >= quiet_ns), waits_ns)
        mine = set(sessions.of(call))
        reply = next(
            (
                event
                for event in timeline.of("replies")
                if event.session in mine and spoken.t_ns <= event.t_ns < heard_ns
            ),
            None,
        )
        pieces_there = received.get(spoken.fields["utterance"], [])
        limit_ns = round(answer_ms * 1e6)
        if reply is not None:
            quiet_ns = max(quiet_ns, reply.arrived_ns or reply.t_ns)
            why = f"reply {reply.fields['reply']}, made at {seconds(reply.t_ns)}, was not heard"
        elif 2 * covered(pieces_there, 1 << 62) >= spoken.fields["duration_ns"]:
            continue  # the assistant was asked, and has nothing to say
        elif sessions.is_open(call, quiet_ns):
            why = "the assistant was there and never got it"
        else:
            limit_ns = round(silence_ms * 1e6)
            why = "there was no assistant, and nobody said so"
        for t_ns in disturbed:
            if quiet_ns < t_ns <= quiet_ns + limit_ns and limit_ns != round(silence_ms * 1e6):
                quiet_ns = t_ns
        if min(heard_ns, waits_ns) - quiet_ns > limit_ns:
            found.append(
                Violation(
                    quiet_ns,
                    f"from {seconds(quiet_ns)} on the caller waited for {milliseconds(limit_ns)} "
                    f"and more, having said {quoted(spoken.fields['text'])}, and heard nothing: "
                    f"{why}",
                    (spoken, *pieces_there, *([reply] if reply is not None else [])),
                )
            )
    return found


def _disturbances(timeline: Timeline) -> list[int]:
    """Return the instants until which it was the world's doing that nothing was heard."""
    instants = [event.fields.get("last_ns") or event.t_ns for event in timeline.of(*_DISTURBANCES)]
    last: dict[int | None, int] = {}
    for run in timeline.of("media"):
        if run.source == "twilio":
            if run.t_ns - last.get(run.call, run.t_ns) > _STALL_NS:
                instants.append(run.t_ns)
            last[run.call] = run.fields["last_ns"]
    return instants


LIVENESS = Check(
    "liveness",
    "whoever waited for an answer heard something within {answer_ms:g} ms, or {silence_ms:g} ms "
    "without an assistant",
    _liveness,
    {
        "answer_ms": Limit(10_000, "until something is heard, while the assistant is there"),
        "silence_ms": Limit(30_000, "until something is heard, or the call ends, while it is not"),
    },
)
