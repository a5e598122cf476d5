"""The format of a recording: a folder with ``call.jsonl`` and the sound it refers to.

The first line of ``call.jsonl`` is the header, every other one an event; sound lies beside it as
FLAC, raw as long as it is captured.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from ..audio import files
from .media import MediaRun, SoundFile

FORMAT = "simkit-recording"
VERSION = 2
"""Of recordings that hold frames. In 1 every way is stored, and mu-law is decoded."""
EVENTS_FILE = "call.jsonl"

MAX_LINE = 1024 * 1024
MAX_EVENTS = 5_000_000
MAX_TEXT = 20_000
MAX_DEPTH = 64
"""Of lists and objects in each other in a message."""
MAX_EVENTS_BYTES = 512 * 1024 * 1024
"""Of ``call.jsonl``: an hour has eight million."""
_MAX_MS = files.MAX_SECONDS * 1000.0

Setting = str | float | int | bool
Milliseconds = Annotated[float, Meta(ge=0, le=_MAX_MS)]


class RecordingError(ValueError):
    """A recording cannot be read; the message names the place."""


class Cut(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of a longer recording this is, in its time."""

    from_ms: Annotated[float, Meta(ge=0, le=_MAX_MS)]
    to_ms: Annotated[float, Meta(gt=0, le=_MAX_MS)]
    of_ms: Annotated[float, Meta(gt=0, le=_MAX_MS)]
    """How long that one is."""


class Header(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds for the whole call; the first line."""

    format: Literal["simkit-recording"] = "simkit-recording"
    version: Literal[1, 2] = 1
    source: Annotated[str, Meta(max_length=500)]
    """Where it comes from, for people."""
    duration_ms: Annotated[float, Meta(gt=0, le=_MAX_MS)] | None = None
    """From the recording's begin to the call's end; None where it was not known at the begin: then
    the event ``ended`` says it."""
    from_: str = msgspec.field(default="+15550199", name="from")
    to: str = "+15550100"
    links_ms: dict[Literal["twilio", "vapi"], Annotated[float, Meta(ge=0, le=10_000)]] = {}
    """One-way latency between each service and the bridge, as known or assumed."""
    assistant: dict[str, float | int | bool] = {}
    """Settings of the assistant, as known or inferred."""
    bridge: dict[str, Setting] = {}
    """Settings of simkit's own bridge, where that was recorded with others than the usual ones."""
    tolerance_ms: Annotated[float, Meta(ge=0, le=10_000)] | None = None
    """How far a replay may be off, where the recorded bridge drew something at random."""
    notes: list[str] = []
    cut: Cut | None = None
    """Set where this is a part of another; messages that set the call up then lie at the begin."""


class SoundRef(Struct, frozen=True, forbid_unknown_fields=True):
    """A stretch of a sound file beside the events, in samples at 8 kHz."""

    file: SoundFile
    start: Annotated[int, Meta(ge=0)]
    samples: Annotated[int, Meta(gt=0)]


class Speaks(Struct, frozen=True, forbid_unknown_fields=True, tag_field="event", tag="speaks"):
    """The message of an event on the legs ``caller`` and ``agent``: somebody speaks."""

    text: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]
    sound: SoundRef
    words: list[tuple[str, Annotated[int, Meta(ge=0)], Annotated[int, Meta(ge=0)]]] = []
    """Each word with its first sample and end, counted from ``sound.start``."""


class RecordedEvent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that happened; every line but the first."""

    t_ms: Milliseconds
    """Since the recording's begin; messages are dated at the bridge."""
    leg: Literal["caller", "agent", "twilio", "vapi", "call"]
    direction: Literal["in", "out"] | None = None
    """``in`` reaches the bridge, ``out`` leaves it; none on the legs of people and of the call."""
    message: dict[str, Any] = {}
    """Twilio's or Vapi's own message, :class:`Speaks`, or of the call ``{"event": "ended"}``, or
    ``"lost"`` with the ``reason`` for which the rest is missing, or ``"note"`` with a ``text``."""
    media: MediaRun | None = None
    """In place of a message: frames of audio, the first of which came at ``t_ms``."""
    origin: Literal["captured", "log", "inferred", "composed"] = "captured"
    """How it is known: recorded, read in a log, worked out from one, or made up around one."""


def is_too_deep(value: Any) -> bool:
    """Tell whether lists and objects lie in each other deeper than :data:`MAX_DEPTH`."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list | tuple)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True


def line_of(entry: Header | RecordedEvent) -> bytes:
    """Return the line that holds an entry, with its end.

    What no UTF-8 can hold is written as a question mark. Lines of frames, of which there are four a
    second, have no spaces, and no origin where they were captured.

    Raises:
        ValueError: a number in a message is none that JSON knows, or it is too deep.
    """
    if isinstance(entry, RecordedEvent) and entry.message and is_too_deep(entry.message):
        raise ValueError(f"message: expected at most {MAX_DEPTH} levels")
    is_media = isinstance(entry, RecordedEvent) and entry.media is not None
    plain = {
        key: value
        for key, value in msgspec.to_builtins(entry).items()
        if value not in (None, {}, []) or (key == "message" and not is_media)
    }
    if is_media and plain["origin"] == "captured":
        del plain["origin"]
    separators = (",", ":") if is_media else (", ", ": ")
    text = json.dumps(plain, ensure_ascii=False, separators=separators, allow_nan=False)
    return text.encode("utf-8", "replace") + b"\n"
