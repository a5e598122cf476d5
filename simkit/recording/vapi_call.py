"""Vapi's ``GET /call`` objects and call logs: what was said when, by Vapi's account.

Instants are epoch milliseconds, ``duration`` is in milliseconds too, whatever the published schema
says. A user's ``time`` is when the transcriber noticed them, not when they began.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from ..wire.errors import shorten
from .format import RecordingError
from .report import ImportReport
from .utterances import Person

MAX_BYTES = 256 * 1024 * 1024
"""Of a file, unpacked."""
_MAX_CALL_MS = 4 * 3_600_000
_GZIP = b"\x1f\x8b"
_PERSONS: dict[str, Person] = {"user": "caller", "bot": "agent", "assistant": "agent"}


@dataclass
class Turn:
    """Something said, in ms since the call's start."""

    person: Person
    start_ms: float
    end_ms: float
    text: str


@dataclass
class VapiAccount:
    """What Vapi tells of a call."""

    start_ms: float
    """Epoch."""
    duration_ms: float
    turns: list[Turn] = field(default_factory=list)
    messages: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    """What the transport would have carried, with its instant in ms since the start."""
    caller_number: str = ""
    called_number: str = ""


def read_file(path: Path) -> bytes:
    """Return a file's bytes, unpacked where it is gzip.

    Raises:
        RecordingError: it cannot be read, is damaged, or too large.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise RecordingError(f"{path}: {reason}") from None
    if len(data) > MAX_BYTES:
        raise RecordingError(f"{path}: over {MAX_BYTES:,} bytes")
    return data


# GET /call


def is_call(found: Any) -> bool:
    """Tell whether a JSON value is a call of Vapi's, or the report at its end."""
    return isinstance(found, dict) and isinstance(_messages(_call(found)), list)


def read_call(path: Path, report: ImportReport) -> VapiAccount:
    """Read a call object, or the body of an ``end-of-call-report``.

    Raises:
        RecordingError: it cannot be read, or does not say when the call was.
    """
    try:
        found = msgspec.json.decode(read_file(path))
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise RecordingError(f"{path}: expected one JSON object: {error}") from None
    if not is_call(found):
        raise RecordingError(
            f"{path}: expected Vapi's call object with artifact.messages, found "
            f"{shorten(str(found))}"
        )
    call = _call(found)
    messages = _messages(call)
    start_ms = _date_ms(call.get("startedAt"))
    if start_ms is None:
        timed = [m for m in messages if isinstance(m, dict) and _number(m.get("time")) is not None]
        if not timed:
            raise RecordingError(f"{path}: startedAt: found nothing, expected when the call began")
        start_ms = float(timed[0]["time"]) - 1000 * (_number(timed[0].get("secondsFromStart")) or 0)
    turns = list(_turns(messages, start_ms, report))
    end_ms = _date_ms(call.get("endedAt"))
    duration_ms = (
        end_ms - start_ms
        if end_ms is not None
        else max((t.end_ms for t in turns), default=0) + 1500
    )
    if not 0 < duration_ms <= _MAX_CALL_MS:
        raise RecordingError(
            f"{path}: endedAt: found {duration_ms / 1000:g} s after startedAt, expected more than "
            f"0 and at most {_MAX_CALL_MS // 1000}"
        )
    return VapiAccount(
        start_ms,
        duration_ms,
        turns=[turn for turn in turns if turn.start_ms < duration_ms],
        messages=[(min(turn.end_ms, duration_ms), _final(turn)) for turn in turns],
        caller_number=_text(call.get("customer"), "number"),
        called_number=_text(call.get("phoneNumber"), "number"),
    )


def _call(found: dict[str, Any]) -> dict[str, Any]:
    """Return the call's own fields, out of a webhook's envelope if need be."""
    inner = found.get("message")
    if isinstance(inner, dict):
        call = inner.get("call")
        return {**(call if isinstance(call, dict) else {}), **inner}
    return found


def _messages(call: dict[str, Any]) -> Any:
    artifact = call.get("artifact")
    found = artifact.get("messages") if isinstance(artifact, dict) else None
    return found if isinstance(found, list) else call.get("messages")


def _turns(messages: list[Any], start_ms: float, report: ImportReport) -> Iterator[Turn]:
    for number, message in enumerate(messages, 1):
        role = message.get("role") if isinstance(message, dict) else None
        if role not in _PERSONS:
            if role not in ("system", "tool_calls", "tool_call_result"):
                report.unused(number, f"message: role {role!r}")
            continue
        begin, end = _number(message.get("time")), _number(message.get("endTime"))
        text = str(message.get("message") or "").strip()
        if begin is None or not text:
            report.unused(number, f"message: expected time and text, found {shorten(str(message))}")
            continue
        lasted = _number(message.get("duration"))
        if end is None or end <= begin:
            end = begin + (lasted if lasted else 300 * len(text.split()))
        yield Turn(_PERSONS[role], max(0.0, begin - start_ms), end - start_ms, text)


def _final(turn: Turn) -> dict[str, Any]:
    role = "user" if turn.person == "caller" else "assistant"
    return _transcript(role, "final", turn.text)


def _transcript(role: str, kind: str, text: str) -> dict[str, Any]:
    return {"type": "transcript", "role": role, "transcriptType": kind, "transcript": text}


# Call logs


def is_log_row(found: Any) -> bool:
    """Tell whether a JSON value is a row of a call log."""
    return (
        isinstance(found, dict)
        and isinstance(found.get("attributes"), dict)
        and _number(found.get("time")) is not None
    )


def read_log(path: Path, report: ImportReport) -> VapiAccount:
    """Read a call log, packed or not; its rows tell what the transport carried.

    Raises:
        RecordingError: it cannot be read, or has no row.
    """
    rows: list[tuple[float, dict[str, Any]]] = []
    for number, line in enumerate(read_file(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            found = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            found = None
        if is_log_row(found):
            rows.append((float(found["time"]), found["attributes"]))
        else:
            report.unused(number, f"no row of a call log: {shorten(line)}")
    if not rows:
        raise RecordingError(f"{path}: no row of a call log in it{report.first_fault()}")
    rows.sort(key=lambda row: row[0])
    names = [str(attributes.get("event", "")) for _, attributes in rows]
    start_ms = next(
        (at for (at, _), name in zip(rows, names, strict=True) if name == "call.started"),
        rows[0][0],
    )
    duration_ms = rows[-1][0] - start_ms
    if not 0 < duration_ms <= _MAX_CALL_MS:
        raise RecordingError(f"{path}: found rows over {duration_ms / 1000:g} s, expected a call")
    timed = [(max(0.0, at - start_ms), attributes) for at, attributes in rows]
    return VapiAccount(
        start_ms,
        duration_ms,
        turns=list(_log_turns(timed)),
        messages=[
            (at, message)
            for at, attributes in timed
            if (message := _log_message(attributes)) is not None
        ],
    )


_SPEECH: dict[str, tuple[str, Literal["started", "stopped"]]] = {
    "pipeline.userSpeechStarted": ("user", "started"),
    "pipeline.userSpeechStopped": ("user", "stopped"),
    "pipeline.botSpeechStarted": ("assistant", "started"),
    "pipeline.botSpeechStopped": ("assistant", "stopped"),
}


def _log_message(attributes: dict[str, Any]) -> dict[str, Any] | None:
    """Return what a row was on the transport; None when it was nothing there."""
    event = attributes.get("event")
    if event in _SPEECH:
        role, status = _SPEECH[event]
        return {"type": "speech-update", "role": role, "status": status}
    if event in (
        "assistant.transcriber.partialTranscript",
        "assistant.transcriber.finalTranscript",
    ):
        kind = "final" if event.endswith("finalTranscript") else "partial"
        return _transcript("user", kind, str(attributes.get("transcript", "")))
    if event == "pipeline.cleared" and attributes.get("wasInterruption") is True:
        return {"type": "user-interrupted"}
    return None


def _log_turns(rows: list[tuple[float, dict[str, Any]]]) -> Iterator[Turn]:
    """Yield what was said: from its start to its stop, or to the next start."""
    since: dict[Person, float] = {}
    texts: dict[Person, list[str]] = {"caller": [], "agent": []}
    for at_ms, attributes in rows:
        event = str(attributes.get("event", ""))
        text = attributes.get("transcript") if event.endswith("finalTranscript") else None
        if text:
            texts["caller"].append(str(text))
        if event == "" and (attributes.get("input") or attributes.get("text")):
            texts["agent"].append(str(attributes.get("text") or attributes.get("input")))
        if event not in _SPEECH:
            continue
        role, status = _SPEECH[event]
        person = _PERSONS[role]
        if status == "started":
            since.setdefault(person, at_ms)
        elif person in since:
            begin_ms = since.pop(person)
            yield Turn(person, begin_ms, max(at_ms, begin_ms + 100), " ".join(texts[person]))
            texts[person].clear()


# Values


def _date_ms(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp() * 1000
        except ValueError:
            return None
    return _number(value)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _text(found: Any, key: str) -> str:
    value = found.get(key) if isinstance(found, dict) else None
    return value[:50] if isinstance(value, str) else ""
