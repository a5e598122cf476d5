"""Measures: what a call was like for the caller, from the timeline alone.

Milliseconds are floats in fields that end in ``_ms``; ``None`` means it never happened.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from .carrier import carrier_delay_ns
from .events import Event, Timeline

GAP_NS = 200_000_000
"""Agent speech with a shorter pause in it counts as one piece."""

_TELLING = ("user-interrupted", "interrupt", "speech-update", "transcript")


class Interval(Struct, frozen=True):
    """A stretch of time, end exclusive."""

    start_ns: int
    end_ns: int


class BargeIn(Struct, frozen=True, kw_only=True):
    """The caller began to speak while hearing the agent.

    ``detect_ms + react_ms + fly_ms + tail_ms`` is ``time_to_stop_ms`` whenever all are there.
    """

    call: int
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
    """From there until silence."""
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

    @property
    def parts(self) -> tuple[float | None, float | None, float | None, float | None]:
        """The four parts of ``time_to_stop_ms``."""
        return self.detect_ms, self.react_ms, self.fly_ms, self.tail_ms


def barge_ins(timeline: Timeline, call: int | None = None) -> list[BargeIn]:
    """Measure every barge-in of a call, or of all calls, in the order of their onsets."""
    found = []
    for number in _calls(timeline, call):
        audible = _audible(timeline, number)
        for spoken in timeline.of("speaks", call=number):
            during = [piece for piece in audible if piece.start_ns <= spoken.t_ns < piece.end_ns]
            if during:
                found.append(_measure(timeline, number, spoken, audible))
    return sorted(found, key=lambda barge_in: barge_in.onset_ns)


def sessions_of(timeline: Timeline, call: int) -> set[int]:
    """Return the Vapi calls that a phone call was bridged to, by what crossed between them."""
    said_in = {event.fields["utterance"]: event.call for event in timeline.of("speaks")}
    spoken_in = {event.fields["utterance"]: event.session for event in timeline.of("replies")}
    sessions = {
        spoken_in[event.fields["utterance"]]
        for event in timeline.of("hears", call=call)
        if event.fields["utterance"] in spoken_in
    }
    sessions |= {
        event.session
        for event in timeline.of("receives")
        if said_in.get(event.fields["utterance"]) == call
    }
    return {session for session in sessions if session is not None}


def _calls(timeline: Timeline, call: int | None) -> list[int]:
    if call is not None:
        return [call]
    return sorted({event.call for event in timeline if event.call is not None})


def _audible(timeline: Timeline, call: int) -> list[Interval]:
    """Return when the caller heard the agent, pieces closer than :data:`GAP_NS` merged."""
    pieces = sorted(
        (event.t_ns, event.t_ns + event.fields["duration_ns"])
        for event in timeline.of("hears", call=call)
    )
    merged: list[Interval] = []
    for start, end in pieces:
        if merged and start - merged[-1].end_ns < GAP_NS:
            merged[-1] = Interval(merged[-1].start_ns, max(end, merged[-1].end_ns))
        else:
            merged.append(Interval(start, end))
    return merged


def _measure(timeline: Timeline, call: int, spoken: Event, audible: list[Interval]) -> BargeIn:
    onset = spoken.t_ns
    silent = next(piece.end_ns for piece in audible if piece.start_ns <= onset < piece.end_ns)
    stops = silent if silent < timeline.duration_ns else None
    sessions = sessions_of(timeline, call)
    told = _first(timeline, onset, lambda event: _tells(event, sessions, timeline, spoken), stops)
    clear = _first(
        timeline,
        onset if told is None else told.t_ns,
        lambda event: event.kind == "clear" and event.call == call,
        stops,
    )
    heard = [
        event
        for event in timeline.of("hears", call=call)
        if event.t_ns <= onset and event.fields["utterance"] is not None
    ]
    utterance = heard[-1].fields["utterance"] if heard else None
    reply = next((e for e in timeline.of("replies") if e.fields["utterance"] == utterance), None)
    arrived = clear.arrived_ns if clear is not None else None
    return BargeIn(
        call=call,
        onset_ns=onset,
        text=spoken.fields["text"],
        time_to_stop_ms=_ms(stops, onset),
        detect_ms=_ms(told.t_ns if told else None, onset),
        react_ms=_ms(clear.t_ns if clear else None, told.t_ns if told else None),
        fly_ms=_ms(arrived, clear.t_ns if clear else None),
        tail_ms=_ms(stops, arrived),
        detected_by=describe_telling(told) if told else None,
        reply=reply.fields["reply"] if reply else None,
        reply_at_ms=_ms(told.t_ns if told else None, reply.arrived_ns if reply else None),
        unheard_ms=_unheard(timeline, call, reply),
        stale_after_clear_ms=_stale(timeline, call, utterance, arrived),
    )


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
    if event.kind not in _TELLING or event.session not in sessions:
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


def _unheard(timeline: Timeline, call: int, reply: Event | None) -> float | None:
    if reply is None:
        return None
    utterance = reply.fields["utterance"]
    ended = [e for e in timeline.of("replied") if e.fields["utterance"] == utterance]
    sent_ns = ended[-1].fields["audio_ns"] if ended else reply.fields["duration_ns"]
    heard_ns = sum(
        event.fields["duration_ns"]
        for event in timeline.of("hears", call=call)
        if event.fields["utterance"] == utterance
    )
    return float(max(0, sent_ns - heard_ns)) / 1e6


def _stale(
    timeline: Timeline, call: int, utterance: int | None, cleared_ns: int | None
) -> float | None:
    """Return what was heard of an utterance later than the frame that was leaving at the clear."""
    if cleared_ns is None or utterance is None:
        return None
    # What had left Twilio by then is still on its way to the caller.
    from_ns = cleared_ns + 20_000_000 + carrier_delay_ns(timeline, call, "caller")
    return (
        float(
            sum(
                max(0, event.t_ns + event.fields["duration_ns"] - max(event.t_ns, from_ns))
                for event in timeline.of("hears", call=call)
                if event.fields["utterance"] == utterance
            )
        )
        / 1e6
    )


def _ms(later_ns: int | None, earlier_ns: int | None) -> float | None:
    return None if later_ns is None or earlier_ns is None else (later_ns - earlier_ns) / 1e6
