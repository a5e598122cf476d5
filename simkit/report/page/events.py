"""Which events of a timeline a page shows of a call, on which lanes, column by column."""

from __future__ import annotations

from collections.abc import Iterable

from ...timeline import Event, Timeline, upstreams_of
from ...timeline.text import SILENT, line
from ..voices import own_sessions
from .model import Events, Lane
from .plain import clipped, plain

_NAMES = {
    "caller": "Caller",
    "carrier": "Carrier",
    "twilio": "Twilio",
    "bridge": "Bridge",
    "vapi": "Vapi",
    "agent": "Agent",
}

_TESTS_HOST = "home"


def microseconds(ns: int) -> int:
    """Return an instant as pages tell it."""
    return ns // 1000


class CallEvents:
    """What belongs to a call: its own events, its Vapi calls' and those of no call at all.

    Attributes:
        shown: those that are printed, in the order of time.
        sessions: numbers of the Vapi calls that it was bridged to, or may have been.
    """

    def __init__(self, timeline: Timeline, call: int) -> None:
        self.timeline = timeline
        self.call = call
        self.sessions = own_sessions(timeline, call)
        self.shown = [event for event in self.own(timeline) if event.kind not in SILENT]
        self._places = {id(event): place for place, event in enumerate(self.shown)}

    def own(self, events: Iterable[Event]) -> list[Event]:
        """Return those of some events that belong to the call."""
        return [event for event in events if self._is_own(event)]

    def _is_own(self, event: Event) -> bool:
        if event.call is not None:
            return event.call == self.call
        return event.session is None or event.session in self.sessions

    def places(self, events: Iterable[Event]) -> list[int]:
        """Return where events stand among those shown; nothing of the others."""
        found = (self._places.get(id(event)) for event in events)
        return [place for place in found if place is not None]


_OF_HOSTS = ("leaks", "log", "outside-world", "slow-reader", "stall", "unhandled-error")
"""Kinds whose source is the host on which a program ran."""


def lane_of(event: Event) -> str:
    """Return the lane on which an event lies: what happens to served programs is the bridge's."""
    is_program = event.kind in _OF_HOSTS and event.source != _TESTS_HOST
    return "bridge" if is_program else event.source


def lanes(events: CallEvents) -> list[Lane]:
    """Return the parties between which messages went, from the caller's end to the agent's."""
    there = dict.fromkeys(
        name
        for event in events.shown
        for name in (lane_of(event), event.target)
        if name is not None
    )
    of_sessions = upstreams_of(events.timeline)
    services = [of_sessions[one] for one in sorted(events.sessions) if one in of_sessions]
    known = ["caller", *(["carrier"] if "carrier" in there else []), "twilio", "bridge"]
    known += dict.fromkeys(services or ["vapi"])
    known += [name for name in there if name not in (*known, "agent")]
    return [Lane(id=name, name=_NAMES.get(name, clipped(name))) for name in [*known, "agent"]]


def columns(events: CallEvents, there: list[Lane]) -> tuple[list[str], Events]:
    """Return the kinds of events that there are, and the events."""
    rows = {lane.id: row for row, lane in enumerate(there)}
    kinds = {kind: at for at, kind in enumerate(sorted({event.kind for event in events.shown}))}
    shown = events.shown
    return [clipped(kind) for kind in kinds], Events(
        t=[microseconds(event.t_ns) for event in shown],
        source=[rows[lane_of(event)] for event in shown],
        target=[-1 if event.target is None else rows[event.target] for event in shown],
        kind=[kinds[event.kind] for event in shown],
        sent=[microseconds(_or(event.sent_ns, event.t_ns)) for event in shown],
        arrived=[microseconds(_or(event.arrived_ns, event.t_ns)) for event in shown],
        line=[clipped(line(event).strip()) for event in shown],
        fields=[plain(event.fields) for event in shown],
    )


def _or(known_ns: int | None, else_ns: int) -> int:
    return else_ns if known_ns is None else known_ns
