"""Faults: what is known to go wrong at Vapi, each by its name; all of them off.

``sim.vapi.faults.stt_stall = 11.0`` turns one on for the calls that follow. What was turned on is
a :class:`Fault`, a frozen value that prints as that line, and that can be turned on elsewhere.
"""

# A default that a declaring function makes is a field, whatever ruff takes it for.
# ruff: noqa: RUF009

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields
from typing import Any

from ..timeline import Timeline
from ..wire.knobs import Knob, Knobs, knobs_of

_CODES = {1000, 1001, 1002, 1003, *range(1005, 1015), *range(3000, 5000)}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Only:
    """What goes wrong once in a call: the ``nth`` time that it could, from 1.

    >>> Only(11.0, nth=2)
    Only(value=11.0, nth=2)
    """

    value: Any
    nth: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.nth, int) or self.nth < 1:
            raise ValueError(f"Only: nth is a whole number from 1, found {self.nth!r}")


@dataclass(frozen=True)
class Close:
    """Vapi's socket closes, at an instant or with an event.

    Args:
        code: 1005 for a close frame without a code, 1006 for a connection that is reset.
        at: seconds after the socket opened.
        on: instead, the first words of a message as the timeline prints them, from either side
            (``speech-update assistant started``, ``transcript partial user``, ``end-call``), or
            ``audio`` (the first frame from Vapi) or ``caller audio`` (the first one to it).
        nth: which one of those, from 1.
        after: seconds from that event to the close.

    Raises:
        ValueError: a code that no socket closes with, neither or both of ``at`` and ``on``, or a
            number out of range.

    >>> Close(1012, on="transcript final user", after=0.2)
    Close(code=1012, at=None, on='transcript final user', nth=1, after=0.2)
    """

    code: int
    at: float | None = None
    on: str = ""
    nth: int = 1
    after: float = 0.0

    def __post_init__(self) -> None:
        if self.code not in _CODES:
            raise ValueError(f"Close: code {self.code!r} is none that a socket closes with")
        if (self.at is None) == (self.on == ""):
            raise ValueError(f"Close: either at or on; found at={self.at!r}, on={self.on!r}")
        for name in ("at", "after"):
            value = getattr(self, name)
            if value is not None and (not _is_number(value) or not 0 <= value <= 86_400):
                raise ValueError(f"Close: {name} is seconds from 0 to 86400, found {value!r}")
        if not isinstance(self.nth, int) or self.nth < 1:
            raise ValueError(f"Close: nth is a whole number from 1, found {self.nth!r}")


@dataclass(frozen=True)
class Fault:
    """One fault as a value.

    >>> print(Fault("stt_stall", 11.0))
    sim.vapi.faults.stt_stall = 11.0
    """

    name: str
    value: Any

    def __str__(self) -> str:
        return f"sim.vapi.faults.{self.name} = {self.value!r}"


def _fault(unit: str, allowed: str, accepts: Callable[[Any], bool], example: Any) -> Any:
    def takes(value: Any) -> bool:
        if isinstance(value, Only):
            value = value.value
        return value is None or accepts(value)

    knob = Knob(unit, allowed, takes)
    return field(default=None, metadata={"knob": knob, "example": example})


def _seconds(low: float, high: float, example: Any) -> Any:
    """Declare a fault of some seconds, or of a pair of them to draw from evenly."""

    def accepts(value: Any) -> bool:
        first, last = value if isinstance(value, tuple) and len(value) == 2 else (value, value)
        return _is_number(first) and _is_number(last) and bool(low <= first <= last <= high)

    allowed = f"a number from {low:g} to {high:g}, or a pair of them to draw from"
    return _fault("s", allowed, accepts, example)


def _whole(low: int, high: int, unit: str, example: int) -> Any:
    def accepts(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return _fault(unit, f"a whole number from {low} to {high}", accepts, example)


def _status(*statuses: int) -> Any:
    allowed = ", ".join(map(str, statuses[:-1])) + f" or {statuses[-1]}"
    return _fault("HTTP", allowed, lambda value: value in statuses, statuses[0])


def _share(example: float) -> Any:
    return _fault(
        "share", "from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1, example
    )


def _switch() -> Any:
    return _fault("", "True", lambda value: value is True, True)


@dataclass
class Faults(Knobs):
    """The menu. None is off; :class:`Only` of a value is for one occurrence alone.

    A fault of the socket is read when the socket opens, any other when it could happen; where it
    does, the timeline has a ``fault``.

    Raises:
        AttributeError: on assignment, no such fault.
        ValueError: on assignment, a value outside its range.

    >>> faults = Faults()
    >>> faults.stt_stall = Only(11.0, nth=2)
    >>> print(*faults.turned_on())
    sim.vapi.faults.stt_stall = Only(value=11.0, nth=2)
    """

    title = "vapi.faults"

    # The start

    slow_create: Any = _seconds(0, 3600, 6.0)
    """``POST /call`` is answered so much later."""
    failed_create: Any = _status(500, 400, 401, 403, 429, 503)
    """``POST /call`` is answered with that status and makes no call."""
    slow_open: Any = _seconds(0, 3600, 5.0)
    """The upgrade of a socket is answered so much later."""
    failed_open: Any = _status(500, 401, 403, 404, 502, 503)
    """The upgrade of a socket is answered with that status, as an expired URL is with 500."""
    slow_begin: Any = _seconds(0, 3600, 3.0)
    """The socket is open, and for so long nobody is there: no message, no audio, no ears."""

    # Hearing

    deaf_start: Any = _seconds(0, 60, 0.4)
    """The caller's first audio is lost, so much of it; 0.2 to 0.4 s were reported."""
    deaf_from: Any = _seconds(0, 86_400, 5.0)
    """So long after the opening the caller's audio begins to be ignored, for good."""
    deaf_after_gap: Any = _seconds(0.02, 3600, 2.0)
    """Once no audio came for so long, the caller's audio is ignored for good."""
    misread_audio: Any = _switch()
    """The caller's audio is taken for the other format, PCM for mu-law or the other way round: no
    error, only noise."""
    stt_stall: Any = _seconds(0, 60, 11.0)
    """A final transcript comes so much later; 11 s were recorded."""
    premature_final: Any = _seconds(0.1, 60, 0.8)
    """A turn ends after so much voice, though the caller goes on."""
    absorbed: Any = _switch()
    """What the caller says during the first message makes no turn of its own."""
    final_pieces: Any = _whole(2, 20, "pieces", 3)
    """A caller's final transcript comes as so many, one after the other."""
    late_stopped: Any = _seconds(0, 60, 0.5)
    """``speech-update stopped`` of the caller comes so much later, after what it should precede."""

    # Speaking

    unspoken: Any = _share(1.0)
    """A text was accepted, and is never spoken; there is no error."""
    say_stall: Any = _seconds(0, 60, (0.5, 9.6))
    """What a ``say`` asks for begins so much later; 0.5 to 9.6 s were measured."""
    held_text: Any = _seconds(0, 60, 16.0)
    """A reply is held back for so long, and then spoken twice over; 16 s were recorded."""
    retry_storm: Any = _whole(2, 20, "requests", 6)
    """The model is asked so many times for one turn, 2.7 s apart, and all answers but the last are
    dropped; 6 in 16 s were recorded."""
    clipped_start: Any = _seconds(0, 10, 0.3)
    """So much at the start of a reply is silence instead."""
    assistant_pieces: Any = _whole(2, 20, "pieces", 3)
    """The assistant's final transcript comes as so many; 2 to 4 were recorded."""

    # The socket

    mute_from: Any = _seconds(0, 86_400, 5.0)
    """So long after the opening Vapi's audio ends, for good; messages still come."""
    odd_frames: Any = _whole(1, 65_536, "bytes", 333)
    """Vapi's audio comes in frames of so many bytes, which may cut a sample in two."""
    other_rate: Any = _whole(4000, 48_000, "Hz", 8000)
    """Vapi's audio comes at that rate, whatever was declared: no error, only speed and pitch."""
    stale_audio: Any = _switch()
    """Seed dialect: what was not sent when a call ended without a ``flush`` begins the next one."""
    close: Any = _fault(
        "",
        "a Close",
        lambda value: isinstance(value, Close),
        Close(1011, at=3.0),
    )
    """The socket closes; the call ends ``worker-shutdown`` and its URL is dead."""

    # Webhooks

    webhook_outage: Any = _share(1.0)
    """An event for the call's server is never delivered, nor is it tried again; 1: none is."""

    def turned_on(self) -> tuple[Fault, ...]:
        """Return the faults that are on, in the order of the menu."""
        values = ((name, getattr(self, name)) for name in knobs_of(Faults))
        return tuple(Fault(name, value) for name, value in values if value is not None)

    def turn_on(self, *faults: Fault) -> None:
        """Turn faults on, as assigning does."""
        for fault in faults:
            setattr(self, fault.name, fault.value)


def menu() -> tuple[Fault, ...]:
    """Return every fault there is, as it was recorded or reported, or else at a telling size.

    >>> menu()[0]
    Fault(name='slow_create', value=6.0)
    """
    entries: tuple[Field[Any], ...] = fields(Faults)
    return tuple(Fault(entry.name, entry.metadata["example"]) for entry in entries)


class CallFaults:
    """What goes wrong in one call.

    Args:
        session: number of the call in the timeline.
        draw: draws where a fault is a share or a pair.
    """

    def __init__(
        self, faults: Faults, session: int, *, timeline: Timeline, draw: random.Random
    ) -> None:
        self._faults = faults
        self._session = session
        self._timeline = timeline
        self.draw = draw
        self._times: Counter[str] = Counter()

    def turned_on(self) -> tuple[Fault, ...]:
        """Return the faults that are on."""
        return self._faults.turned_on()

    def take(self, name: str) -> Any:
        """Return the value of a fault that can happen now and does, and note it; else None."""
        value = self.look(name)
        if value is not None:
            self.note(name, value)
        return value

    def look(self, name: str) -> Any:
        """Return the value of a fault that can happen now and will; else None."""
        self._times[name] += 1
        value = getattr(self._faults, name)
        if isinstance(value, Only):
            value = value.value if value.nth == self._times[name] else None
        if value is None:
            return None
        if isinstance(value, tuple):
            return round(self.draw.uniform(*value), 3)
        if knobs_of(Faults)[name].unit == "share":
            return True if self.draw.random() < value else None
        return value

    def note(self, name: str, value: Any) -> None:
        """Record that a fault happened."""
        self._timeline.record(
            "fault", "vapi", session=self._session or None, name=name, value=value
        )
