"""The check that the caller is not left alone."""

from __future__ import annotations

from ..timeline import Event, Timeline, audible, is_directed
from ..timeline.text import quoted
from .caller_audio import covered
from .check import Check, Limit, Sound, Violation, milliseconds, seconds
from .spans import Sessions

_DISTURBANCES = ("fault", "stall", "open", "close", "retry", "slow-reader")
_REASONS = ("fault", "garbage", "stall", "slow-reader", "retry", "warning", "outside-world")
"""After any of them a bridge may end a call."""
_ENDED_BY_SERVER = (31920, 31921)
_STALL_NS = 500_000_000
"""A longer pause in the caller's media is a stall of the network."""


def _liveness(timeline: Timeline, answer_ms: float, silence_ms: float) -> list[Violation]:
    return [
        *_waited(timeline, answer_ms, silence_ms),
        *_hung_up_on(timeline, silence_ms),
        *_left_on_the_line(timeline, answer_ms, silence_ms),
    ]


def _hung_up_on(timeline: Timeline, silence_ms: float) -> list[Violation]:
    """Look for calls that the bridge ended while the assistant was there, and had not."""
    if timeline.of(*_REASONS) or not timeline.of("ended"):
        return []  # it may have had its reasons
    found = []
    left = {event.call for event in timeline.of("hangs-up", "stop")}
    over = {
        e.session: e.t_ns
        for e in timeline.of("status-update", "transfer-update")
        if e.kind == "transfer-update" or e.fields.get("status") == "ended"
    }
    sessions = Sessions(timeline)
    for ended in timeline.of("ended"):
        shut = [
            e
            for e in timeline.of("error", call=ended.call)
            if e.fields.get("code") in _ENDED_BY_SERVER
        ]
        mine = sessions.of(ended.call)
        told = [e for e in timeline.of("end-call") if e.session in mine and e.t_ns <= ended.t_ns]
        if ended.call in left or not shut or not told or not mine:
            continue
        if any(over.get(session, ended.t_ns + 1) <= told[-1].t_ns for session in mine):
            continue
        sounds = timeline.of("start", "speaks", "hears", call=ended.call)
        last_ns = max((e.t_ns + e.fields.get("duration_ns", 0) for e in sounds), default=0)
        if told[-1].t_ns - last_ns < silence_ms * 1e6:
            found.append(
                Violation(
                    ended.t_ns,
                    f"the bridge hung up on the caller at {seconds(ended.t_ns)}, while the "
                    "assistant was there and neither of them had said so",
                    (told[-1], shut[-1], ended),
                )
            )
    return found


def _left_on_the_line(timeline: Timeline, answer_ms: float, silence_ms: float) -> list[Violation]:
    """Look for calls in which there is no assistant yet, or no more, and nobody says so."""
    sessions = Sessions(timeline)
    ends = {event.call: event.t_ns for event in timeline.of("ended", "hangs-up")}
    found = []
    for start in timeline.of("start"):
        call = start.call
        until_ns = min(ends.get(call, timeline.duration_ns), timeline.duration_ns)
        pieces = audible(timeline, call or 0)
        opened_ns = [e.t_ns for e in timeline.of("open") if e.session in sessions.of(call)]
        quiet_ns, limit_ns = start.t_ns, round(silence_ms * 1e6)
        end_ns = min([until_ns, *opened_ns, *(p.start_ns for p in pieces)])
        why = "no assistant came"
        over = [
            e
            for e in timeline.of("status-update")
            if e.session in sessions.of(call) and e.fields.get("status") == "ended"
        ]
        told = {event.session for event in timeline.of("end-call")}
        if over and over[-1].session not in told and not sessions.is_open(call, until_ns - 1):
            quiet_ns = max([over[-1].t_ns, *(p.end_ns for p in pieces)])
            limit_ns, end_ns = round(answer_ms * 1e6), until_ns
            why = "the assistant had ended the call"
        if end_ns - quiet_ns > limit_ns:
            found.append(
                Violation(
                    quiet_ns,
                    f"from {seconds(quiet_ns)} on the caller was alone on the line for "
                    f"{milliseconds(limit_ns)} and more: {why}, and nobody said so",
                    (start, *over[-1:]),
                    (Sound(call or 0, "ear", quiet_ns, end_ns),),
                )
            )
    return found


def _waited(timeline: Timeline, answer_ms: float, silence_ms: float) -> list[Violation]:
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
                    (Sound(call, "ear", quiet_ns, min(heard_ns, waits_ns)),),
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
        "silence_ms": Limit(22_000, "until something is heard, or the call ends, while it is not"),
    },
)
