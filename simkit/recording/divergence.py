"""Divergence: what a bridge sends today against what it sent in the recording.

Messages are paired kind by kind, least apart in time. Of audio it counts how much of each reply was
heard, when it began and when it stopped; how it was cut into frames does not count. What differs is
told in the order of time, each consequence below its cause: the first thing that differs is the one
to look at.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from ..timeline import Timeline
from ..timeline.pairing import paired
from ..timeline.text import quoted
from .deviation import Deviation, Kind, grouped
from .outputs import (
    LEGS,
    Leg,
    Output,
    Outputs,
    begun,
    known_kinds,
    recorded_outputs,
    sent_outputs,
)
from .reading import Recording
from .sounding import Played, Stretch, play, stretches

TOLERANCE_MS = 50.0
"""Instants and amounts that are no further apart are the same: the limit of what is known of when
audio of 20 ms frames begins and ends, twice."""
LIVE_TOLERANCE_MS = 100.0
"""The same where a fake answers in place of the service, by what the recording lets infer: when a
voice begins, where a reply does. In captured calls every clear came within 5 ms of where it was."""
PARTNERS_NS = 2_000_000_000
"""Messages of a kind that are further apart are not the same message."""

_T = TypeVar("_T", Output, Stretch)
_Both = tuple[int | None, int | None]
"""Instants in the recording, and now; None: not there."""


class Divergence(Struct, frozen=True, kw_only=True):
    """What the bridge does otherwise than the recorded one did."""

    compared: list[str]
    """What the recording knows of the recorded bridge: legs, or kinds of messages."""
    tolerance_ms: float
    causes: list[Deviation]
    """In the order of time, each with what follows from it."""
    begun_ns: int = 0
    """Instant of the replay that is the recording's begin."""

    @property
    def is_none(self) -> bool:
        """True where nothing differs."""
        return not self.causes

    @property
    def same(self) -> bool | None:
        """Whether the bridge does as recorded; None where there was nothing to compare."""
        return self.is_none if self.compared else None

    @property
    def summary(self) -> str:
        """What was compared, and how many things differ, in a line."""
        if not self.compared:
            return "nothing to compare: the recording does not tell what the bridge sent"
        compared = f"{', '.join(self.compared)} compared, within {self.tolerance_ms:g} ms"
        if self.is_none:
            return f"as recorded: {compared}"
        things = f"{len(self.causes)} things differ" if self.causes[1:] else "1 thing differs"
        return f"{things}: {compared}"


def diverged(
    recording: Recording,
    timeline: Timeline,
    *,
    played_ns: int,
    tolerance_ms: float,
    ignored: Collection[str] = (),
) -> Divergence:
    """Compare what the recorded bridge sent with what one sent when the call was replayed.

    Only what the recording knows is compared.

    Args:
        recording: of the call.
        timeline: of the replay.
        played_ns: when the recorded sound began to be played in it.
        tolerance_ms: instants and amounts that are no further apart are the same.
        ignored: kinds of messages that are not compared.
    """
    known = known_kinds(recording)
    begun_ns = begun(recording, timeline, played_ns)
    today = sent_outputs(timeline, begun_ns)
    recorded = recorded_outputs(recording)
    if recorded.is_cut and recorded.end_ns is not None:
        today = today.until(recorded.end_ns)
    recorded = recorded.only(known, ignored)
    if recorded.is_cut and not recorded.sent:
        known = {}  # it ends before its bridge sent anything
    causes = deviations(
        recorded,
        today.only(known, ignored),
        tolerance_ms=tolerance_ms,
    )
    compared = [
        name
        for leg, kinds in known.items()
        for name in ([f"what went to {leg.capitalize()}"] if kinds is None else sorted(kinds))
        if name not in ignored
    ]
    return Divergence(
        compared=compared, tolerance_ms=tolerance_ms, causes=causes, begun_ns=begun_ns
    )


def deviations(
    recorded: Outputs, today: Outputs, *, tolerance_ms: float = TOLERANCE_MS
) -> list[Deviation]:
    """Compare what two bridges sent in the same call.

    Args:
        recorded: what is expected.
        today: what is compared with it, on the same clock.
        tolerance_ms: instants and amounts that are no further apart are the same.

    Returns:
        What differs, in the order of time, consequences with their causes.
    """
    tolerance_ns = round(tolerance_ms * 1e6)
    found: list[Deviation] = []
    in_step: dict[Leg, list[int]] = {leg: [] for leg in LEGS}
    for leg in LEGS:
        comparison = _Leg(leg, recorded, today, tolerance_ns)
        found += comparison.deviations()
        in_step[leg] = sorted(comparison.in_step)
    return grouped(found, in_step, tolerance_ns)


class _Leg:
    """Compares one leg."""

    def __init__(self, leg: Leg, recorded: Outputs, today: Outputs, tolerance_ns: int) -> None:
        self._leg = leg
        self._before = [output for output in recorded.sent if output.leg == leg]
        self._now = [output for output in today.sent if output.leg == leg]
        self._tolerance_ns = tolerance_ns
        self._end_ns = recorded.end_ns if leg == "twilio" or recorded.is_cut else None
        # What was heard after the recording's end cannot be compared.
        ends = [end for end in (recorded.end_ns, today.end_ns) if end is not None]
        self._today_end_ns = min(ends) if ends and leg == "twilio" else None
        self._names: dict[Any, Any] = {}
        self.in_step: list[int] = []
        """Instants at which both sent the same."""
        self._order: list[tuple[Output, Output]] = []

    def deviations(self) -> Iterator[Deviation]:
        """Yield what differs, in no order."""
        kinds: dict[str, tuple[list[Output], list[Output]]] = {}
        for side, outputs in enumerate((self._before, self._now)):
            for output in outputs:
                kinds.setdefault(output.kind, ([], []))[side].append(output)
        kinds.pop("media", None)
        for before, now in kinds.values():
            yield from self._messages(before, now)
        yield from self._sounds()
        yield from self._swapped()

    # Messages

    def _messages(self, before: list[Output], now: list[Output]) -> Iterator[Deviation]:
        for a, b in _paired(before, now):
            if a is None and b is not None:
                if not self._is_at_end(b):
                    yield self._told(
                        "extra", _name(b), (None, b.t_ns), None, "sent; not in the recording"
                    )
            elif b is None and a is not None:
                if not self._is_at_end(a):
                    yield self._told("missing", _name(a), (a.t_ns, None), None, "not sent")
            elif a is not None and b is not None:
                yield from self._same(a, b)

    def _same(self, before: Output, now: Output) -> Iterator[Deviation]:
        late_ns = now.t_ns - before.t_ns
        what, both_ns = _name(before), (before.t_ns, now.t_ns)
        changed = self._changed(before, now)
        if abs(late_ns) > self._tolerance_ns:
            yield self._moved(what, both_ns, late_ns, "sent")
        elif not changed:
            self.in_step.append(before.t_ns)
        if abs(late_ns) <= self._tolerance_ns:
            self._order.append((before, now))
        if changed:
            yield self._told("changed", what, both_ns, None, changed)

    def _changed(self, before: Output, now: Output) -> str:
        """Return how the same message says something else; empty when it does not."""
        for key in {**before.fields, **now.fields}:
            old, new = before.fields.get(key), now.fields.get(key)
            if before.kind == "mark" and key == "name":
                # Names are a bridge's own; what was one name has to be one.
                if self._names.setdefault(old, new) != new:
                    return f"called {_shown(new)}, where it was {_shown(self._names[old])} before"
            elif old != new:
                return f"{key} is {_shown(new)}, was {_shown(old)}"
        return ""

    # Sound

    def _sounds(self) -> Iterator[Deviation]:
        before, now = self._stretches()
        number = 0
        for a, b in _paired(before, now):
            longest_ns = max(one.audio_ns for one in (a, b) if one is not None)
            if longest_ns <= self._tolerance_ns:
                continue
            number += a is not None
            what = f"reply {number}" if self._leg == "twilio" else "the caller's audio"
            if a is None and b is not None:
                if not self._is_at_end(b):
                    what = "a reply" if self._leg == "twilio" else what
                    told = f"sent ({_seconds(b.audio_ns)}); not in the recording"
                    yield self._told("extra", what, (None, b.t_ns), _ms(b.audio_ns), told)
            elif b is None and a is not None:
                if not self._is_at_end(a):
                    told = f"not sent ({_seconds(a.audio_ns)})"
                    yield self._told("missing", what, (a.t_ns, None), -_ms(a.audio_ns), told)
            elif a is not None and b is not None:
                yield from self._same_sound(what, a, b)

    def _stretches(self) -> tuple[list[Stretch], list[Stretch]]:
        """Return both sides' audio, cut where the other one's begins, too."""
        before, now = play(self._before, self._end_ns), play(self._now, self._today_end_ns)
        return (
            stretches(before, self._cuts(stretches(now), before)),
            stretches(now, self._cuts(stretches(before), now)),
        )

    def _cuts(self, others: Sequence[Stretch], own: Sequence[Played]) -> set[int]:
        """Return where runs begin with a stretch of the other side, within the tolerance."""
        begins = [other.t_ns for other in others]

        def is_near(t_ns: int) -> bool:
            after = bisect_left(begins, t_ns - self._tolerance_ns)
            return after < len(begins) and begins[after] <= t_ns + self._tolerance_ns

        return {one.run.t_ns for one in own if one.run is not None and is_near(one.run.t_ns)}

    def _same_sound(self, what: str, before: Stretch, now: Stretch) -> Iterator[Deviation]:
        late_ns = now.t_ns - before.t_ns
        if abs(late_ns) > self._tolerance_ns:
            yield self._moved(what, (before.t_ns, now.t_ns), late_ns, "begins")
        else:
            self.in_step.append(before.t_ns)
            self._order.append((before.runs[0], now.runs[0]))
        if self._leg == "twilio":
            yield from self._heard(what, before, now)
        elif abs(more_ns := now.audio_ns - before.audio_ns) > self._tolerance_ns:
            told = f"Vapi was sent {_size(more_ns)} of {what}"
            stops_ns = before.stops_ns, now.stops_ns
            yield self._deviation("changed", what, stops_ns, _ms(more_ns), told)

    def _heard(self, what: str, before: Stretch, now: Stretch) -> Iterator[Deviation]:
        """Yield how the same reply sounds otherwise."""
        late_ns = now.begins_ns - before.begins_ns
        more_ns = now.heard_ns - before.heard_ns
        pauses_ns = now.stops_ns - before.stops_ns - late_ns - more_ns
        stops_ns = before.stops_ns, now.stops_ns
        waited_ns = late_ns - (now.t_ns - before.t_ns)
        if abs(waited_ns) > self._tolerance_ns and before.heard_ns and now.heard_ns:
            begins_ns = before.begins_ns, now.begins_ns
            when = f"{abs(_ms(late_ns)):.0f} ms {'later' if late_ns > 0 else 'earlier'}"
            kind: Kind = "late" if late_ns > 0 else "early"
            told = f"caller heard {what} {when}"
            yield self._deviation(kind, what, begins_ns, _ms(late_ns), told)
        if abs(more_ns) > self._tolerance_ns:
            told = f"caller heard {_size(more_ns)} of {what}"
            yield self._deviation("changed", what, stops_ns, _ms(more_ns), told)
        if abs(pauses_ns) > self._tolerance_ns:
            told = f"{_size(pauses_ns)} of silence within {what}"
            yield self._deviation("changed", what, stops_ns, _ms(pauses_ns), told)

    # Order

    def _swapped(self) -> Iterator[Deviation]:
        """Yield what a clear changed places with: it flushes what was sent before it, only."""
        if self._leg != "twilio":
            return
        place_before = {id(output): at for at, output in enumerate(self._before)}
        place_now = {id(output): at for at, output in enumerate(self._now)}
        clears = [pair for pair in self._order if pair[0].kind == "clear"]
        for clear, clear_now in clears:
            for other, other_now in self._order:
                was_first = place_before[id(other)] < place_before[id(clear)]
                is_first = place_now[id(other_now)] < place_now[id(clear_now)]
                if was_first != is_first and other.kind != "clear":
                    what = "the next reply" if other.kind == "media" else _name(other)
                    here, not_here = ("before", "after") if is_first else ("after", "before")
                    told = f"{here} the clear, not {not_here} it"
                    both_ns = min(other.t_ns, clear.t_ns), min(other_now.t_ns, clear_now.t_ns)
                    yield self._told("reordered", what, both_ns, None, told)

    # Telling

    def _is_at_end(self, output: Output | Stretch) -> bool:
        """Tell whether it is so close to the end of the stream that it may or may not be there."""
        return self._end_ns is not None and output.t_ns > self._end_ns - self._tolerance_ns

    def _moved(self, what: str, both_ns: _Both, late_ns: int, verb: str) -> Deviation:
        kind: Kind = "late" if late_ns > 0 else "early"
        when = "later" if late_ns > 0 else "earlier"
        told = f"{verb} {abs(_ms(late_ns)):.0f} ms {when} than recorded"
        return self._told(kind, what, both_ns, _ms(late_ns), told)

    def _told(
        self, kind: Kind, what: str, both_ns: _Both, by_ms: float | None, told: str
    ) -> Deviation:
        return self._deviation(kind, what, both_ns, by_ms, f"{what} {told}")

    def _deviation(
        self, kind: Kind, what: str, both_ns: _Both, by_ms: float | None, sentence: str
    ) -> Deviation:
        t_ns = min(one for one in both_ns if one is not None)
        return Deviation(
            kind=kind,
            leg=self._leg,
            what=what,
            t_ns=t_ns,
            by_ms=by_ms,
            sentence=sentence,
            last_ns=t_ns,
            recorded_ns=both_ns[0],
            today_ns=both_ns[1],
        )


def _paired(before: Sequence[_T], now: Sequence[_T]) -> Iterator[tuple[_T | None, _T | None]]:
    pairs = paired([one.t_ns for one in before], [one.t_ns for one in now], PARTNERS_NS)
    for a, b in pairs:
        yield (None if a is None else before[a]), (None if b is None else now[b])


def _name(output: Output) -> str:
    if output.kind == "mark":
        return f"mark {_shown(output.fields.get('name'))}"
    return output.kind


def _shown(value: Any) -> str:
    return quoted(value) if isinstance(value, str) else str(value)


def _seconds(ns: int) -> str:
    return f"{ns / 1e9:.1f} s"


def _size(ns: int) -> str:
    return f"{abs(_ms(ns)):.0f} ms {'more' if ns > 0 else 'less'}"


def _ms(ns: int) -> float:
    return ns / 1e6
