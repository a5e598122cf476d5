"""What a bridge sent in a call: from a recording of it, and from a timeline."""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ..audio.mulaw import is_silent
from ..timeline import Event, Timeline
from ..timeline.loudness import Piece
from ..vapi.commands import asked
from ..wire import WireError, vapi
from .format import RecordedEvent
from .media import MAX_RUN_US
from .reading import Recording
from .telling import CLOSED, DISCONNECTED, instant_ns, stream_began_ns

Leg = Literal["twilio", "vapi"]
_Step = TypeVar("_Step", bound=tuple[Any, ...])
LEGS: tuple[Leg, ...] = ("twilio", "vapi")

_SILENT = ("response", "request")
"""Kinds of a timeline that no socket carries."""
_UNCERTAIN = (("vapi", "close"),)
"""A timeline does not tell who closed Vapi's socket."""


class Output(Struct, frozen=True, kw_only=True):
    """A message that left the bridge, or a run of audio."""

    t_ns: int
    """Since the recording's begin."""
    leg: Leg
    """To whom."""
    kind: str
    """``media``, ``mark``, ``clear``, ``close``, ``say``, ``end-call``, ..."""
    fields: dict[str, Any] = {}
    """What else it says; empty for audio."""
    until_ns: int = 0
    """Of audio: when the last frame left."""
    frames: int = 0
    audio_ns: int = 0
    is_silent: bool = False
    """Of audio to Twilio: nobody is heard in it."""


class Outputs(Struct, frozen=True):
    """What a bridge sent in a call, by instant."""

    sent: list[Output]
    end_ns: int | None = None
    """When the stream ended, where that is known."""
    is_cut: bool = False
    """Nothing is known of what came after that, on either leg."""

    def only(
        self, known: Mapping[Leg, Collection[str] | None], ignored: Collection[str] = ()
    ) -> Outputs:
        """Return those of the legs and kinds that are known; None stands for all kinds of a leg."""
        kept = []
        for output in self.sent:
            kinds = known.get(output.leg, ())
            if (kinds is None or output.kind in kinds) and output.kind not in ignored:
                kept.append(output)
        return Outputs(kept, self.end_ns, self.is_cut)

    def until(self, end_ns: int) -> Outputs:
        """Return what was sent up to an instant, with which everything ends."""
        kept = [_begun(output, end_ns) for output in self.sent if output.t_ns <= end_ns]
        return Outputs(kept, end_ns if self.end_ns is None else min(end_ns, self.end_ns), True)


def _begun(output: Output, end_ns: int) -> Output:
    """Return what of audio was sent up to an instant; frames come evenly spaced."""
    if output.until_ns <= end_ns:
        return output
    over_ns = output.until_ns - output.t_ns
    frames = min(output.frames, 1 + (output.frames - 1) * (end_ns - output.t_ns) // over_ns)
    audio_ns = output.audio_ns * frames // output.frames
    return replace(output, until_ns=end_ns, frames=frames, audio_ns=audio_ns)


def recorded_outputs(recording: Recording) -> Outputs:
    """Return what the recorded bridge sent."""
    timeline = Timeline()
    told = (
        steps(recording, event)
        for event in recording.events
        if event.direction == "out" and event.leg in LEGS
    )
    for t_ns, leg, what in in_order(told):
        if isinstance(what, tuple):
            timeline.frame("bridge", leg, t_ns, what[0], is_silent=what[1])
        else:
            _record(timeline, t_ns, leg, what)
    found = Outputs(_outputs(timeline, 0), _end_ns(recording))
    last_ns = _last_known_ns(recording)
    return found if last_ns is None else found.until(last_ns)


def _last_known_ns(recording: Recording) -> int | None:
    """Return up to when a recording that a crash cut off is whole; None: it has its end.

    Frames are written within a second, messages at once.
    """
    has_end = any(event.leg == "call" for event in recording.events)
    if has_end or recording.header.duration_ms is not None or not recording.events:
        return None
    return max(0, instant_ns(recording.events[-1]) - MAX_RUN_US * 1000)


def in_order(begun: Iterable[Iterator[_Step]]) -> Iterator[_Step]:
    """Merge what begins one after the other, and may go on while the next begins.

    Holds no more of it than goes on at one instant.

    Args:
        begun: iterators over tuples that begin with an instant, in the order of their first ones.

    >>> list(in_order(iter(steps) for steps in ([(1, "a"), (4, "a")], [(2, "b")], [(4, "c")])))
    [(1, 'a'), (2, 'b'), (4, 'a'), (4, 'c')]
    """
    going: list[tuple[int, int, _Step, Iterator[_Step]]] = []

    def until(t_ns: float) -> Iterator[_Step]:
        while going and going[0][0] <= t_ns:
            _, number, step, rest = going[0]
            yield step
            soonest = min((other[0] for other in going[1:3]), default=math.inf)
            for after in rest:
                if after[0] > t_ns or after[0] >= soonest:
                    heapq.heapreplace(going, (after[0], number, after, rest))
                    break
                yield after
            else:
                heapq.heappop(going)

    for number, steps in enumerate(begun):
        first = next(steps, None)
        if first is not None:
            yield from until(first[0])
            heapq.heappush(going, (first[0], number, first, steps))
    yield from until(math.inf)


def sent_outputs(timeline: Timeline, begun_ns: int) -> Outputs:
    """Return what the bridge sent in the first call of a timeline.

    Args:
        timeline: of a replay.
        begun_ns: when the recording's begin was.
    """
    ends = timeline.of("stop", "close", "ended", call=1)
    return Outputs(_outputs(timeline, begun_ns), ends[0].t_ns - begun_ns if ends else None)


def begun(recording: Recording, timeline: Timeline, played_ns: int) -> int:
    """Return the instant in a replay's timeline that was the recording's begin.

    The two clocks agree in the instant at which the stream's first message came to the bridge.
    Where none was recorded, they agree in the caller's first sample.

    Args:
        recording: of the call.
        timeline: of the replay.
        played_ns: when the recorded sound began to be played again, silence included.
    """
    told = timeline.of("connected", "start", call=1)
    if told and tells_begin(recording):
        return told[0].t_ns - stream_began_ns(recording)
    return played_ns


def known_kinds(recording: Recording) -> dict[Leg, set[str] | None]:
    """Return what is known of each leg of the recorded bridge: kinds, or None for everything.

    Of a leg whose traffic was captured everything is known; of another, what kinds there are.
    """
    known: dict[Leg, set[str] | None] = {}
    for leg in LEGS:
        own = [event for event in recording.events if event.leg == leg]
        told = [event for event in own if event.direction == "out"]
        if any(event.origin == "captured" for event in own) or any(
            event.media is not None for event in told
        ):
            known[leg] = None
        elif told:
            known[leg] = {_kind(event.message) for event in told}
    return known


def _end_ns(recording: Recording) -> int | None:
    ends = [
        event
        for direction, kind in (("in", "stop"), ("in", DISCONNECTED), ("out", CLOSED))
        for event in recording.messages("twilio", direction, kind)
    ] or [event for event in recording.events if event.leg == "call"]
    return min(map(instant_ns, ends), default=None)


def tells_begin(recording: Recording) -> bool:
    """Tell whether the recording says when the stream began at the bridge."""
    return any(
        event.media is not None or event.message.get("event") in ("connected", "start")
        for event in recording.events
        if (event.leg, event.direction) == ("twilio", "in")
    )


def _kind(message: dict[str, Any]) -> str:
    kind = str(message.get("event") or message.get("type") or "message")
    if kind == "media":  # without audio that could be read: not one of the frames
        return "message"
    return "close" if kind == CLOSED else kind


def steps(
    recording: Recording, event: RecordedEvent
) -> Iterator[tuple[int, str, tuple[int, bool | None] | dict[str, Any]]]:
    """Yield what an event holds, each with its instant and leg.

    That is the length of each frame in ns and its silence, or a message.
    """
    if event.media is None:
        yield instant_ns(event), event.leg, event.message
        return
    format_ = recording.formats[event.media.file]
    each_s = format_.rate * format_.width
    if event.leg == "twilio" and format_.encoding == "mulaw":
        for frame, data in recording.frames_of(event):
            yield frame.t_ns, event.leg, (frame.size * 1_000_000_000 // each_s, is_silent(data))
        return
    run, t_ns, leg = event.media, instant_ns(event), event.leg
    sizes = [run.sizes] * run.count if isinstance(run.sizes, int) else run.sizes
    for size, after_us in zip(sizes, (*run.after_us, 0), strict=True):
        yield t_ns, leg, (size * 1_000_000_000 // each_s, None)
        t_ns += after_us * 1000


def _record(timeline: Timeline, t_ns: int, leg: str, message: dict[str, Any]) -> None:
    """Take a message as the fakes write it into a timeline."""
    kind = _kind(message)
    fields: dict[str, Any] = {}
    if kind == "clear":
        timeline.end_run("bridge", "twilio")
    elif kind == "close":
        fields = {"code": message.get("code")}
    elif kind == "mark":
        body = message.get("mark")
        fields = {"name": body.get("name")} if isinstance(body, dict) else {}
    elif leg == "vapi":
        try:
            fields = asked(vapi.decode_for_vapi(msgspec.json.encode(message)))
        except WireError:
            fields = {}
    timeline.record(kind, "bridge", leg, t_ns=t_ns, **fields)


def _outputs(timeline: Timeline, origin_ns: int) -> list[Output]:
    return [
        output
        for event in timeline
        if event.source == "bridge"
        and event.target in LEGS
        and event.kind not in _SILENT
        and (event.target, event.kind) not in _UNCERTAIN
        and event.call in (None, 1)
        for output in _of_event(timeline, event, origin_ns)
    ]


def _of_event(timeline: Timeline, event: Event, origin_ns: int) -> Iterator[Output]:
    leg: Leg = "twilio" if event.target == "twilio" else "vapi"
    t_ns = event.t_ns - origin_ns
    if event.kind != "media":
        yield Output(t_ns=t_ns, leg=leg, kind=event.kind, fields=event.fields)
        return
    fields = event.fields
    whole = Piece(False, event.t_ns, fields["last_ns"], fields["frames"], fields["audio_ns"])
    for piece in timeline.pieces(event) or [whole]:
        yield Output(
            t_ns=piece.t_ns - origin_ns,
            leg=leg,
            kind="media",
            until_ns=piece.last_ns - origin_ns,
            frames=piece.frames,
            audio_ns=piece.audio_ns,
            is_silent=piece.is_silent,
        )
