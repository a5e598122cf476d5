"""Frame traces of streamdouble, a program that plays Twilio's part in a call (``--trace FILE``).

A line is flat: ``t`` in seconds of its own clock, ``dir`` as seen from Twilio's part (``out`` went
to the bridge), and of each message what tells it from others. The audio is there only where the
trace was made with ``--trace-payloads``.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from ..audio import RATE
from ..audio.files import MAX_SECONDS
from ..wire.errors import shorten
from ..wire.secrets import SECRET
from .media import MAX_FRAME
from .recorder import Direction
from .report import ImportReport
from .twilio_log import EVENTS, Line, decoded, import_lines

_KEYS = frozenset(
    {"t", "dir", "event", "seq", "chunk", "timestamp_ms", "track", "bytes", "sha256_8", "payload"}
    | {"payload_omitted", "mark", "digit", "tracks", "customParameters", "unparseable", "excerpt"}
    | {"truncated", "retained", "dropped"}
)
_REDACTED = "<redacted>"
_FRAME = 160
"""Bytes of 20 ms; a trace without audio tells how long a frame's base64 was, not the frame."""


def looks_like(text: str) -> bool:
    """Tell whether a line is one of a trace."""
    found = decoded(text)
    return (
        isinstance(found, dict)
        and found.get("dir") in ("in", "out")
        and isinstance(found.get("t"), int | float)
        and "event" in found
        and found.keys() <= _KEYS
    )


def import_trace(path: Path, folder: Path) -> ImportReport:
    """Make a recording of a trace.

    Frames whose audio is not in it become silence of their length, which is told.

    Raises:
        RecordingError: the trace cannot be read or holds no media, or the folder exists.
    """
    reader = _Reader()
    report = ImportReport(str(folder), "streamdouble trace")
    import_lines(path, folder, report, reader.line)
    if reader.silent:
        report.notes.append(
            f"{reader.silent} frames are silence: their audio is not in the trace, where "
            "streamdouble puts it with --trace-payloads"
        )
    return report


class _Reader:
    """Reads the lines of one trace."""

    def __init__(self) -> None:
        self.silent = 0
        """Frames whose audio was not there."""
        self._silent_bytes = 0

    def line(self, number: int, text: str, report: ImportReport) -> Line | None:
        """Return a line as Twilio's message; None where it is none, which is reported."""
        found = decoded(text)
        if not isinstance(found, dict):
            report.unused(number, f"no JSON object: {shorten(text.strip())}")
        elif found.get("truncated"):
            report.unused(number, f"the trace stops here; {found.get('dropped')} frames are not in")
        elif not looks_like(text):
            report.unused(number, f"no frame of a trace: {shorten(text.strip())}")
        elif found.get("track") not in (None, "inbound"):
            report.unused(number, f"of track {shorten(str(found['track']))}, not the caller's")
        else:
            try:
                message = self._message(found)
            except ValueError as error:
                report.unused(number, str(error))
            else:
                way: Direction = "in" if found["dir"] == "out" else "out"
                return Line(number, message, way, found["t"] * 1000.0, is_date=True)
        return None

    def _message(self, found: dict[str, Any]) -> dict[str, Any]:
        event = found["event"]
        if found.get("unparseable"):
            begins = str(found.get("excerpt", ""))
            return {"event": "unreadable", "length": found.get("bytes"), "begins": begins}
        if event not in EVENTS:
            raise ValueError(f"event: {shorten(str(event))} is none of Twilio's")
        message: dict[str, Any] = {"event": event}
        if "seq" in found:
            message["sequenceNumber"] = found["seq"]
        if event == "start":
            said = found.get("customParameters")
            parameters = said if isinstance(said, dict) else {}
            message["start"] = {
                "tracks": found.get("tracks"),
                "customParameters": {
                    name: SECRET if value == _REDACTED else value
                    for name, value in parameters.items()
                },
            }
        elif event == "mark":
            message["mark"] = {"name": found.get("mark")}
        elif event == "dtmf":
            message["dtmf"] = {"digit": found.get("digit")}
        elif event == "media":
            message["media"] = {
                "chunk": found.get("chunk"),
                "timestamp": found.get("timestamp_ms"),
                "payload": found.get("payload") or self._silence(found.get("bytes")),
            }
        return message

    def _silence(self, encoded: Any) -> str:
        """Return silence whose base64 is of that length; of the lengths it may be, whole frames."""
        if type(encoded) is not int or not 0 <= encoded <= MAX_FRAME:
            raise ValueError(f"bytes: found {shorten(str(encoded))}, expected 0 to {MAX_FRAME:,}")
        size = encoded // 4 * 3
        size -= size % _FRAME if size % _FRAME < 3 else 0
        self._silent_bytes += size
        if self._silent_bytes > MAX_SECONDS * RATE:
            raise ValueError(f"media: over {MAX_SECONDS:,} s of silence")
        self.silent += 1
        return base64.b64encode(b"\xff" * size).decode()
