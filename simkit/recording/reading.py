"""Reading: a recording is hostile until it was read here.

Sizes, names, types and ranges are checked, and an error names the file, the line, the field, what
was found and what was expected.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from ..audio import AudioFileError, Samples, files
from .decoding import NoRecordingError, decode, explained, read_lines
from .derived import open_tape
from .format import (
    EVENTS_FILE,
    MAX_DEPTH,
    Header,
    RecordedEvent,
    RecordingError,
    SoundRef,
    Speaks,
    is_too_deep,
)
from .media import Frame, MediaFormat, MediaRun, frames
from .tape import Tape

T = TypeVar("T")

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
        """What could not be read and is left out, in a sentence; empty: nothing."""
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
        damaged: leave out what cannot be read; ``damage`` tells what that is. A folder with sound
            of a call and nothing else will do.

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
    faults = _Faults(damaged)
    header = Header(source="", version=2)
    lines: list[bytes] = []
    cut_tail = ""
    try:
        cut_tail = read_lines(path, lines)
        header = decode(_header, lines[0], path / EVENTS_FILE, 1)
    except NoRecordingError:
        raise
    except RecordingError as error:
        faults.add(error)
    events: list[RecordedEvent] = []
    shelf = _Shelf(path)
    known: dict[int, int] = {}
    for number in range(2, len(lines) + 1):
        line, lines[number - 1] = lines[number - 1], b""
        try:
            event = decode(_event, line, path / EVENTS_FILE, number)
            _check(number, event, header, shelf)
        except RecordingError as error:
            faults.add(error)
            continue
        events.append(event)
        if event.media is not None and len(known) < _MOST_KNOWN:
            # Most steps are alike, and each number of its own takes 28 bytes.
            steps = event.media.after_us
            steps[:] = [known.setdefault(step, step) for step in steps]
    events.sort(key=lambda event: event.t_ms)
    found = Recording(
        path.resolve().name, header, events, shelf.sounds, shelf.tapes, shelf.formats, cut_tail
    )
    found.damage = str(faults)
    return found


class _Faults:
    """What is wrong with a recording: raised, or told if it ``is_borne``."""

    def __init__(self, is_borne: bool) -> None:
        self._is_borne = is_borne
        self._first = ""
        self._more = 0

    def add(self, error: RecordingError) -> None:
        if not self._is_borne:
            raise error
        self._more += bool(self._first)
        self._first = self._first or str(error)

    def __str__(self) -> str:
        lines = f"; {self._more} more line{'s' * (self._more > 1)} cannot be read"
        return self._first + (lines if self._more else "")


class _Shelf:
    """The sound of a recording, loaded or opened where it is first referred to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events = str(path / EVENTS_FILE)
        self.sounds: dict[str, Samples] = {}
        self.tapes: dict[str, Tape] = {}
        self.formats: dict[str, MediaFormat] = {}
        self._unreadable: dict[str, str] = {}

    def _open(self, name: str, opening: Callable[[Path], T], place: str) -> T:
        """Open a file, which is tried once."""
        if name not in self._unreadable:
            try:
                return opening(self.path / name)
            except (AudioFileError, OSError) as error:
                self._unreadable[name] = str(error)
        raise RecordingError(f"{place}: {self._unreadable[name]}")

    def sound(self, name: str, place: str) -> Samples:
        """Return a file's samples."""
        if name not in self.sounds:
            self.sounds[name] = self._open(name, _load, f"{place}: message.sound.file")
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
            opening = partial(open_tape, format=known)
            self.tapes[name] = self._open(name, opening, f"{place}: media.file")
        return self.tapes[name]


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
        raise RecordingError(f"{place}: message.{explained(error, event.message)}") from None
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


def _load(path: Path) -> Samples:
    if path.is_symlink() or not path.is_file():
        raise AudioFileError(f"there is no {path.name} beside it")
    return files.read(path)
