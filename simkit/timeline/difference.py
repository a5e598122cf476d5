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


class Difference(Struct, frozen=True):
    """What two timelines differ in."""

    pairs: list[Pair]
    """Events that are in both, by their instants in the first one."""
    order: str
    """The first event that is only in one, or came in another order; empty: there is none."""
    swapped: int
    """Pairs of neighbours that changed places, closer to each other than the tolerance in both."""


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
    only: list[tuple[int, str]] = []
    moved_ns = 0
    for one, then in both:
        if one is not None and then is not None:
            late_ns = then.t_ns - one.t_ns
            pairs.append(Pair(one.what, one.t_ns, then.t_ns, (late_ns - moved_ns) / 1e6))
            if one.what.startswith(_ACTIONS) or one.what.endswith(" > bridge open"):
                moved_ns = late_ns
        elif one is not None:
            only.append((one.t_ns, f"only in the first: {one.what}"))
        elif then is not None:
            only.append((then.t_ns, f"only in the second: {then.what}"))
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
                only.append((pair.first_ns, f"{pair.what}: after {later.what}, not before it"))
            elif later.first_ns > pair.first_ns:
                swapped += 1
    only.sort()
    order = f"at {only[0][0] / 1e9:.3f}, {only[0][1]}" if only else ""
    return Difference(pairs, order, swapped)


class _Happened(NamedTuple):
    t_ns: int
    """Since the timeline's first event."""
    number: int
    what: str


def _events(timeline: Timeline) -> dict[Hashable, list[_Happened]]:
    """Return the events that count, by what they are."""
    events = [event for event in timeline.events if event.kind not in _FOLDED]
    start_ns = events[0].t_ns if events else 0
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
