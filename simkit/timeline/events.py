"""Events: small typed records of what happened, and the timeline that collects them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from .levels import Level
from .loudness import Loudness, Piece
from .media import MediaLeg

_Leg = tuple[str, str | None, int | None, int | None]
"""Source, target, call and session of a run of media."""


class Event(Struct, kw_only=True):
    """One thing that happened.

    A message has a source and a target, and is dated at the bridge: when it left or reached it.
    ``sent_ns`` and ``arrived_ns`` are both its ends. Everything else has no target and is dated
    where it happened.
    """

    t_ns: int
    """Virtual nanoseconds since the simulation began."""
    source: str
    """The lane: ``caller``, ``twilio``, ``bridge``, ``vapi`` or ``agent``."""
    target: str | None = None
    kind: str
    """``media``, ``mark``, ``clear``, ``speaks``, ``hears``, ``user-interrupted``, ..."""
    call: int | None = None
    """Number of the phone call it belongs to, from 1."""
    session: int | None = None
    """Number of the Vapi call it belongs to, from 1."""
    sent_ns: int | None = None
    arrived_ns: int | None = None
    fields: dict[str, Any] = {}
    """What else there is to know; durations end in ``_ns``."""


class Timeline:
    """Everything that happened, in the order of time.

    It prints as the text that snapshots hold. ``==`` compares that text, with another timeline or
    with a syrupy snapshot.
    """

    def __init__(self, now_ns: Callable[[], int] = lambda: 0) -> None:
        self._now_ns = now_ns
        self._events: list[Event] = []
        self._legs: dict[_Leg, MediaLeg] = {}
        self._loudness: dict[int, Loudness] = {}
        self._levels: dict[tuple[str, int | None], Level] = {}
        self.disturbances: list[Event] = []
        """What was done to links between hosts, in the order in which it was asked for. It is no
        part of what happened: nothing of it is printed or judged."""
        self._in_order = True
        self._by_time: list[Event] | None = None
        self._by_kind: dict[str, list[Event]] = {}
        self._indexed = 0  # events in _by_kind
        self.on_record: Callable[[Event], object] | None = None
        """Called with every event as it is recorded; its fields may grow afterwards."""
        self._watchers: list[Callable[[Event], object]] = []

    def record(
        self,
        kind: str,
        source: str,
        target: str | None = None,
        *,
        t_ns: int | None = None,
        call: int | None = None,
        session: int | None = None,
        sent_ns: int | None = None,
        arrived_ns: int | None = None,
        **fields: Any,
    ) -> Event:
        """Append an event, dated now unless ``t_ns`` says otherwise."""
        event = Event(
            t_ns=self._now_ns() if t_ns is None else t_ns,
            source=source,
            target=target,
            kind=kind,
            call=call,
            session=session,
            sent_ns=sent_ns,
            arrived_ns=arrived_ns,
            fields=fields,
        )
        if self._events and event.t_ns < self._events[-1].t_ns:
            self._in_order = False
        self._events.append(event)
        self._by_time = None
        if self.on_record is not None:
            self.on_record(event)
        for watcher in tuple(self._watchers):
            watcher(event)
        return event

    def watch(self, watcher: Callable[[Event], object]) -> Callable[[], None]:
        """Call ``watcher`` with every event from now on; returns what ends that."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def redate(self, event: Event, arrived_ns: int | None) -> None:
        """Date a message to the bridge, now that its arrival there is known."""
        if arrived_ns is not None:
            event.t_ns = event.arrived_ns = arrived_ns
            self._in_order = False
            self._by_time = None
            self._indexed = -1

    def leg(
        self, source: str, target: str, *, call: int | None = None, session: int | None = None
    ) -> MediaLeg:
        """Return what counts the frames of a leg, for whoever has many of them."""
        key = (source, target, call, session)
        leg = self._legs.get(key)
        if leg is None:
            leg = self._legs[key] = MediaLeg(lambda t_ns: self._begin_run(key, t_ns))
        return leg

    def _begin_run(self, leg: _Leg, t_ns: int) -> tuple[dict[str, Any], Loudness]:
        source, target, call, session = leg
        run = self.record(
            "media",
            source,
            target,
            t_ns=t_ns,
            call=call,
            session=session,
            frames=0,
            audio_ns=0,
            last_ns=t_ns,
            out_of_order=0,
            jitter_ns=0,
        )
        loudness = self._loudness[id(run)] = Loudness()
        return run.fields, loudness

    def frame(
        self,
        source: str,
        target: str,
        t_ns: int,
        audio_ns: int,
        *,
        call: int | None = None,
        session: int | None = None,
        in_order: bool = True,
        is_silent: bool | None = None,
    ) -> None:
        """Count one frame of audio into the current run of its leg: see :class:`MediaLeg`."""
        leg = self.leg(source, target, call=call, session=session)
        leg.frame(t_ns, audio_ns, in_order=in_order, is_silent=is_silent)

    def pieces(self, run: Event) -> list[Piece]:
        """Return the speech and the silence in a run of media; nothing where nobody listened."""
        loudness = self._loudness.get(id(run))
        return [] if loudness is None else loudness.pieces

    def disturb(self, where: str, what: str, value: Any, t_ns: int, end_ns: int | None) -> None:
        """Note what was done to a link; ``end_ns``: when that is over, if it is known."""
        fields = {"where": where, "value": value, "end_ns": end_ns}
        self.disturbances.append(Event(t_ns=t_ns, source="network", kind=what, fields=fields))

    def level(
        self, name: str, lane: str, unit: str, *, tolerance: float, call: int | None = None
    ) -> Level:
        """Return what keeps the level of something, made when it is new; see :class:`Level`.

        Like :attr:`disturbances`, levels are for pictures.
        """
        key = (name, call)
        if key not in self._levels:
            self._levels[key] = Level(name, lane, unit, tolerance=tolerance, call=call)
        return self._levels[key]

    @property
    def levels(self) -> list[Level]:
        """All levels that were kept."""
        return list(self._levels.values())

    def end_run(
        self, source: str, target: str, *, call: int | None = None, session: int | None = None
    ) -> None:
        """Let the next frame of this leg begin a new run."""
        self.leg(source, target, call=call, session=session).end_run()

    @property
    def duration_ns(self) -> int:
        """Virtual time that was covered so far."""
        return self._now_ns()

    @property
    def events(self) -> list[Event]:
        """All events by instant; those of one instant in the order they were recorded."""
        if self._in_order:
            return self._events
        if self._by_time is None:
            # A sorted copy: what comes first of one instant must not depend on earlier looks.
            self._by_time = sorted(self._events, key=lambda event: event.t_ns)
        return self._by_time

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self._events)

    def of(self, *kinds: str, call: int | None = None) -> list[Event]:
        """Return the events of these kinds, of one call when it is given."""
        if len(kinds) == 1:
            events = self._index().get(kinds[0], [])
        else:
            events = [event for event in self.events if event.kind in kinds]
        return [event for event in events if call is None or event.call == call]

    def _index(self) -> dict[str, list[Event]]:
        if self._indexed != len(self._events):
            self._by_kind = {}
            for event in self.events:
                self._by_kind.setdefault(event.kind, []).append(event)
            self._indexed = len(self._events)
        return self._by_kind

    def __str__(self) -> str:
        from .text import render

        return render(self)

    def __repr__(self) -> str:
        return f"<Timeline of {len(self)} events, {self.duration_ns / 1e9:.3f} s>"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Timeline):
            return str(self) == str(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]
