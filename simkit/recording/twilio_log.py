"""Logs of Twilio Media Streams messages, one JSON object a line, as people's bridges write them.

Tolerant: a message may lie in a wrapper or behind a logger's prefix, with its time of arrival or
without. What cannot be used is told line by line.
"""

from __future__ import annotations

import binascii
import math
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..audio.files import MAX_SECONDS
from ..wire.errors import shorten
from .format import Header, RecordingError
from .media import MediaFormat, Numbers
from .recorder import Direction, Recorder
from .report import ImportReport, draft_of

EVENTS = frozenset({"connected", "start", "media", "dtmf", "mark", "stop", "clear"})
MAX_LINE = 32 * 1024 * 1024
MAX_LINES = 5_000_000
_FORMAT = MediaFormat("mulaw", 8000)
_FRAME_MS = 20

_WRAPPED_IN = ("message", "msg", "data", "payload", "body", "raw", "frame", "text", "json")
_TIME_KEYS = (
    "t_ms", "t_ns", "t", "ts", "time", "timestamp", "at", "received_at", "receivedAt", "arrived",
    "arrival", "@timestamp", "date",
)  # fmt: skip
_DIRECTION_KEYS = ("direction", "dir", "way", "type", "kind")
_IN = frozenset({"in", "inbound", "received", "receive", "recv", "rx", "from_twilio", "<", "<-"})
_OUT = frozenset({"out", "outbound", "sent", "send", "tx", "to_twilio", ">", "->"})
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?")
_CLOCK = re.compile(r"\b(\d\d):(\d\d):(\d\d)[.,](\d{1,6})")
_UNITS_MS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1000.0}


class Line(NamedTuple):
    """A line that holds one of Twilio's messages."""

    number: int
    message: dict[str, Any]
    direction: Direction
    time: float | None
    """Of arrival, in the log's own unit; in ms where it was a date."""
    is_date: bool = False


def import_twilio_log(path: Path, folder: Path) -> ImportReport:
    """Make a recording of a log of Twilio's messages.

    Messages lie at their times of arrival where the log has them, in whatever unit its frames of
    20 ms agree with; else at the ``timestamp`` of the last frame before them.

    Raises:
        RecordingError: the log cannot be read or holds no media, or the folder exists.
    """
    return import_lines(path, folder, ImportReport(str(folder), "Twilio message log"), _line)


def import_lines(
    path: Path,
    folder: Path,
    report: ImportReport,
    read: Callable[[int, str, ImportReport], Line | None],
) -> ImportReport:
    """Make a recording of Twilio's messages, whatever each of them lies in.

    Args:
        path: a file with one on a line.
        folder: where the recording goes; must not exist.
        report: is told what could not be used, and returned.
        read: returns the message on a line of that number; None where there is none.

    Raises:
        RecordingError: the file cannot be read or holds no media, or the folder exists.
    """
    lines = list(_lines(path, report, read))
    if not any(line.message.get("event") == "media" for line in lines):
        raise RecordingError(f"{path}: no media message in it{report.first_fault()}")
    times_ms = _times(lines)
    if not times_ms[-1] <= MAX_SECONDS * 1000:
        raise RecordingError(
            f"{path}: its times are {times_ms[-1] / 1000:g} s apart, expected at most {MAX_SECONDS}"
        )
    with draft_of(folder) as draft:
        recorder = Recorder(draft, Header(source=f"log {path.name}"), origin="log")
        for line, t_ms in zip(lines, times_ms, strict=True):
            _put(recorder, line, round(t_ms * 1e6), report)
        recorder.finish(round(times_ms[-1] * 1e6))
    return report


def _put(recorder: Recorder, line: Line, t_ns: int, report: ImportReport) -> None:
    if line.message["event"] != "media":
        recorder.message(t_ns, "twilio", line.direction, line.message)
        report.messages += 1
        return
    media = line.message.get("media")
    try:
        data = binascii.a2b_base64(media["payload"], strict_mode=True)  # type: ignore[index]
        numbers = Numbers(
            _number(line.message.get("sequenceNumber")),
            _number(media.get("chunk")),  # type: ignore[union-attr]
            _number(media.get("timestamp")),  # type: ignore[union-attr]
        )
    except (KeyError, TypeError, ValueError) as error:
        report.unused(line.number, f"media: {error!r}")
        return
    recorder.frame(t_ns, "twilio", line.direction, data, _FORMAT, numbers)
    report.frames += 1


def _number(value: Any) -> int | None:
    number = None if value is None else int(value)
    if number is not None and number < 0:
        raise ValueError(f"a number below zero: {number}")
    return number


# Lines


def looks_like(text: str) -> bool:
    """Tell whether a line holds one of Twilio's messages."""
    begin = text.find("{")
    found = decoded(text[begin:]) if begin >= 0 else None
    return isinstance(found, dict) and _unwrap(found)[0] is not None


def _lines(
    path: Path, report: ImportReport, read: Callable[[int, str, ImportReport], Line | None]
) -> Iterator[Line]:
    try:
        with path.open("rb") as file:
            for number in range(1, MAX_LINES + 1):
                raw = file.readline(MAX_LINE + 1)
                if not raw:
                    return
                if len(raw) > MAX_LINE:
                    raise RecordingError(f"{path}:{number}: a line of over {MAX_LINE:,} bytes")
                if raw.strip() and not raw.startswith(b"#"):
                    line = read(number, raw.decode("utf-8", "replace"), report)
                    if line is not None:
                        yield line
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from None
    raise RecordingError(f"{path}: over {MAX_LINES:,} lines")


def _line(number: int, text: str, report: ImportReport) -> Line | None:
    begin = text.find("{")
    if begin < 0:
        report.unused(number, f"no JSON object: {shorten(text.strip())}")
        return None
    found = decoded(text[begin:])
    if not isinstance(found, dict):
        report.unused(number, f"not JSON: {shorten(text.strip())}")
        return None
    message, wrappers = _unwrap(found)
    if message is None:
        report.unused(number, f"no Twilio message: {shorten(text.strip())}")
        return None
    prefix = text[:begin]
    direction = _direction(message, wrappers, prefix)
    for wrapper in wrappers:
        for key in _TIME_KEYS:
            time, is_date = _time(wrapper.get(key))
            if time is not None:
                return Line(number, message, direction, time, is_date)
    time, is_date = _time_in(prefix)
    return Line(number, message, direction, time, is_date)


def decoded(text: str) -> Any:
    """Return what a line holds as JSON; None where it is none."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def _unwrap(found: dict[str, Any]) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """Return the message, and the wrappers that it lay in."""
    wrappers: list[dict[str, Any]] = []
    while found.get("event") not in EVENTS or not _is_message(found):
        inner = next(
            (value for key in _WRAPPED_IN if isinstance(value := _opened(found.get(key)), dict)),
            None,
        )
        if inner is None or len(wrappers) > 3:
            return None, wrappers
        wrappers.append(found)
        found = inner
    return found, wrappers


def _is_message(found: dict[str, Any]) -> bool:
    """Tell a message from a wrapper that says ``event`` too."""
    event = found["event"]
    return event in ("connected", "clear") or isinstance(found.get(event), dict)


def _opened(value: Any) -> Any:
    return decoded(value) if isinstance(value, str) and value.startswith("{") else value


def _direction(message: dict[str, Any], wrappers: list[dict[str, Any]], prefix: str) -> Direction:
    for wrapper in wrappers:
        for key in _DIRECTION_KEYS:
            said = str(wrapper.get(key, "")).lower()
            if said in _IN:
                return "in"
            if said in _OUT:
                return "out"
    event = message["event"]
    if event in ("connected", "start", "stop", "dtmf") or "sequenceNumber" in message:
        return "in"
    if event == "clear":
        return "out"
    words = set(re.findall(r"[a-z_]+|[<>]", prefix.lower()))
    if words & _IN and not words & _OUT:
        return "in"
    media = message.get("media")
    numbered = isinstance(media, dict) and ("chunk" in media or "track" in media)
    return "in" if numbered else "out"


# Times


def _time(value: Any) -> tuple[float | None, bool]:
    """Return a time as a number, and whether it was a date: then it is in ms."""
    if isinstance(value, bool) or value is None:
        return None, False
    if isinstance(value, int | float):
        return (float(value), False) if math.isfinite(value) else (None, False)
    if isinstance(value, str):
        try:
            return float(value), False
        except ValueError:
            return _time_in(value)
    return None, False


def _time_in(text: str) -> tuple[float | None, bool]:
    """Find a date or a time of day in a text; in ms."""
    iso = _ISO.search(text)
    if iso is not None:
        try:
            when = datetime.fromisoformat(iso[0].replace(",", ".").replace("Z", "+00:00"))
        except ValueError:
            return None, False
        return when.timestamp() * 1000, True
    clock = _CLOCK.search(text)
    if clock is not None:
        hours, minutes, seconds = (int(clock[index]) for index in (1, 2, 3))
        return (hours * 3600 + minutes * 60 + seconds + float(f"0.{clock[4]}")) * 1000, True
    return None, False


def _times(lines: list[Line]) -> list[float]:
    """Return when each line was, in ms since the first."""
    if all(line.time is not None for line in lines):
        unit_ms = 1.0 if lines[0].is_date else _unit(lines)
        known = [(line.time or 0.0) * unit_ms for line in lines]
    else:
        known = list(_by_timestamps(lines))
    first, latest, times = known[0], 0.0, []
    for t_ms in known:  # a socket has one order; a clock that was set back has not
        latest = max(latest, t_ms - first)
        times.append(latest)
    return times


def _unit(lines: list[Line]) -> float:
    """Find the unit in which frames came every 20 ms; returns it in ms."""
    frames = [line.time or 0.0 for line in lines if _is_caller_frame(line)]
    span = frames[-1] - frames[0] if len(frames) > 1 else 0.0
    if span <= 0:
        return 1.0
    expected_ms = (len(frames) - 1) * _FRAME_MS
    if not 1e-200 < span < 1e200:
        return 1.0
    return min(_UNITS_MS.values(), key=lambda unit_ms: abs(math.log(span * unit_ms / expected_ms)))


def _is_caller_frame(line: Line) -> bool:
    return line.direction == "in" and line.message["event"] == "media"


def _by_timestamps(lines: list[Line]) -> Iterator[float]:
    """Yield Twilio's own clock: what it says of the last frame."""
    t_ms = 0.0
    for line in lines:
        media = line.message.get("media")
        if _is_caller_frame(line) and isinstance(media, dict):
            stamp = str(media.get("timestamp", ""))
            t_ms = float(stamp) if stamp.isdigit() and len(stamp) < 12 else t_ms + _FRAME_MS
        yield t_ms
