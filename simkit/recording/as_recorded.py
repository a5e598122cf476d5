"""A recording as it is: what its events and its audio tell of the call, without a bridge.

What the caller heard is worked out: the bridge's audio goes through the play-out of the fake, and
is recognised by what the agent said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np
from msgspec.structs import replace

from ..audio import Repertoire, Samples, Speech, mulaw
from ..report import Outcome
from ..timeline import Clock, Timeline, barge_ins, measures
from ..timeline.text import OWN_KINDS, printable
from ..twilio import TwilioSettings
from ..twilio.ear import Ear
from ..twilio.playout import PACKET, PACKET_NS, PlayOut
from ..vapi.commands import asked
from ..vapi.transport import describe
from ..wire import WireError, vapi
from ..world import TWILIO_LATENCY, VAPI_LATENCY
from .format import RecordedEvent
from .outputs import in_order, tells_begin
from .reading import Recording
from .telling import instant_ns
from .utterances import Utterance, since, track, utterances

_KIND = 60
"""Letters of a kind that are taken over."""


class Place(NamedTuple):
    """Where a recording is on a clock, in ns, and how long its messages fly."""

    begun_ns: int
    """Its begin, for all that is dated at the bridge."""
    spoken_ns: int
    """The first sample of the caller's side."""
    flights_ns: Mapping[str, int]
    """Between the bridge and ``twilio``, or ``vapi``."""

    @classmethod
    def of_itself(cls, recording: Recording) -> Place:
        """Return where it is on its own clock; where nothing is said of them, flights take none."""
        flights_ns = _flights_ns(recording, 0.0, 0.0)
        early_ns = PACKET_NS + flights_ns["twilio"] if tells_begin(recording) else 0
        return cls(0, -early_ns, flights_ns)

    @classmethod
    def in_replay(cls, recording: Recording, begun_ns: int, played_ns: int) -> Place:
        """Return where it is on the clock of its replay, whose links are as long."""
        flights_ns = _flights_ns(recording, TWILIO_LATENCY, VAPI_LATENCY)
        return cls(begun_ns, played_ns, flights_ns)


def as_recorded(recording: Recording, place: Place | None = None) -> Outcome:
    """Return what a recording tells of its call; no promise is looked at.

    Args:
        recording: of the call.
        place: on which clock; None: on the recording's own.
    """
    place = place or Place.of_itself(recording)
    end_ns = max(0, place.begun_ns + round(recording.duration_ms * 1e6))
    timeline = Timeline(lambda: end_ns)
    repertoire = Repertoire()
    for event in recording.events:
        _retell(timeline, recording, event, place)
    mouth = track(recording, "caller")
    for said in utterances(recording, "caller", mouth):
        timeline.record(
            "speaks",
            "caller",
            t_ns=max(0, place.spoken_ns + round(said.t_ms * 1e6)),
            call=1,
            utterance=repertoire.add(said.speech),
            text=said.speech.text,
            duration_ns=said.speech.duration_ns,
        )
    spoken = utterances(recording, "agent")
    for number, said in enumerate(spoken, 1):
        _reply(timeline, number, said.speech, repertoire.add(said.speech), said.t_ms, place)
    ear = _heard(recording, timeline, repertoire, spoken, end_ns, place)
    found = measures(timeline)
    return Outcome(
        timeline=timeline,
        barge_ins=barge_ins(timeline),
        # What reached the assistant is not known.
        measures=replace(found, first_words_lost_ms=None, caller_to_agent=None),
        checks=[],
        sound=lambda: _both(since(mouth, -place.spoken_ns), ear),
        call_seconds=end_ns / 1e9,
        cpu_seconds=0.0,
    )


def lacks(recording: Recording) -> Iterator[str]:
    """Yield what is missing of a recording."""
    said = [event.message for event in recording.events if event.leg == "call"]
    endings = [message for message in said if message.get("event") != "note"]
    for message in endings:
        if message.get("event") == "lost":
            yield f"not whole: {message.get('reason')}"
    if recording.cut_tail:
        yield f"not whole: its last line was cut: {recording.cut_tail!r}"
    if recording.damage:
        yield f"not whole: {recording.damage}"
    elif not endings and recording.header.duration_ms is None:
        yield "not finished: the end of the call is missing"


def remarks(recording: Recording) -> Iterator[str]:
    """Yield what is to be known of a recording before one believes it, what is missing first."""
    yield from lacks(recording)
    header = recording.header
    yield "what the caller heard is worked out from what the bridge sent"
    if header.source:
        yield f"source: {header.source}"
    if header.links_ms:
        told = ", ".join(f"{ms:g} ms to {name}" for name, ms in sorted(header.links_ms.items()))
        yield f"flight times are what the header says: {told}"
    made_up = [event for event in recording.events if event.origin in ("inferred", "composed")]
    if made_up:
        yield f"{len(made_up)} of {len(recording.events)} events are inferred or composed"
    if header.cut is not None:
        part = header.cut
        yield f"a part of a longer call: {part.from_ms / 1000:g} to {part.to_ms / 1000:g} s of it"
    yield from header.notes


def _flights_ns(recording: Recording, twilio: float, vapi: float) -> dict[str, int]:
    links_ms = recording.header.links_ms
    return {
        "twilio": round(links_ms.get("twilio", twilio * 1e3) * 1e6),
        "vapi": round(links_ms.get("vapi", vapi * 1e3) * 1e6),
    }


# Events


def _reply(
    timeline: Timeline, number: int, said: Speech, utterance: int, t_ms: float, place: Place
) -> None:
    """Put a reply on the timeline, and its end: what the caller interrupted is over then."""
    came_ns = place.begun_ns + round(t_ms * 1e6)
    start_ns = max(0, came_ns - place.flights_ns["vapi"])
    end_ns = start_ns + said.duration_ns
    cuts = timeline.of("user-interrupted", "clear")
    cut_ns = min((one.t_ns for one in cuts if came_ns <= one.t_ns < end_ns), default=None)
    whose: dict[str, Any] = {"session": 1, "reply": number, "utterance": utterance}
    timeline.record(
        "replies",
        "agent",
        t_ns=start_ns,
        arrived_ns=came_ns,
        text=said.text,
        duration_ns=said.duration_ns,
        **whose,
    )
    timeline.record(
        "replied",
        "agent",
        t_ns=end_ns if cut_ns is None else cut_ns,
        interrupted=cut_ns is not None,
        audio_ns=said.duration_ns,
        **whose,
    )


def _retell(timeline: Timeline, recording: Recording, event: RecordedEvent, place: Place) -> None:
    """Put an event on the timeline as the fakes would."""
    t_ns, message = place.begun_ns + instant_ns(event), event.message
    if event.leg == "call":
        kind = message.get("event")
        if kind == "ended":
            timeline.record("ended", "twilio", t_ns=t_ns, call=1, status="completed")
        elif kind == "note":
            timeline.record("note", "twilio", t_ns=t_ns, call=1, about=str(message.get("text")))
        return
    if event.leg not in ("twilio", "vapi"):
        return
    is_in = event.direction == "in"
    source, target = (event.leg, "bridge") if is_in else ("bridge", event.leg)
    call, session = (1, None) if event.leg == "twilio" else (None, 1)
    if event.media is not None:
        format_ = recording.formats[event.media.file]
        each_s = format_.rate * format_.width
        sizes = event.media.sizes
        for number, after_us in enumerate((*event.media.after_us, 0)):
            size = sizes if isinstance(sizes, int) else sizes[number]
            audio_ns = size * 10**9 // each_s
            timeline.frame(source, target, t_ns, audio_ns, call=call, session=session)
            t_ns += after_us * 1000
        return
    kind, fields = _told(event)
    if kind == "clear":
        timeline.end_run("bridge", "twilio", call=1)
    flight_ns = place.flights_ns[event.leg]
    timeline.record(
        kind,
        source,
        target,
        t_ns=t_ns,
        sent_ns=max(0, t_ns - flight_ns) if is_in else t_ns,
        arrived_ns=t_ns if is_in else t_ns + flight_ns,
        call=call,
        session=session,
    ).fields = fields


def _told(event: RecordedEvent) -> tuple[str, dict[str, Any]]:
    """Return kind and fields of a message, as timelines have them."""
    message = event.message
    kind = str(message.get("event") or message.get("type") or "message")
    if event.leg == "vapi" and "type" in message:
        return _of_vapi(kind, message, is_in=event.direction == "in")
    if kind == "mark":
        mark = message.get("mark")
        return "mark", {"name": str(mark.get("name", "")) if isinstance(mark, dict) else ""}
    if kind in ("closed", "disconnected"):
        return "close", {"code": message.get("code")}
    if kind == "opened":
        return "open", {}
    if kind == "request":
        return "request", {
            "method": str(message.get("method", "")),
            "path": str(message.get("path", "")),
            "shown": {},
        }
    if kind == "response":
        return "response", {
            "status": message.get("status"),
            "summary": str(message.get("path", "")),
        }
    if kind == "start":
        start = message.get("start")
        form = start.get("mediaFormat") if isinstance(start, dict) else None
        return "start", {"encoding": form.get("encoding")} if isinstance(form, dict) else {}
    if kind in ("connected", "stop", "clear"):
        return kind, {}
    return _foreign(kind, message)


def _of_vapi(kind: str, message: dict[str, Any], *, is_in: bool) -> tuple[str, dict[str, Any]]:
    try:
        data = msgspec.json.encode(message)
        if not is_in:
            return _foreign(kind, asked(vapi.decode_for_vapi(data)))
        known = vapi.decode(data)
        if not isinstance(known, vapi.Unknown):
            fields = describe(known)
            return (kind, fields) if fields else _foreign(kind, {})
    except (WireError, ValueError, TypeError):
        pass
    return _foreign(kind, message)


def _foreign(kind: str, message: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a message of which only its own words are known, apart from kinds of ours."""
    name = printable(kind[:_KIND])
    fields = {
        printable(str(key)[:_KIND]): value
        for key, value in message.items()
        if isinstance(value, str | int | float) and key not in ("event", "type")
    }
    return (f"({name})" if name in OWN_KINDS else name), fields


# Sound


class _Hand(Clock):
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.t_ns = 0
        self.read_ns = lambda: self.t_ns


def _heard(
    recording: Recording,
    timeline: Timeline,
    repertoire: Repertoire,
    spoken: list[Utterance],
    end_ns: int,
    place: Place,
) -> Samples:
    """Play what the bridge sent, put on the timeline what the caller heard, and return it."""
    after_ns = place.begun_ns + place.flights_ns["twilio"]
    steps = in_order(_sent(recording)) if _has_frames(recording) else _as_said(recording, spoken)
    clock = _Hand()
    settings = TwilioSettings()
    playout: PlayOut | None = None
    ear = Ear(timeline, repertoire, call=1, origin_ns=0)
    for t_ns, data in steps:
        clock.t_ns = t_ns + after_ns
        if clock.t_ns >= end_ns:
            break
        if playout is None:
            playout = PlayOut(
                clock,
                grid_ns=clock.t_ns,
                buffer_ns=round(settings.play_out_buffer * 1e9),
                mark_delay_ns=0,
                limit=settings.buffer_limit,
                returns=lambda _: None,
                depth=timeline.level(
                    "Twilio's play-out queue", "twilio", "ms", tolerance=10.0, call=1
                ),
            )
            ear.listen_to(playout)
        if data is None:
            playout.clear()
        else:
            playout.media(data)
    if playout is not None:
        clock.t_ns = end_ns
        playout.stop()
    ear.settle(end_ns)
    return ear.samples(end_ns)


def _has_frames(recording: Recording) -> bool:
    return any(
        event.media is not None and (event.leg, event.direction) == ("twilio", "out")
        for event in recording.events
    )


_Step = tuple[int, bytes | None]
"""Instant at the bridge, and audio; None: a clear."""


def _sent(recording: Recording) -> Iterator[Iterator[_Step]]:
    """Yield audio and clears that the bridge sent to Twilio."""
    for event in recording.events:
        if (event.leg, event.direction) != ("twilio", "out"):
            continue
        if event.media is None:
            if event.message.get("event") == "clear":
                yield iter([(instant_ns(event), None)])
        elif recording.formats[event.media.file].encoding == "mulaw":
            yield ((frame.t_ns, data) for frame, data in recording.frames_of(event))


def _as_said(recording: Recording, spoken: list[Utterance]) -> Iterator[_Step]:
    """Yield what the agent said, as if it was sent as it was spoken, until a clear or the next."""
    clears = sorted(instant_ns(event) for event in recording.messages("twilio", "out", "clear"))
    starts = [round(said.t_ms * 1e6) for said in spoken]
    steps: list[_Step] = [(t_ns, None) for t_ns in clears]
    for number, said in enumerate(spoken):
        start_ns = starts[number]
        cuts = [t_ns for t_ns in (*clears, *starts[number + 1 :]) if t_ns > start_ns]
        data = mulaw.encode(said.speech.samples)
        for at in range(0, len(data), PACKET):
            t_ns = start_ns + at // PACKET * PACKET_NS
            if cuts and t_ns >= min(cuts):
                break
            steps.append((t_ns, data[at : at + PACKET]))
    yield from sorted(steps, key=lambda step: step[0])


def _both(mouth: Samples, ear: Samples) -> tuple[Samples, Samples]:
    """Return both sides, the shorter one filled up with silence."""
    length = max(len(mouth), len(ear))
    sides = [np.pad(side, (0, length - len(side))) for side in (mouth, ear)]
    return sides[0], sides[1]
