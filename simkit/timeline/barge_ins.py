"""Barge-ins: the caller speaks while the agent is heard. How long until it stops, and why?"""

from __future__ import annotations

from collections.abc import Callable
from typing import SupportsIndex, overload

from msgspec import Struct

from .alignment import unheard_of
from .carrier import carrier_delay_ns
from .events import Event, Timeline
from .intervals import Interval, audible, calls_of, is_directed, milliseconds, sessions_of, spans_of

YIELD_NS = 2_000_000_000
"""An agent that goes on for longer has not yielded (tau-voice's limit)."""

_MS = 1_000_000
_TELLING = ("user-interrupted", "interrupt", "speech-update", "transcript")


class BargeIn(Struct, frozen=True, kw_only=True):
    """The caller began to speak while hearing the agent.

    ``detect_ms + react_ms + fly_ms + tail_ms`` is ``time_to_stop_ms`` whenever all are there.
    """

    call: int
    """Number of the phone call, from 1."""
    onset_ns: int
    """Instant at which the caller began to speak."""
    text: str
    """What the caller said."""
    time_to_stop_ms: float | None
    """From the onset until the agent is silent in the caller's ear for 200 ms."""
    detect_ms: float | None
    """From the onset until the first message that tells of it reaches the bridge."""
    react_ms: float | None
    """From there until a ``clear`` leaves the bridge."""
    fly_ms: float | None
    """From there until the ``clear`` reaches Twilio."""
    tail_ms: float | None
    """From there until silence. Negative when the agent was silent before the ``clear`` came: by
    that much it came too late to stop anything."""
    detected_by: str | None
    """The message that told of it first."""
    reply: int | None
    """Number of the interrupted reply."""
    reply_at_ms: float | None
    """From the reply's first audio at the bridge until the message that told of the caller."""
    unheard_ms: float | None
    """Audio of the interrupted reply that was synthesised and never heard."""
    stale_after_clear_ms: float | None
    """Audio of it that was heard after the ``clear`` had reached Twilio and one frame more."""

    yielded: bool | None = None
    """Whether the agent stopped within 2 s; None when the run ended before that."""
    stale: tuple[Interval, ...] = ()
    """When that of ``stale_after_clear_ms`` was heard."""

    @property
    def parts(self) -> tuple[float | None, float | None, float | None, float | None]:
        """The four parts of ``time_to_stop_ms``."""
        return self.detect_ms, self.react_ms, self.fly_ms, self.tail_ms

    @property
    def whole_ms(self) -> list[int | None]:
        """The time to stop and its four parts in whole milliseconds, as people read them.

        They add up as the exact ones do: what rounding leaves over goes to the parts that lost
        most by it.
        """
        total = None if self.time_to_stop_ms is None else round(self.time_to_stop_ms)
        parts_ns = [None if ms is None else round(ms * 1e6) for ms in self.parts]
        known = [ns for ns in parts_ns if ns is not None]
        if total is None or len(known) < len(parts_ns):
            return [total, *(None if ms is None else round(ms) for ms in self.parts)]
        whole = [ns // _MS for ns in known]
        lost = sorted(range(len(known)), key=lambda at: -(known[at] % _MS))
        for at in lost[: total - sum(whole)]:
            whole[at] += 1
        return [total, *whole]


class BargeIns(list[BargeIn]):
    """Barge-ins of a call; says what one is when there is none."""

    @overload
    def __getitem__(self, index: SupportsIndex) -> BargeIn: ...
    @overload
    def __getitem__(self, index: slice) -> list[BargeIn]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> BargeIn | list[BargeIn]:
        try:
            return super().__getitem__(index)
        except IndexError:
            raise IndexError(
                f"barge_ins[{index}]: there are {len(self)}; one is counted when the caller begins "
                "to speak while hearing the agent"
            ) from None


def barge_ins(timeline: Timeline, call: int | None = None) -> BargeIns:
    """Measure every barge-in of a call, or of all calls, in the order of their onsets."""
    found = []
    clips = {event.fields["utterance"] for event in timeline.of("clip")}
    for number in calls_of(timeline) if call is None else [call]:
        pieces = audible(timeline, number)
        heard = timeline.of("hears", call=number) if clips else []
        own = spans_of(event for event in heard if event.fields["utterance"] in clips)
        for spoken in filter(is_directed, timeline.of("speaks", call=number)):
            during = [piece for piece in pieces if piece.start_ns <= spoken.t_ns < piece.end_ns]
            if during and not any(clip.start_ns <= spoken.t_ns < clip.end_ns for clip in own):
                found.append(_measure(timeline, number, spoken, pieces))
    return BargeIns(sorted(found, key=lambda barge_in: barge_in.onset_ns))


def _measure(timeline: Timeline, call: int, spoken: Event, pieces: list[Interval]) -> BargeIn:
    onset = spoken.t_ns
    silent = next(piece.end_ns for piece in pieces if piece.start_ns <= onset < piece.end_ns)
    stops = silent if silent < timeline.duration_ns else None
    sessions = sessions_of(timeline, call)
    told = _first(timeline, onset, lambda event: _tells(event, sessions, timeline, spoken), stops)

    def is_clear(event: Event) -> bool:
        return event.kind == "clear" and event.call == call

    clear = _first(timeline, onset if told is None else told.t_ns, is_clear, stops)
    if clear is None and told is not None:
        clear = _first(timeline, onset, is_clear, stops)
        if clear is not None:
            # The bridge did not wait to be told: it listens for itself.
            told = None
    heard = [
        event
        for event in timeline.of("hears", call=call)
        if event.t_ns <= onset and event.fields["utterance"] is not None
    ]
    utterance = heard[-1].fields["utterance"] if heard else None
    reply = next((e for e in timeline.of("replies") if e.fields["utterance"] == utterance), None)
    arrived = clear.arrived_ns if clear is not None else None
    stale = _stale(timeline, call, utterance, arrived)
    return BargeIn(
        call=call,
        onset_ns=onset,
        text=spoken.fields["text"],
        time_to_stop_ms=milliseconds(stops, onset),
        detect_ms=milliseconds(told.t_ns if told else None, onset),
        react_ms=milliseconds(clear.t_ns if clear else None, told.t_ns if told else None),
        fly_ms=milliseconds(arrived, clear.t_ns if clear else None),
        tail_ms=milliseconds(stops, arrived),
        detected_by=describe_telling(told) if told else None,
        reply=reply.fields["reply"] if reply else None,
        reply_at_ms=milliseconds(told.t_ns if told else None, reply.arrived_ns if reply else None),
        unheard_ms=unheard_of(timeline, call, reply) if reply else None,
        stale_after_clear_ms=(
            None if stale is None else sum(one.end_ns - one.start_ns for one in stale) / 1e6
        ),
        yielded=_yielded(timeline, onset, stops),
        stale=tuple(stale or ()),
    )


def _yielded(timeline: Timeline, onset_ns: int, stops_ns: int | None) -> bool | None:
    if stops_ns is not None:
        return stops_ns - onset_ns <= YIELD_NS
    return None if timeline.duration_ns - onset_ns < YIELD_NS else False


def _first(
    timeline: Timeline, from_ns: int, wanted: Callable[[Event], bool], until_ns: int | None
) -> Event | None:
    # A second after the agent fell silent, a message tells of something else.
    limit = None if until_ns is None else until_ns + 1_000_000_000
    for event in timeline.events:
        if limit is not None and event.t_ns > limit:
            return None
        if event.t_ns >= from_ns and wanted(event):
            return event
    return None


def _tells(event: Event, sessions: set[int], timeline: Timeline, spoken: Event) -> bool:
    """Tell whether a message from Vapi tells of what is being spoken."""
    if event.kind not in _TELLING or event.session not in sessions or event.target is None:
        return False
    if event.kind == "speech-update":
        return (event.fields["role"], event.fields["status"]) == ("user", "started")
    if event.kind == "transcript":
        return event.fields["role"] == "user" and not _is_late(event, timeline, spoken)
    return True


def _is_late(transcript: Event, timeline: Timeline, spoken: Event) -> bool:
    """Tell whether a transcript is of what the caller had said before."""
    text = _plain(transcript.fields.get("text", ""))
    if _plain(spoken.fields["text"]).startswith(text):
        return False
    return any(
        text in _plain(earlier.fields["text"])
        for earlier in timeline.of("speaks", call=spoken.call)
        if earlier.t_ns < spoken.t_ns
    )


def _plain(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())


def describe_telling(event: Event) -> str:
    """Name the message that told of an interruption."""
    if event.kind == "transcript":
        return f"{event.fields['transcript_type']} transcript"
    return event.kind


def _stale(
    timeline: Timeline, call: int, utterance: int | None, cleared_ns: int | None
) -> list[Interval] | None:
    """Return what was heard of an utterance later than the frame that was leaving at the clear."""
    if cleared_ns is None or utterance is None:
        return None
    # What had left Twilio by then is still on its way to the caller.
    from_ns = cleared_ns + 20_000_000 + carrier_delay_ns(timeline, call, "caller")
    return [
        Interval(max(event.t_ns, from_ns), end_ns)
        for event in timeline.of("hears", call=call)
        if event.fields["utterance"] == utterance
        and (end_ns := event.t_ns + event.fields["duration_ns"]) > from_ns
    ]
