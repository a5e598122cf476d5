"""What lasts in a call: what was said, sent, heard and flushed, turns, disturbances, barge-ins."""

from __future__ import annotations

from collections.abc import Iterator

from ...timeline import BargeIn, Event, Timeline
from ...timeline.alignment import unheard_of
from ...timeline.carrier import PACKET_NS
from ...timeline.text import line, printable
from ...timeline.turns import answered_turns
from ..voices import voices
from .events import CallEvents, microseconds
from .model import Bracket, Span
from .plain import clipped

_EDGES_NS = 100_000_000
"""What is shorter need not have been flushed: as much is too faint at the edges of sound."""


class Replies:
    """The replies of a run by their utterances, numbered for their colours."""

    def __init__(self, timeline: Timeline) -> None:
        self.events = timeline.of("replies")
        self._numbers = {
            event.fields["utterance"]: number for number, event in enumerate(self.events)
        }

    def number(self, utterance: int | None) -> int:
        """Return the number of the reply that an utterance is, from 0; -1: of none."""
        return -1 if utterance is None else self._numbers.get(utterance, -1)


def spans(events: CallEvents, replies: Replies) -> list[Span]:
    """Return everything that lasts in a call, by row and time."""
    found = [*_voices(events), *_unheard(events, replies)]
    return [*found, *_turns(events.timeline, events.call), *_disturbances(events)]


def _span(row: str, start_ns: int, end_ns: int, title: str, text: str = "", **more: int) -> Span:
    return Span(
        row=row,
        start=microseconds(start_ns),
        end=microseconds(max(start_ns, end_ns)),
        text=clipped(text),
        title=clipped(title),
        reply=more.get("reply", -1),
        unheard=bool(more.get("unheard")),
    )


def _voices(events: CallEvents) -> Iterator[Span]:
    for voice in voices(events.timeline, events.call):
        title, text = line(voice.event).strip(), voice.event.fields["text"] or ""
        yield _span(voice.row, voice.start_ns, voice.end_ns, title, text, reply=voice.reply)
    for event in events.timeline.of("noise", call=events.call):
        end_ns = event.t_ns + event.fields["duration_ns"]
        yield _span("mouth", event.t_ns, end_ns, line(event).strip(), event.fields["name"])


def _unheard(events: CallEvents, replies: Replies) -> Iterator[Span]:
    """Yield what of each reply was sent in vain, behind the last of it that was heard."""
    timeline, call = events.timeline, events.call
    ends_ns = {
        event.fields["utterance"]: event.t_ns + event.fields["duration_ns"]
        for event in timeline.of("hears", call=call)
    }
    for reply in events.own(replies.events):
        unheard_ns = round(unheard_of(timeline, call, reply) * 1e6)
        if unheard_ns < _EDGES_NS:
            continue
        fields = reply.fields
        start_ns = ends_ns.get(fields["utterance"], reply.arrived_ns or reply.t_ns)
        title = f"{unheard_ns / 1e9:.3f} s of reply {fields['reply']} were sent and never heard"
        number = replies.number(fields["utterance"])
        yield _span(
            "ear", start_ns, start_ns + unheard_ns, title, fields["text"], reply=number, unheard=1
        )


def _turns(timeline: Timeline, call: int) -> Iterator[Span]:
    for number, (turn, answered_ns) in enumerate(answered_turns(timeline, call), 1):
        told = "never answered"
        if answered_ns is not None:
            told = f"answered after {(answered_ns - turn.end_ns) / 1e6:.0f} ms"
        end_ns = turn.end_ns if answered_ns is None else answered_ns
        yield _span("turn", turn.start_ns, end_ns, f"turn {number}, {told}", f"turn {number}")


def _disturbances(events: CallEvents) -> Iterator[Span]:
    timeline = events.timeline
    over_ns = min(
        (event.t_ns for event in timeline.of("ended", call=events.call)),
        default=timeline.duration_ns,
    )
    until_ns: dict[object, int] = {}
    """From when on another setting of the same is in force."""
    found = []
    for event in reversed(events.own(timeline.of(*_DISTURBANCES))):
        fields = event.fields
        key = (event.kind, fields.get("towards"))
        end_ns = event.t_ns + fields.get("duration_ns", 0)
        if event.kind in ("carrier", "background"):
            end_ns = until_ns.get(key, over_ns)
            until_ns[key] = event.t_ns
        elif "last_ns" in fields:
            last_ns = fields["last_ns"]
            end_ns = over_ns if last_ns is None else last_ns
            end_ns += PACKET_NS if event.kind == "lost" else 0
        if not (event.kind == "background" and fields["name"] == "nothing"):
            name = fields["name"] if event.kind in ("fault", "background") else event.kind
            found.append(_span("disturbance", event.t_ns, end_ns, line(event).strip(), str(name)))
    yield from reversed(found)
    yield from _network(timeline, over_ns)


def _network(timeline: Timeline, over_ns: int) -> Iterator[Span]:
    """Yield what was done to links, each until it is over or the same is set anew."""
    done = timeline.disturbances
    for number, event in enumerate(done):
        fields = event.fields
        if not fields["value"]:
            continue  # the end of another
        key = (event.kind, fields["where"])
        end_ns = fields["end_ns"]
        if end_ns is None:
            again = (e.t_ns for e in done[number + 1 :] if (e.kind, e.fields["where"]) == key)
            end_ns = event.t_ns if event.kind == "reset_after" else next(again, over_ns)
        title = printable(f"{fields['where']}: {event.kind} {fields['value']}")
        yield _span("disturbance", event.t_ns, end_ns, title, event.kind)


_DISTURBANCES = (
    "background",
    "carrier",
    "fault",
    "forged",
    "garbage",
    "lost",
    "slow-reader",
    "stall",
)


def brackets(
    timeline: Timeline, found: list[BargeIn], call: int, replies: Replies
) -> list[Bracket]:
    """Return the barge-ins of a call."""
    heard = timeline.of("hears", call=call)
    return [
        Bracket(
            onset=microseconds(one.onset_ns),
            text=clipped(one.text),
            stop_ms=one.time_to_stop_ms,
            parts_ms=list(one.parts),
            told=["–" if ms is None else f"{ms} ms" for ms in one.whole_ms],
            told_by=one.detected_by,
            reply=_interrupted(heard, one.onset_ns, replies),
            unheard_ms=one.unheard_ms,
            yielded=one.yielded,
        )
        for one in found
        if one.call == call
    ]


def _interrupted(heard: list[Event], onset_ns: int, replies: Replies) -> int | None:
    """Return the number of the reply that was heard last before an instant."""
    utterances = [
        event.fields["utterance"]
        for event in heard
        if event.t_ns <= onset_ns and event.fields["utterance"] is not None
    ]
    number = replies.number(utterances[-1]) if utterances else -1
    return None if number < 0 else number
