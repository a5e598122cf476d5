"""What a page is told: the JSON within it, which its scripts draw.

Instants are integer microseconds on the clock of the run. Texts are data, wherever they come from:
the page never takes them for markup.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

FORMAT = 1
"""Of what is told here; a page carries its own scripts, so they always agree."""


class Lane(Struct, frozen=True, kw_only=True):
    """A line of the picture on which messages begin and end."""

    id: str
    """As events name it: ``caller``, ``twilio``, ``bridge``, ``vapi``, ``agent``, ..."""
    name: str
    """As people read it."""


class Events(Struct, kw_only=True):
    """Everything that is shown of the timeline, column by column, in the order of time."""

    t: list[int]
    source: list[int]
    """Index of the lane; -1: none of them."""
    target: list[int]
    """The same; -1 where it is no message."""
    kind: list[int]
    """Index into :attr:`Panel.kinds`."""
    sent: list[int]
    arrived: list[int]
    """Both ends of a message; ``t`` where that is not known."""
    line: list[str]
    """As the timeline prints it."""
    fields: list[dict[str, Any]]
    """What else is known of it."""


class Span(Struct, frozen=True, kw_only=True):
    """Something that lasts."""

    row: str
    """``mouth``, ``agent``, ``ear``, ``turn``, ``disturbance``."""
    start: int
    end: int
    reply: int = -1
    """Number of the reply, from 0, which gives the colour; -1: nobody knows, or none."""
    unheard: bool = False
    """It was sent, and never heard."""
    text: str = ""
    title: str = ""
    """A line about it."""


class Curve(Struct, frozen=True, kw_only=True):
    """How much of something there was: straight lines from point to point.

    Two points of one instant are a step.
    """

    name: str
    """``Twilio's play-out queue``, ..."""
    lane: str
    """At which it is drawn."""
    unit: str
    t: list[int]
    value: list[float]


class Bracket(Struct, frozen=True, kw_only=True):
    """A barge-in: from the caller's first sound to silence, in its four parts."""

    onset: int
    text: str
    stop_ms: float | None
    parts_ms: list[float | None]
    """Detect, react, fly, tail."""
    told: list[str]
    """The time to stop and its parts as people read them: they add up, too."""
    told_by: str | None
    reply: int | None
    unheard_ms: float | None
    yielded: bool | None


class Wave(Struct, frozen=True, kw_only=True):
    """The outline of a sound."""

    start: int
    """When it begins."""
    bucket: int
    """Microseconds that each pair is about."""
    peaks: str
    """Base64 of signed bytes: lowest and highest sample of each bucket, 127 is full scale."""


class Sound(Struct, frozen=True, kw_only=True):
    """What can be played: left the mouth, right the ear."""

    start: int
    """When its first sample is said and heard."""
    mime: str
    data: str
    """Base64 of the file."""


class Panel(Struct, kw_only=True):
    """One call on one time axis."""

    title: str
    duration: int
    lanes: list[Lane]
    kinds: list[str]
    events: Events
    spans: list[Span]
    curves: list[Curve]
    brackets: list[Bracket]
    waves: dict[str, Wave]
    """``mouth`` and ``ear``."""
    sound: Sound | None


class Stretch(Struct, frozen=True, kw_only=True):
    """From when until when something was said or heard, or should have been."""

    row: str
    """``mouth``, ``ear``."""
    start: int
    end: int


class Proof(Struct, frozen=True, kw_only=True):
    """One place where a promise was broken."""

    at: int
    sentence: str
    call: int
    """Of whose events: an index into :attr:`Page.panels`, behind which are the others."""
    events: list[int]
    """Indices into that panel's events, as far as they are shown there."""
    lines: list[str]
    sounds: list[Stretch] = []
    """What of the call's sound it is about."""


class Promise(Struct, frozen=True, kw_only=True):
    """A check and how it came out."""

    name: str
    promise: str
    passed: bool
    """It was not broken, or that is of no account; :attr:`not_judged` says who did not look."""
    waived: str
    proofs: list[Proof]
    not_judged: str = ""
    """What of it could not be looked at in real time; see :class:`simkit.checks.CheckResult`."""


class Difference(Struct, frozen=True, kw_only=True):
    """Where the second panel's call does otherwise than the first one's."""

    number: int
    """From 1, in the order of time; number 1 is the first cause."""
    above: int | None
    """Instant in the first panel; None where it has no such thing."""
    below: int | None
    sentence: str
    cause: int | None
    """Number of the difference that it follows from; None: it is a cause itself."""


class Page(Struct, kw_only=True):
    """The whole page."""

    format: int
    title: str
    passed: bool | None
    """None: there was nothing to judge."""
    verdict: list[str]
    """In sentences, the most important first."""
    measures: list[tuple[str, str, str]]
    """Name, value with its unit, meaning."""
    promises: list[Promise]
    panels: list[Panel]
    """One; or two, of which the first is what was expected."""
    others: list[Panel]
    """The other calls of the run, to be looked at in place of the first panel."""
    differences: list[Difference]
    failure: list[str]
    """Why the run failed, line by line, where one line does not hold it."""
    remarks: list[str]
    """What else is to be known: that the recording was cut, that sound is missing, ..."""
