"""Logs as two widely copied articles print them: read line by line, strictly.

One counts epoch milliseconds in brackets, the other prints the time of day and a tag. ``#`` starts
a comment; ``# composed`` and ``# log`` say of the lines that follow whether somebody made them up
around the log or they come from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

from ..wire.errors import shorten
from .format import RecordingError

Kind = Literal["tts", "chunk", "partial", "final", "detected", "flushed", "dropped", "ended"]
Origin = Literal["log", "composed"]


@dataclass(frozen=True)
class LogLine:
    """One entry of a log."""

    number: int
    """Line in the file, from 1."""
    t_ms: float
    kind: Kind
    text: str = ""
    seconds: float | None = None
    """Audio dropped by a flush, where the log says so."""
    origin: Origin = "log"


MAX_LETTERS = 4 * 1024 * 1024
"""Of a log; an hour of a call has a hundredth of it."""
_DAY_MS = 86_400_000.0
_QUOTED = '"(?P<text>[^"]+)"'
_EPOCH = re.compile(r"\[(?P<time>\d{13})\]\s*(?P<rest>.*?)(?=\[\d{13}\]|$)")
_CLOCK = re.compile(
    r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)\.(?P<ms>\d{3})\s+(?P<rest>\[.*)"
)
_EPOCH_KINDS: list[tuple[Kind, str]] = [
    ("tts", rf"TTS started:\s*{_QUOTED}"),
    ("partial", rf"STT partial:\s*{_QUOTED}(?:\s*\(\d+ms into TTS\))?"),
    ("final", rf"STT final:\s*{_QUOTED}"),
    ("flushed", r"Buffer flushed:\s*(?P<seconds>\d+(?:\.\d+)?)s audio dropped"),
    ("ended", r"Call ended"),
]
_CLOCK_KINDS: list[tuple[Kind, str]] = [
    ("tts", rf"\[TTS\] Started:\s*{_QUOTED}"),
    ("chunk", r"\[TTS\] Chunk received \([^)]*\)"),
    ("chunk", r"\[AUDIO\] Playing chunk \d+/\d+"),
    ("partial", rf"\[STT\] Partial:\s*{_QUOTED}"),
    ("final", rf"\[STT\] Final:\s*{_QUOTED}"),
    ("detected", r"\[BARGE-IN\] User speech detected"),
    ("flushed", r"\[AUDIO\] source\.stop\(\) called"),
    ("dropped", r"\[BUFFER\] Flushed \d+ pending chunks"),
    ("ended", r"\[CALL\] Ended"),
]


def looks_like(line: str) -> bool:
    """Tell whether a line begins as those of either log do."""
    return bool(_EPOCH.match(line.strip()) or _CLOCK.match(line.strip()))


def read(path: Path) -> list[LogLine]:
    """Read a log of either kind.

    Raises:
        RecordingError: the file cannot be read, or a line is of neither kind; names the line.
    """
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_LETTERS + 1)
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise RecordingError(f"{path}: expected text in UTF-8: {error}") from None
    if len(text) > MAX_LETTERS:
        raise RecordingError(f"{path}: over {MAX_LETTERS:,} letters, expected the log of a call")
    entries: list[LogLine] = []
    origin: Origin = "log"
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("#"):
            word = line.lstrip("# ").split(":")[0].strip()
            origin = "composed" if word == "composed" else "log" if word == "log" else origin
        elif line:
            entries += _parse(path, number, line, origin)
    if not entries:
        raise RecordingError(f"{path}: no log entry in it")
    entries = _past_midnight(entries)
    for before, after in pairwise(entries):
        if after.t_ms < before.t_ms:
            raise RecordingError(
                f"{path}:{after.number}: time: goes back by {before.t_ms - after.t_ms:g} ms"
            )
    return entries


def _past_midnight(entries: list[LogLine]) -> list[LogLine]:
    """Let the time of day go on where it begins anew; a log in epoch time never does."""
    days = 0
    onward = []
    for before, after in pairwise([entries[0], *entries]):
        if before.t_ms - after.t_ms > _DAY_MS / 2 and before.t_ms < _DAY_MS:
            days += 1
        onward.append(replace(after, t_ms=after.t_ms + days * _DAY_MS))
    return onward


def _parse(path: Path, number: int, line: str, origin: Origin) -> list[LogLine]:
    clock = _CLOCK.fullmatch(line)
    if clock is not None:
        hours, minutes, seconds, ms = (
            int(clock[name]) for name in ("hour", "minute", "second", "ms")
        )
        t_ms = float(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms)
        return [_entry(path, number, t_ms, clock["rest"], _CLOCK_KINDS, origin)]
    found = list(_EPOCH.finditer(line))
    if not found or found[0].start() != 0:
        raise RecordingError(
            f"{path}:{number}: time: expected [1704123456789] or 14:23:41.203 [TAG], found "
            f"{shorten(line)}"
        )
    return [
        _entry(path, number, float(match["time"]), match["rest"].strip(), _EPOCH_KINDS, origin)
        for match in found
    ]


def _entry(
    path: Path,
    number: int,
    t_ms: float,
    rest: str,
    kinds: list[tuple[Kind, str]],
    origin: Origin,
) -> LogLine:
    for kind, pattern in kinds:
        match = re.fullmatch(pattern, rest)
        if match is None:
            continue
        fields = match.groupdict()
        seconds = fields.get("seconds")
        return LogLine(
            number,
            t_ms,
            kind,
            _clean(fields.get("text") or ""),
            None if seconds is None else float(seconds),
            origin,
        )
    expected = ", ".join(dict.fromkeys(kind for kind, _ in kinds))
    raise RecordingError(
        f"{path}:{number}: message: expected one of {expected}, found {shorten(rest)}"
    )


def _clean(text: str) -> str:
    """Drop what marks a text as cut off."""
    return text.rstrip(".—… ") if text.endswith(("...", "—", "…")) else text
