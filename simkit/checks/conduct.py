"""Checks of how a bridge behaves towards its peers and its machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..timeline import Event, Timeline, sessions_of, upstreams_of
from .check import ALL_OF_IT, Check, Limit, Violation, milliseconds, named, seconds

_MOST_NAMED = 3
"""Of what was left, that are named."""
_TEARDOWN_NS = 1_000_000_000
_CLOSED_BY_SERVER = 31921
_WEBHOOK_FAILED = (11200, 11205, 11210, 11220)


def _twiml_in_time(timeline: Timeline) -> list[Violation]:
    return [
        Violation(
            event.t_ns,
            f"voice webhook failed at {seconds(event.t_ns)}: {event.fields['reason']}",
            (event,),
        )
        for event in timeline.of("error")
        if event.fields.get("code") in _WEBHOOK_FAILED
    ]


def _clean_teardown(timeline: Timeline) -> list[Violation]:
    found = []
    closed = {event.session: event.t_ns for event in timeline.of("close")}
    services = upstreams_of(timeline)
    opened = set(services)
    for ended in timeline.of("ended"):
        for session in sorted(sessions_of(timeline, ended.call or 0) & opened):
            limit_ns = ended.t_ns + _TEARDOWN_NS
            if closed.get(session, timeline.duration_ns + 1) > limit_ns:
                if session not in closed and timeline.duration_ns < limit_ns:
                    continue
                found.append(
                    Violation(
                        ended.t_ns,
                        f"call {ended.call} ended at {seconds(ended.t_ns)} and its socket to "
                        f"{named(services[session])} was still open a second later",
                        _about(timeline, session, ended),
                    )
                )
    found += _left_open(timeline, services, closed)
    found += [
        Violation(
            event.t_ns,
            f"{len(names)} {what}{'s' if len(names) > 1 else ''} outlived {whose}: "
            f"{_listed(names, event.fields.get(lines, ()))}",
            (event,),
        )
        for event in timeline.of("leaks")
        for what, whose, lines in (("task", "their calls", "lines"), ("socket", "every call", ""))
        if (names := event.fields.get(f"{what}s"))
    ]
    found += [
        Violation(
            event.t_ns,
            f"{len(lines)} timer{'s' if len(lines) > 1 else ''} outlived their calls, armed at "
            f"{_listed(lines, ())}",
            (event,),
        )
        for event in timeline.of("leaks")
        if (lines := event.fields.get("armed"))
    ]
    return found


def _listed(names: Sequence[str], lines: Sequence[str]) -> str:
    """Name the first few, each with the line at which it waits where that is known."""
    told = [" ".join(one) for one in zip(names, lines, strict=True)] if lines else names
    more = len(names) - _MOST_NAMED
    return ", ".join(told[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _about(timeline: Timeline, session: int, *ended: Event) -> list[Event]:
    """Return when a socket opened and closed, and when calls ended."""
    sockets = [event for event in timeline.of("open", "close") if event.session == session]
    return sorted([*sockets, *ended], key=lambda event: event.t_ns)


def _left_open(
    timeline: Timeline, services: dict[int | None, str], closed: dict[int | None, int]
) -> list[Violation]:
    """Find sockets that no sound ties to a call, open after every call they may belong to."""
    calls = {event.call for event in timeline if event.call is not None}
    sessions = {call: sessions_of(timeline, call) for call in calls}
    untied = set(services) - set().union(*sessions.values()) - {None}
    candidates = {call for call in calls if not sessions[call]} or calls
    ended = [event.t_ns for event in timeline.of("ended") if event.call in candidates]
    if not calls or not untied or len(ended) < len(candidates):
        return []  # of no phone call: a browser's, for instance
    limit_ns = max(ended, default=0) + _TEARDOWN_NS
    return [
        Violation(
            max(ended, default=0),
            f"a socket to {named(services[session])}, session {session}, was still open a "
            f"second after the last call it may belong to ended at "
            f"{seconds(max(ended, default=0))}",
            _about(timeline, session, *timeline.of("ended")),
        )
        for session in sorted(session for session in untied if session is not None)
        if closed.get(session, timeline.duration_ns) > limit_ns
    ]


def _protocol_conformance(timeline: Timeline) -> list[Violation]:
    # 31921 is reported for intended closes too, and says nothing against a bridge.
    return [
        Violation(
            event.t_ns,
            f"{named(event.source)} reported at {seconds(event.t_ns)}: "
            f"{event.fields.get('code', '')} {event.fields['reason']}".replace(":  ", ": "),
            (event,),
        )
        for event in timeline.of("warning", "error")
        if event.fields.get("code") not in (_CLOSED_BY_SERVER, *_WEBHOOK_FAILED)
    ]


def _place(event: Event) -> str:
    """Say which task and which line of the program it was, where that is known."""
    task, line = event.fields.get("task"), event.fields.get("line")
    return (f", in task {task!r}" if task else "") + (f", at {line}" if line else "")


def _alike(events: Iterable[Event], *fields: str) -> list[list[Event]]:
    """Put together what happened at the same line: a task per frame fails fifty times a second."""
    groups: dict[tuple[Any, ...], list[Event]] = {}
    for event in events:
        key = (event.source, *(event.fields.get(name) for name in (*fields, "line")))
        groups.setdefault(key, []).append(event)
    return list(groups.values())


def _again(events: list[Event]) -> str:
    """Say how often the same happened after the first time."""
    more = len(events) - 1
    return f"; the same {more} more times, until {seconds(events[-1].t_ns)}" if more else ""


def _no_unhandled_error(timeline: Timeline) -> list[Violation]:
    return [
        Violation(
            first.t_ns,
            f"unhandled at {seconds(first.t_ns)} on {first.source}: {first.fields['error']} "
            f"({first.fields['message']}){_place(first)}{_again(alike)}",
            (first,),
        )
        for alike in _alike(timeline.of("unhandled-error"), "error", "message")
        for first in alike[:1]
    ]


def _no_blocking(timeline: Timeline, over_ms: float) -> list[Violation]:
    blocked = [e for e in timeline.of("stall") if e.fields["duration_ns"] > over_ms * 1e6]
    return [
        Violation(
            first.t_ns,
            f"the loop was blocked for {milliseconds(first.fields['duration_ns'])} at "
            f"{seconds(first.t_ns)}{_place(first)}{_again(alike)}",
            (first,),
        )
        for alike in _alike(blocked)
        for first in alike[:1]
    ]


def _no_outside_world(timeline: Timeline) -> list[Violation]:
    return [
        Violation(
            event.t_ns, f"tried to reach {event.fields['name']} at {seconds(event.t_ns)}", (event,)
        )
        for event in timeline.of("outside-world")
    ]


TWIML_IN_TIME = Check(
    "twiml-in-time", "every voice webhook was answered with TwiML in time", _twiml_in_time
)
CLEAN_TEARDOWN = Check(
    "clean-teardown",
    "a second after each call nothing of it was left: no socket, no task, no timer",
    _clean_teardown,
    only_simulated="tasks, and sockets to others than Vapi",
)
PROTOCOL_CONFORMANCE = Check(
    "protocol-conformance",
    "neither Twilio nor Vapi received anything they reject",
    _protocol_conformance,
)
NO_UNHANDLED_ERROR = Check(
    "no-unhandled-error",
    "no exception was left unhandled",
    _no_unhandled_error,
    only_simulated=ALL_OF_IT,
)
NO_BLOCKING = Check(
    "no-blocking",
    "the loop was never blocked for over {over_ms:g} ms",
    _no_blocking,
    {"over_ms": Limit(20, "the longest that the loop may be blocked at once")},
    only_simulated=ALL_OF_IT,
)
NO_OUTSIDE_WORLD = Check(
    "no-outside-world",
    "nothing outside the simulation was asked for",
    _no_outside_world,
    only_simulated="whatever the bridge itself reaches for",
)
