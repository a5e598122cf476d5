"""Splicing: lines of one recording, or of several, become another; their audio is copied along."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from ..audio import AudioFileError, Samples, files
from . import finishing, tape
from .format import EVENTS_FILE, VERSION, Header, RecordedEvent, RecordingError, line_of
from .media import Frame, MediaFormat, MediaRun, frames
from .reading import Recording
from .report import draft_of


@dataclass(frozen=True)
class Piece:
    """A line of a recording that is taken over."""

    event: RecordedEvent
    recording: Recording
    """Where its audio lies."""


def instant(event: RecordedEvent) -> int:
    """Return when an event was, in ns."""
    return round(event.t_ms * 1e6)


def frames_in(event: RecordedEvent) -> list[Frame]:
    """Return the frames of an event; none where it holds a message."""
    return [] if event.media is None else list(frames(instant(event), event.media))


def trimmed(event: RecordedEvent, from_ns: int, to_ns: int) -> RecordedEvent | None:
    """Return a run's frames from one instant on and before another; None: there are none."""
    known = frames_in(event)
    first = bisect_left(known, from_ns, key=lambda frame: frame.t_ns)
    last = bisect_left(known, to_ns, key=lambda frame: frame.t_ns)
    return sliced(event, first, last) if first < last else None


def sliced(event: RecordedEvent, first: int, last: int) -> RecordedEvent:
    """Return some frames of a run, from one number on and before another."""
    run, known = event.media, frames_in(event)
    if run is None or last - first == len(known):
        return event
    numbers = known[first].numbers
    part = replace(
        run,
        start=known[first].start,
        sizes=run.sizes if isinstance(run.sizes, int) else run.sizes[first:last],
        after_us=run.after_us[first : last - 1],
        sequence=numbers.sequence,
        chunk=numbers.chunk,
        timestamp=numbers.timestamp,
    )
    return replace(event, t_ms=known[first].t_ns / 1e6, media=part)


def splice(
    folder: Path, header: Header, pieces: Iterable[Piece], sounds: dict[str, Samples]
) -> None:
    """Write a recording of pieces, which are in order of time, and of sounds of people.

    Raises:
        RecordingError: the folder exists already, cannot be written, or what was given would be
            refused when it is read.
    """
    with draft_of(folder) as draft:
        draft.mkdir()
        reels = _Reels(draft, set(sounds))
        with (draft / EVENTS_FILE).open("wb") as lines:
            lines.write(line_of(replace(header, version=VERSION)))
            for piece in pieces:
                event = piece.event
                if event.media is not None:
                    event = replace(event, media=reels.copied(event.media, piece.recording))
                lines.write(line_of(event))
        try:
            reels.finish()
            for name, samples in sounds.items():
                files.write(draft / name, samples)
        except AudioFileError as error:
            raise RecordingError(str(error)) from None


class _Reels:
    """The audio of frames, in the files that are being made."""

    def __init__(self, folder: Path, taken: set[str]) -> None:
        self._folder = folder
        self._taken = taken
        self._reels: dict[tuple[str, MediaFormat], _Reel] = {}

    def copied(self, run: MediaRun, recording: Recording) -> MediaRun:
        """Copy the audio of a run; returns the run as it refers to the copy."""
        form = recording.formats[run.file]
        reel = self._reels.get((run.file, form))
        said = None
        if reel is None:
            reel = self._reels[run.file, form] = _Reel(self._free(run.file), form)
            said = form
        return replace(
            run, file=reel.name, start=reel.take(run, recording, self._folder), format=said
        )

    def _free(self, name: str) -> str:
        """Return a name that no other file has."""
        stem, number = name.removesuffix(".flac"), 2
        while name in self._taken:
            name, number = f"{stem[:58]}-{number}.flac", number + 1
        self._taken.add(name)
        return name

    def finish(self) -> None:
        """Make FLAC files."""
        finishing.finish(self._folder, {reel.name: reel.format for reel in self._reels.values()})


class _Reel:
    """A file in the making."""

    def __init__(self, name: str, format: MediaFormat) -> None:  # noqa: A002
        self.name, self.format = name, format
        self._size = 0
        self._source: tuple[Recording, str, int] | None = None  # where the next frame would lie

    def take(self, run: MediaRun, recording: Recording, folder: Path) -> int:
        """Append the audio of a run; returns where its first byte lies."""
        width = self.format.width
        begins, fill = run.start, 0
        if self._source != (recording, run.file, run.start):
            # Samples stay whole, as frames may end within one.
            begins -= run.start % width
            fill = -self._size % width
        data = bytes(fill) + recording.tape(run.file).read(begins, run.start + run.size - begins)
        with (folder / self.name).with_suffix(tape.RAW).open("ab") as raw:
            raw.write(data)
        start = self._size + fill + run.start - begins
        self._size += len(data)
        self._source = (recording, run.file, run.start + run.size)
        return start
