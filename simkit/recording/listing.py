"""A recording as text: what is in it, line by line or in all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from .as_recorded import lacks
from .format import RecordedEvent
from .reading import Recording
from .scrub import findings

_FIELDS = 100
"""Characters of a message's fields that are shown."""
_PEOPLE = {"caller": "caller", "agent": "agent", "call": "call"}


def lines(recording: Recording) -> Iterator[str]:
    """Yield a line for each event: instant in seconds, who to whom, what."""
    for event in recording.events:
        yield f"{event.t_ms / 1000:9.3f}  {_ways(event):<19}{_what(event)}".rstrip()


def _ways(event: RecordedEvent) -> str:
    if event.direction is None:
        return _PEOPLE.get(event.leg, event.leg)
    there, here = (event.leg, "bridge") if event.direction == "in" else ("bridge", event.leg)
    return f"{there:<8} > {here}"


def _what(event: RecordedEvent) -> str:
    run, message = event.media, event.message
    if run is not None:
        last_ms = sum(run.after_us) / 1000
        return f"media x{run.count}  {run.size} bytes in {last_ms:.0f} ms"
    if message.get("event") == "speaks":
        seconds = message["sound"]["samples"] / 8000
        return f"speaks  {json.dumps(message['text'], ensure_ascii=False)}  {seconds:.3f} s"
    kind = message.get("event") or message.get("type") or "message"
    rest = {key: value for key, value in message.items() if key not in ("event", "type")}
    shown = json.dumps(rest, ensure_ascii=False, separators=(",", ":")) if rest else ""
    text = f"{kind}  {shown if len(shown) <= _FIELDS else shown[:_FIELDS] + '...'}"
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def summary(folder: Path, recording: Recording) -> Iterator[str]:
    """Yield what a recording is, in a few lines."""
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    yield (
        f"{recording.name}: {recording.duration_ms / 1000:.1f} s, {len(recording.events)} events, "
        f"{size / 1000:,.0f} kB"
    )
    if recording.header.source:
        yield f"source: {recording.header.source}"
    for leg in ("twilio", "vapi"):
        for direction in ("in", "out"):
            runs = [
                event.media
                for event in recording.events
                if event.media is not None and (event.leg, event.direction) == (leg, direction)
            ]
            if runs:
                names = ", ".join(dict.fromkeys(run.file for run in runs))
                frames = sum(run.count for run in runs)
                yield f"{leg} {direction}: {frames} frames of audio in {names}"
    for person in ("caller", "agent"):
        said = recording.speech(person)
        if said:
            yield f"{person}: {len(said)} utterances"
    for event in recording.events:
        if event.leg == "call" and event.message["event"] == "note":
            yield f"note: {event.message.get('text')}"
    yield from lacks(recording)
    personal = findings(recording)
    if personal:
        kinds = ", ".join(f"{kind} x{count}" for kind, count in sorted(personal.items()))
        yield f"looks personal or secret: {kinds}"
