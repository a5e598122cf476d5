"""Cutting: a part of a recorded call, as a recording of its own.

What sets the call up stays, at the new begin. Twilio's numbers go on without a gap. What answers
something that was cut away is left out, and told.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from .format import Cut, RecordedEvent, RecordingError
from .numbering import Numbering, is_numbered
from .reading import Recording, read
from .speech_parts import speech_between
from .splicing import Piece, instant, splice, trimmed
from .utterances import Person, utterances

_ABOUT_SPEECH = {"transcript", "speech-update", "user-interrupted", "voice-input"}
"""Vapi's messages about what somebody said."""


@dataclass
class CutReport:
    """What became of a recording that was cut."""

    duration_ms: float
    events: int = 0
    left_out: list[str] = field(default_factory=list)
    """What came within the part, but answers what came before."""


def cut(folder: Path, output: Path, *, from_s: float = 0.0, to_s: float | None = None) -> CutReport:
    """Make a recording of a part of one.

    Args:
        folder: the recording.
        output: where the part goes; must not exist.
        from_s: its begin, in seconds since the recording's.
        to_s: its end; None: the recording's.

    Raises:
        RecordingError: the recording cannot be read, there is nothing between the two instants, or
            the part cannot be written.
    """
    recording = read(folder)
    whole_ms = recording.duration_ms
    to_ms = whole_ms if to_s is None else min(to_s * 1000, whole_ms)
    if not 0 <= from_s * 1000 < to_ms:
        raise RecordingError(
            f"{folder}: found {from_s:g} s to {to_ms / 1000:g} s, expected a part of its "
            f"{whole_ms / 1000:g} s"
        )
    begin_ns = round(from_s * 1e9)
    # What came at the very end belongs to the last part.
    end_ns = round(to_ms * 1e6) + (1 if to_ms == whole_ms else 0)
    report = CutReport(round(to_ms * 1e6 - begin_ns) / 1e6)
    events = _messages_and_media(recording, begin_ns, end_ns, report)
    said, sounds = speech_between(recording, begin_ns, end_ns)
    events += [_shifted(event, begin_ns) for event in said]
    events.sort(key=lambda event: event.t_ms)
    report.events = len(events)
    before = recording.header.cut or Cut(0.0, whole_ms, whole_ms)
    part = Cut(before.from_ms + begin_ns / 1e6, before.from_ms + to_ms, before.of_ms)
    header = replace(recording.header, duration_ms=report.duration_ms, cut=part)
    splice(output, header, (Piece(event, recording) for event in events), sounds)
    return report


def _messages_and_media(
    recording: Recording, begin_ns: int, end_ns: int, report: CutReport
) -> list[RecordedEvent]:
    kept: list[RecordedEvent] = []
    away: list[RecordedEvent] = []
    causes = _Causes(recording, begin_ns)
    first = kept_first = None
    for event in recording.events:
        if event.leg in ("caller", "agent"):
            continue
        if event.media is not None:
            part = trimmed(event, begin_ns, end_ns)
            if is_numbered(event):
                first = first or event
                kept_first = kept_first or part
                away += filter(None, (trimmed(event, 0, begin_ns),))
            kept += [] if part is None else [_shifted(part, begin_ns)]
            continue
        t_ns, gone = instant(event), causes.gone(event)
        if t_ns >= end_ns:
            continue
        if t_ns >= begin_ns and not gone:
            kept.append(_shifted(event, begin_ns))
        elif t_ns < begin_ns and _opens(event):
            kept.append(replace(event, t_ms=0.0, origin="inferred"))
        else:
            if is_numbered(event):
                away.append(event)
            if t_ns >= begin_ns:
                report.left_out.append(f"{event.t_ms / 1000:.3f}  {_name(event)}: {gone}")
    stamps = (_stamp(first), _stamp(kept_first))
    numbering = Numbering(away, stamps)
    return [numbering.renumbered(event) for event in kept]


def _shifted(event: RecordedEvent, begin_ns: int) -> RecordedEvent:
    return replace(event, t_ms=(instant(event) - begin_ns) / 1e6)


def _stamp(event: RecordedEvent | None) -> int | None:
    return None if event is None or event.media is None else event.media.timestamp


def _name(event: RecordedEvent) -> str:
    return str(event.message.get("event") or event.message.get("type") or "message")


def _opens(event: RecordedEvent) -> bool:
    """Tell whether a message belongs to the opening of the call, without which there is none."""
    if event.direction != "in":
        return False
    if event.leg == "twilio":
        return event.message.get("event") in ("connected", "start")
    kind, status = event.message.get("type"), event.message.get("status")
    return kind == "assistant.started" or (kind == "status-update" and status != "ended")


class _Causes:
    """What was cut away, and what answers it; asked about each message in order."""

    def __init__(self, recording: Recording, begin_ns: int) -> None:
        self._begin_ns = begin_ns
        self._marks: dict[str, deque[int]] = defaultdict(deque)
        self._calls: dict[str, int] = {}
        self._speech = {
            person: [
                (round(said.t_ms * 1e6), round(said.t_ms * 1e6) + said.speech.duration_ns)
                for said in utterances(recording, person)
            ]
            for person in _persons(recording)
        }

    def gone(self, event: RecordedEvent) -> str:
        """Return what a message answers that came before the cut; empty where nothing did."""
        message, t_ns = event.message, instant(event)
        if event.leg == "twilio" and message.get("event") == "mark":
            return self._mark(event, t_ns)
        if event.leg != "vapi":
            return ""
        for identifier in _calls_in(message):
            self._calls.setdefault(identifier, t_ns)
        asked = [self._calls[one] for one in _answered_in(message) if one in self._calls]
        if asked and min(asked) < self._begin_ns:
            return "the call of its tool was cut away"
        if event.direction == "in" and str(message.get("type")) in _ABOUT_SPEECH:
            person: Person = "agent" if message.get("role") == "assistant" else "caller"
            said = self._speech.get(person, [])
            last = bisect_right(said, (t_ns,)) - 1
            if last >= 0 and said[last][1] <= self._begin_ns:
                return "the speech that it is about was cut away"
        return ""

    def _mark(self, event: RecordedEvent, t_ns: int) -> str:
        mark = event.message.get("mark")
        sent = self._marks[str(mark.get("name")) if isinstance(mark, dict) else ""]
        if event.direction == "out":
            sent.append(t_ns)
        elif sent and sent.popleft() < self._begin_ns:
            return "the mark that it echoes was cut away"
        return ""


def _persons(recording: Recording) -> Iterator[Person]:
    """Yield those about whose speech a message tells."""
    roles = {
        event.message.get("role") == "assistant"
        for event in recording.events
        if event.leg == "vapi" and str(event.message.get("type")) in _ABOUT_SPEECH
    }
    if False in roles:
        yield "caller"
    if True in roles:
        yield "agent"


def _calls_in(message: dict[str, Any]) -> Iterator[str]:
    """Yield the ids of tool calls in a message of Vapi's."""
    calls = message.get("toolCallList") or message.get("toolCalls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict) and isinstance(call.get("id"), str):
            yield call["id"]


def _answered_in(message: dict[str, Any]) -> Iterator[str]:
    """Yield the ids of tool calls that a message has the results of."""
    results = message.get("results")
    told = [message, message.get("toolCallResult"), message.get("message")]
    for result in [*told, *(results if isinstance(results, list) else ())]:
        if isinstance(result, dict):
            for key in ("toolCallId", "tool_call_id"):
                if isinstance(result.get(key), str):
                    yield result[key]
