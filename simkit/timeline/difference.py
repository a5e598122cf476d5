"""The difference of two timelines: which events, in which order, and when."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import NamedTuple

from msgspec import Struct

from .events import Event, Timeline
from .pairing import paired
from .text import line

_FOLDED = ("media", "receives", "lost", "stall", "pacing", "leaks", "log", "slow-reader", "clip")
"""Kinds that are a measurement, or a stretch of sound: they have no instant of their own."""
_TELLING = ("role", "status", "transcript_type", "name", "method", "path", "reply", "digit")
"""Fields that tell one event from another, beside who tells whom what."""

_ACTIONS = ("caller speaks", "caller makes", "caller hangs-up")


class Pair(Struct, frozen=True):
    """The same event in both timelines."""

    what: str
    """Its line in the first one, without the instant."""
    first_ns: int
    """When it was in the first one, counted from that one's first event."""
    second_ns: int
    late_ms: float
    """How much later it was in the second one, counted from what last set the pace before it: the
    caller's latest action, or the opening of the agent's socket.

    A caller acts when something was heard. Sound moves in packets of 20 ms: one that just missed
    its packet moves the caller, and everything after that, by one.
    """


class Odd(NamedTuple):
    """An event that is only in one of two timelines, or came in another order."""

    t_ns: int
    """When it was, in the first of the two that has it, counted from that one's first event."""
    sentence: str
    first_ns: int | None
    """When it was in the first timeline; None: it was not."""
    second_ns: int | None


class Difference(Struct, frozen=True):
    """What two timelines differ in."""

    pairs: list[Pair]
    """Events that are in both, by their instants in the first one."""
    order: str
    """The first event that is only in one, or came in another order; empty: there is none."""
    swapped: int
    """Pairs of neighbours that changed places, closer to each other than the tolerance in both."""
    odd: list[Odd]
    """All events of which :attr:`order` tells the first."""


def difference(first: Timeline, second: Timeline, *, tolerance_ms: float = 0.0) -> Difference:
    """Align the events of two timelines and compare their order and their instants.

    Sound is folded away: media, and all pieces but the first of what was heard of an utterance.

    Args:
        first: what is expected.
        second: what is compared with it.
        tolerance_ms: events that are no further apart than this, in both, have no order.
    """
    before, after = _events(first), _events(second)
    both: list[tuple[_Happened | None, _Happened | None]] = []
    for kind in {**before, **after}:
        mine, other = before.get(kind, []), after.get(kind, [])
        both += [
            (None if a is None else mine[a], None if b is None else other[b])
            for a, b in paired([one.t_ns for one in mine], [one.t_ns for one in other])
        ]
    both.sort(key=lambda two: two[0].number if two[0] is not None else math.inf)
    pairs: list[Pair] = []
    odd: list[Odd] = []
    moved_ns = 0
    for one, then in both:
        if one is not None and then is not None:
            late_ns = then.t_ns - one.t_ns
            pairs.append(Pair(one.what, one.t_ns, then.t_ns, (late_ns - moved_ns) / 1e6))
            if one.what.startswith(_ACTIONS) or one.what.endswith(" > bridge open"):
                moved_ns = late_ns
        elif one is not None:
            odd.append(Odd(one.t_ns, f"only in the first: {one.what}", one.t_ns, None))
        elif then is not None:
            odd.append(Odd(then.t_ns, f"only in the second: {then.what}", None, then.t_ns))
    swapped = 0
    tolerance_ns = tolerance_ms * 1e6
    for number, pair in enumerate(pairs):
        for later in pairs[number + 1 :]:
            if later.second_ns >= pair.second_ns:
                continue
            if (
                later.first_ns - pair.first_ns > tolerance_ns
                or pair.second_ns - later.second_ns > tolerance_ns
            ):
                told = f"{pair.what}: after {later.what}, not before it"
                odd.append(Odd(pair.first_ns, told, pair.first_ns, pair.second_ns))
            elif later.first_ns > pair.first_ns:
                swapped += 1
    odd.sort(key=lambda one: (one.t_ns, one.sentence))
    order = f"at {odd[0].t_ns / 1e9:.3f}, {odd[0].sentence}" if odd else ""
    return Difference(pairs, order, swapped, odd)


def begun_ns(timeline: Timeline) -> int:
    """Return the instant that those of a difference count from: that of the first event."""
    counted = (event.t_ns for event in timeline.events if event.kind not in _FOLDED)
    return next(counted, 0)


class _Happened(NamedTuple):
    t_ns: int
    """Since the timeline's first event."""
    number: int
    what: str


def _events(timeline: Timeline) -> dict[Hashable, list[_Happened]]:
    """Return the events that count, by what they are."""
    events = [event for event in timeline.events if event.kind not in _FOLDED]
    start_ns = begun_ns(timeline)
    found: dict[Hashable, list[_Happened]] = {}
    heard: set[Hashable] = set()
    for number, event in enumerate(events):
        if event.kind == "hears":
            utterance = (event.call, event.fields["utterance"])
            if utterance in heard:
                continue
            heard.add(utterance)
        what = " ".join(line(event).split()[1:])
        found.setdefault(_kind(event), []).append(_Happened(event.t_ns - start_ns, number, what))
    return found


def _kind(event: Event) -> Hashable:
    told = tuple((name, event.fields[name]) for name in _TELLING if name in event.fields)
    return event.source, event.target, event.kind, event.call, event.session, told
