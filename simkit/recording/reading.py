"""Reading: a recording is hostile until it was read here.

Sizes, names, types and ranges are checked, and an error names the file, the line, the field, what
was found and what was expected.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from ..audio import AudioFileError, Samples, files
from ..wire.errors import explain, shorten
from .derived import open_tape
from .format import (
    EVENTS_FILE,
    MAX_DEPTH,
    MAX_EVENTS,
    MAX_EVENTS_BYTES,
    MAX_LINE,
    Header,
    RecordedEvent,
    RecordingError,
    SoundRef,
    Speaks,
    is_too_deep,
)
from .media import Frame, MediaFormat, MediaRun, frames
from .tape import Tape

_MOST_KNOWN = 50_000
"""Different numbers that are looked for again."""


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
        tapes: dict[str, Tape] | None = None,
        formats: dict[str, MediaFormat] | None = None,
        cut_tail: str = "",
    ) -> None:
        self.name = name
        self.header = header
        self.events = events
        self.cut_tail = cut_tail
        """The beginning of an unfinished last line, left out; empty when there was none."""
        self.damage = ""
        """Why nothing is known of what comes after the last event; empty: nothing does."""
        self._sounds = sounds
        self._tapes = tapes or {}
        self.formats = formats or {}
        """How the audio of each file of frames was encoded on the wire."""

    @property
    def duration_ms(self) -> float:
        """From the recording's begin to the call's end, or to what was recorded last."""
        if self.header.duration_ms is not None:
            return self.header.duration_ms
        return max((_last_ms(event) for event in self.events), default=0.0)

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

    def frames(
        self, leg: Literal["twilio", "vapi"], direction: Literal["in", "out"]
    ) -> Iterator[tuple[Frame, bytes]]:
        """Yield the frames that went one way, each with its audio as it was on the wire."""
        for event in self.events:
            if (event.leg, event.direction) == (leg, direction):
                yield from self.frames_of(event)

    def frames_of(self, event: RecordedEvent) -> Iterator[tuple[Frame, bytes]]:
        """Yield the frames of one event; none where it holds a message."""
        if event.media is None:
            return
        data = self._tapes[event.media.file].read(event.media.start, event.media.size)
        for frame in frames(round(event.t_ms * 1e6), event.media):
            at = frame.start - event.media.start
            yield frame, data[at : at + frame.size]

    def tape(self, name: str) -> Tape:
        """Return a file of frames: its bytes as they were on the wire."""
        return self._tapes[name]

    @property
    def sounds(self) -> dict[str, Samples]:
        """Every sound file by its name, 8 kHz."""
        return self._sounds


def _last_ms(event: RecordedEvent) -> float:
    """Return when an event was over."""
    return event.t_ms + (sum(event.media.after_us) / 1000 if event.media is not None else 0.0)


_header = msgspec.json.Decoder(Header)
_event = msgspec.json.Decoder(RecordedEvent)
_speaks = msgspec.json.Decoder(Speaks)


def read(folder: str | os.PathLike[str], *, damaged: bool = False) -> Recording:
    """Read a recording.

    An unfinished last line, as a crash leaves it, is left out and told of in ``cut_tail``.

    Args:
        folder: in which it is.
        damaged: take it as far as it can be read; why that is not its end is in ``damage``.

    Raises:
        RecordingError: with the file, the line, the field, what was found and what was expected.
    """
    path = Path(folder)
    if not os.path.isdir(path):  # unlike Path.is_dir, False for what no file system takes
        if os.path.lexists(path):
            raise RecordingError(
                f"{path}: a recording is a folder, and this is a file; `simkit import` makes a "
                "recording of a log or of sound"
            )
        raise RecordingError(f"{path}: there is no such folder")
    there = path / EVENTS_FILE
    if not os.path.lexists(there):
        inside = sorted(found.parent.name for found in path.glob(f"*/{EVENTS_FILE}"))
        hint = f"; {len(inside)} folders in it are recordings, as {inside[0]}" if inside else ""
        raise RecordingError(
            f"{path}: there is no {EVENTS_FILE} in it, so it is no recording{hint}"
        )
    lines, cut_tail = _lines(there)
    header = _decode(_header, lines[0], there, 1)
    events: list[RecordedEvent] = []
    shelf = _Shelf(path)
    known: dict[int, int] = {}
    damage = ""
    for number in range(2, len(lines) + 1):
        try:
            event = _decode(_event, lines[number - 1], there, number)
            _check(number, event, header, shelf)
        except RecordingError as error:
            if not damaged:
                raise
            damage = str(error)
            break
        lines[number - 1] = b""
        events.append(event)
        if event.media is not None and len(known) < _MOST_KNOWN:
            # Most steps are alike, and each number of its own takes 28 bytes.
            steps = event.media.after_us
            steps[:] = [known.setdefault(step, step) for step in steps]
    events.sort(key=lambda event: event.t_ms)
    found = Recording(
        path.resolve().name, header, events, shelf.sounds, shelf.tapes, shelf.formats, cut_tail
    )
    found.damage = damage
    return found


class _Shelf:
    """The sound of a recording, loaded or opened where it is first referred to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events = str(path / EVENTS_FILE)
        self.sounds: dict[str, Samples] = {}
        self.tapes: dict[str, Tape] = {}
        self.formats: dict[str, MediaFormat] = {}

    def sound(self, name: str, place: str) -> Samples:
        """Return a file's samples."""
        if name not in self.sounds:
            self.sounds[name] = _load(self.path / name, place)
        return self.sounds[name]

    def tape(self, name: str, said: MediaFormat | None, place: str) -> Tape:
        """Return a file for frames, whose format must be known by now."""
        known = self.formats.setdefault(name, said) if said is not None else None
        if known is None:
            known = self.formats.get(name)
        if known is None:
            raise RecordingError(
                f"{place}: media.format: found nothing, expected it with the first run of {name}"
            )
        if said is not None and said != known:
            raise RecordingError(
                f"{place}: media.format: found {said.encoding} at {said.rate} Hz, expected as with "
                f"the first run of {name}: {known.encoding} at {known.rate} Hz"
            )
        if name not in self.tapes:
            try:
                self.tapes[name] = open_tape(self.path / name, known)
            except (AudioFileError, OSError) as error:
                raise RecordingError(f"{place}: media.file: {error}") from None
        return self.tapes[name]


def _lines(path: Path) -> tuple[list[bytes], str]:
    try:
        about = path.lstat()
        if not stat.S_ISREG(about.st_mode):
            raise RecordingError(f"{path}: expected a plain file")
        if about.st_size > MAX_EVENTS_BYTES:
            raise RecordingError(
                f"{path}: found {about.st_size:,} bytes, expected at most {MAX_EVENTS_BYTES:,}"
            )
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


def _check(number: int, event: RecordedEvent, header: Header, shelf: _Shelf) -> None:
    """Check what the types cannot say, and load the sound that is referred to."""
    place = f"{shelf.events}:{number}"
    if event.message and is_too_deep(event.message):
        raise RecordingError(f"{place}: message: expected at most {MAX_DEPTH} levels")
    end_ms = math.inf if header.duration_ms is None else header.duration_ms
    if event.t_ms > end_ms:
        raise RecordingError(
            f"{place}: t_ms: found {_plain(event.t_ms)}, expected at most the header's "
            f"duration_ms, {_plain(end_ms)}"
        )
    if event.leg in ("twilio", "vapi"):
        if event.direction is None:
            raise RecordingError(f"{place}: direction: expected 'in' or 'out', found nothing")
        if event.media is not None:
            _check_media(place, event, event.media, shelf)
        return
    if event.media is not None:
        raise RecordingError(
            f"{place}: media: found on leg {event.leg!r}, expected on 'twilio' or 'vapi'"
        )
    kinds = ("ended", "lost", "note") if event.leg == "call" else ("speaks",)
    if event.message.get("event") not in kinds:
        raise RecordingError(
            f"{place}: message.event: expected {' or '.join(map(repr, kinds))} on leg "
            f"{event.leg!r}, found {event.message.get('event')!r}"
        )
    if event.leg != "call":
        _check_speech(place, event, shelf)


def _check_media(place: str, event: RecordedEvent, run: MediaRun, shelf: _Shelf) -> None:
    if event.message:
        raise RecordingError(f"{place}: media: found beside a message, expected one of the two")
    fault = run.fault()
    if fault:
        raise RecordingError(f"{place}: media.{fault}")
    tape = shelf.tape(run.file, run.format, place)
    if run.start + run.size > tape.size:
        raise RecordingError(
            f"{place}: media: bytes {run.start} to {run.start + run.size} of {run.file}, which has "
            f"{tape.size}"
        )


def _check_speech(place: str, event: RecordedEvent, shelf: _Shelf) -> None:
    try:
        said = msgspec.convert(event.message, Speaks)
    except msgspec.ValidationError as error:
        raise RecordingError(f"{place}: message.{_explain(error, event.message)}") from None
    ref = said.sound
    length = len(shelf.sound(ref.file, place))
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
