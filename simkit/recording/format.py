"""The format of a recording: a folder with ``call.jsonl`` and the sound it refers to.

The first line of ``call.jsonl`` is the header, every other one an event; sound lies beside it as
FLAC. A recording is hostile until it was read here: sizes, names, types and ranges are checked,
and an error names the file, the line, the field, what was found and what was expected.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from ..audio import RATE, AudioFileError, Samples, files
from ..wire.errors import explain, shorten

FORMAT = "simkit-recording"
VERSION = 1
EVENTS_FILE = "call.jsonl"

MAX_LINE = 1024 * 1024
MAX_EVENTS = 5_000_000
MAX_TEXT = 20_000
_MAX_MS = files.MAX_SECONDS * 1000.0

Milliseconds = Annotated[float, Meta(ge=0, le=_MAX_MS)]
SoundFile = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}\.flac\Z")]
"""A file beside ``call.jsonl``: no folder, no dots but one."""


class RecordingError(ValueError):
    """A recording cannot be read; the message names the place."""


class Header(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds for the whole call; the first line."""

    format: Literal["simkit-recording"] = "simkit-recording"
    version: Literal[1] = 1
    source: Annotated[str, Meta(max_length=500)]
    """Where it comes from, for people."""
    duration_ms: Annotated[float, Meta(gt=0, le=_MAX_MS)]
    """From the call's first sample to its end."""
    from_: str = msgspec.field(default="+15550199", name="from")
    to: str = "+15550100"
    links_ms: dict[Literal["twilio", "vapi"], Annotated[float, Meta(ge=0, le=10_000)]] = {}
    """One-way latency between each service and the bridge, as known or assumed."""
    assistant: dict[str, float | int | bool] = {}
    """Settings of the assistant, as known or inferred."""
    notes: list[str] = []


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
    """Since the call's first sample; messages are dated at the bridge."""
    leg: Literal["caller", "agent", "twilio", "vapi"]
    direction: Literal["in", "out"] | None = None
    """``in`` reaches the bridge, ``out`` leaves it; none on the legs of people."""
    message: dict[str, Any]
    """Twilio's or Vapi's own message, or :class:`Speaks`."""
    origin: Literal["captured", "log", "inferred", "composed"] = "captured"
    """How it is known: recorded, read in a log, worked out from one, or made up around one."""


class Recording:
    """A recording in memory, all of it checked.

    Attributes:
        name: of its folder.
        header: the first line.
        events: the other lines, by instant.
    """

    def __init__(
        self,
        name: str,
        header: Header,
        events: list[RecordedEvent],
        sounds: dict[str, Samples],
        cut_tail: str = "",
    ) -> None:
        self.name = name
        self.header = header
        self.events = events
        self.cut_tail = cut_tail
        """The beginning of an unfinished last line, left out; empty when there was none."""
        self._sounds = sounds

    def speech(self, leg: Literal["caller", "agent"]) -> list[tuple[RecordedEvent, Speaks]]:
        """Return what was said on a leg, in order."""
        return [
            (event, msgspec.convert(event.message, Speaks))
            for event in self.events
            if event.leg == leg and event.message.get("event") == "speaks"
        ]

    def messages(self, leg: str, direction: str, kind: str) -> list[RecordedEvent]:
        """Return the messages of one kind (``event`` or ``type``) on a leg, in order."""
        return [
            event
            for event in self.events
            if event.leg == leg
            and event.direction == direction
            and kind in (event.message.get("event"), event.message.get("type"))
        ]

    def sound(self, ref: SoundRef) -> Samples:
        """Return the samples that a reference names."""
        return self._sounds[ref.file][ref.start : ref.start + ref.samples]

    @property
    def sounds(self) -> dict[str, Samples]:
        """Every sound file by its name, 8 kHz."""
        return self._sounds


_header = msgspec.json.Decoder(Header)
_event = msgspec.json.Decoder(RecordedEvent)
_speaks = msgspec.json.Decoder(Speaks)


def read(folder: str | os.PathLike[str]) -> Recording:
    """Read a recording.

    An unfinished last line, as a crash leaves it, is left out and told of in ``cut_tail``.

    Raises:
        RecordingError: with the file, the line, the field, what was found and what was expected.
    """
    path = Path(folder)
    if not os.path.isdir(path):  # unlike Path.is_dir, False for what no file system takes
        raise RecordingError(f"{path}: there is no such folder")
    lines, cut_tail = _lines(path / EVENTS_FILE)
    header = _decode(_header, lines[0], path / EVENTS_FILE, 1)
    events = [
        _decode(_event, line, path / EVENTS_FILE, number)
        for number, line in enumerate(lines[1:], 2)
    ]
    sounds: dict[str, Samples] = {}
    for number, event in enumerate(events, 2):
        _check(path, number, event, header, sounds)
    events.sort(key=lambda event: event.t_ms)
    return Recording(path.resolve().name, header, events, sounds, cut_tail)


def _lines(path: Path) -> tuple[list[bytes], str]:
    try:
        with path.open("rb") as file:
            lines: list[bytes] = []
            while line := file.readline(MAX_LINE + 1):
                if len(line) > MAX_LINE:
                    raise RecordingError(
                        f"{path}:{len(lines) + 1}: a line of over {MAX_LINE:,} bytes"
                    )
                lines.append(line)
                if len(lines) > MAX_EVENTS:
                    raise RecordingError(f"{path}: over {MAX_EVENTS:,} events")
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from None
    if not lines:
        raise RecordingError(f"{path}:1: empty, expected the header")
    cut_tail = ""
    if not lines[-1].endswith(b"\n") and len(lines) > 1:
        cut_tail = lines.pop()[:40].decode("utf-8", "replace")
    return lines, cut_tail


def _decode(decoder: msgspec.json.Decoder[Any], line: bytes, path: Path, number: int) -> Any:
    try:
        return decoder.decode(line)
    except msgspec.ValidationError as error:
        try:
            found = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found = None  # damaged behind the first fault, too
        raise RecordingError(f"{path}:{number}: {_explain(error, found)}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        shown = line[:40].decode("utf-8", "replace").strip()
        printable = "".join(letter if letter.isprintable() else "?" for letter in shown)
        raise RecordingError(
            f"{path}:{number}: expected one JSON object, found {printable!r} ({error})"
        ) from None


_PLACE = re.compile(r" - at (?:`key` in )?`\$([^`]*)`\Z")


def _explain(error: msgspec.ValidationError, value: Any) -> str:
    """Put the field first, and last what was found in it, where the error does not say so."""
    text = explain(error)
    place = _PLACE.search(text)
    if place is None:
        return f"the object: {text}"
    what = text[: place.start()]
    for step in re.findall(r"[^.\[\]]+", place[1]):
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:  # a key of any name, which the error does not tell
            break
    found = ""
    if what.startswith("Expected") and ", got" not in what and not isinstance(value, dict | list):
        found = f", found {shorten(json.dumps(value))}"
    return f"{place[1].lstrip('.') or 'the object'}: {what}{found}"


def _plain(number: float) -> str:
    return repr(number).removesuffix(".0")


def _check(
    path: Path, number: int, event: RecordedEvent, header: Header, sounds: dict[str, Samples]
) -> None:
    """Check what the types cannot say, and load the sound that is referred to."""
    place = f"{path / EVENTS_FILE}:{number}"
    if event.t_ms > header.duration_ms:
        raise RecordingError(
            f"{place}: t_ms: found {_plain(event.t_ms)}, expected at most the header's "
            f"duration_ms, {_plain(header.duration_ms)}"
        )
    if event.leg not in ("caller", "agent"):
        if event.direction is None:
            raise RecordingError(f"{place}: direction: expected 'in' or 'out', found nothing")
        return
    if event.message.get("event") != "speaks":
        raise RecordingError(
            f"{place}: message.event: expected 'speaks' on leg {event.leg!r}, found "
            f"{event.message.get('event')!r}"
        )
    try:
        said = msgspec.convert(event.message, Speaks)
    except msgspec.ValidationError as error:
        raise RecordingError(f"{place}: message.{_explain(error, event.message)}") from None
    ref = said.sound
    if ref.file not in sounds:
        sounds[ref.file] = _load(path / ref.file, place)
    length = len(sounds[ref.file])
    if ref.start + ref.samples > length:
        raise RecordingError(
            f"{place}: message.sound: samples {ref.start} to {ref.start + ref.samples} of "
            f"{ref.file}, which has {length}"
        )
    for index, (word, start, end) in enumerate(said.words):
        if not start < end <= ref.samples:
            raise RecordingError(
                f"{place}: message.words[{index}]: {word!r} from sample {start} to {end}, expected "
                f"within the {ref.samples} of the sound"
            )


def _load(path: Path, place: str) -> Samples:
    if path.is_symlink() or not path.is_file():
        raise RecordingError(f"{place}: message.sound.file: there is no {path.name} beside it")
    try:
        return files.read(path)
    except AudioFileError as error:
        raise RecordingError(f"{place}: message.sound.file: {error}") from None


def write(
    folder: str | os.PathLike[str],
    header: Header,
    events: list[RecordedEvent],
    sounds: dict[str, Samples],
) -> None:
    """Write a recording: all of it, or nothing.

    Raises:
        RecordingError: the folder exists already, or cannot be written, or what was given would be
            refused when it is read.
    """
    path = Path(folder)
    if os.path.lexists(path):
        raise RecordingError(f"{path}: exists already; choose another name or remove it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from None
    try:
        ordered = sorted(events, key=lambda event: event.t_ms)
        text = _line(header) + "".join(_line(event) for event in ordered)
        (draft / EVENTS_FILE).write_text(text, encoding="utf-8")
        for name, samples in sounds.items():
            files.write(draft / name, samples)
        read(draft)  # what is written can be read again, or is not written
        draft.chmod(0o755)
        draft.rename(path)
    except (OSError, RuntimeError, ValueError) as error:
        # soundfile's errors are RuntimeErrors
        shutil.rmtree(draft, ignore_errors=True)
        reason = getattr(error, "strerror", None) or str(error).replace(str(draft), str(path))
        raise RecordingError(reason if str(path) in reason else f"{path}: {reason}") from None
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _line(entry: Header | RecordedEvent) -> str:
    plain = {
        key: value
        for key, value in msgspec.to_builtins(entry).items()
        if key == "message" or value not in (None, {}, [])
    }
    return json.dumps(plain, ensure_ascii=False, separators=(", ", ": ")) + "\n"


def seconds_of(samples: int) -> float:
    """Return the duration of that many samples."""
    return samples / RATE
