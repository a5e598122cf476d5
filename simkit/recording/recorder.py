"""Writing while the call goes on: append-only, so that a crash loses little. Or all at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from msgspec.structs import replace

from ..audio import AudioFileError, Samples, files
from . import finishing, tape
from .format import EVENTS_FILE, VERSION, Header, RecordedEvent, RecordingError, line_of
from .media import UNNUMBERED, Folding, MediaFormat, MediaRun, Numbers
from .reading import read
from .report import draft_of

Leg = Literal["twilio", "vapi"]
Direction = Literal["in", "out"]

FILES: dict[tuple[Leg, Direction], str] = {
    ("twilio", "in"): "caller",
    ("twilio", "out"): "agent",
    ("vapi", "out"): "to-vapi",
    ("vapi", "in"): "from-vapi",
}
"""What the sound of each way is called."""

_PATIENCE_NS = 1_000_000_000
"""Frames that are older are written, whether more of them come or not."""


class Recorder:
    """Takes down a call as it happens.

    Every line is written in one piece, after the audio that it refers to. A crash at any byte
    loses at most the last line; :func:`simkit.recording.read` reads what is there, :func:`recover`
    finishes it.

    Args:
        folder: made here; must not exist.
        header: the first line.
        origin: how what is taken down is known.

    Raises:
        RecordingError: the folder exists, or cannot be made.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     recorder = Recorder(place + "/call", Header(source="a test"))
    ...     recorder.frame(0, "twilio", "in", bytes(160), MediaFormat("mulaw", 8000))
    ...     recorder.message(5_000_000, "twilio", "out", {"event": "clear"})
    ...     recorder.finish(20_000_000)
    ...     len(read(place + "/call").events), read(place + "/call").duration_ms
    (3, 20.0)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        header: Header,
        *,
        origin: Literal["captured", "log", "inferred"] = "captured",
    ) -> None:
        self.path = Path(folder)
        self._origin = origin
        self.bytes_written = 0
        """In all files, so far."""
        self._ways: dict[tuple[Leg, Direction, MediaFormat], _Way] = {}
        self._latest: dict[tuple[Leg, Direction], _Way] = {}
        self._is_finished = False
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.mkdir()
            self._events = _append_to(self.path / EVENTS_FILE)
            self._write(self._events, line_of(replace(header, version=VERSION)))
        except FileExistsError:
            raise RecordingError(
                f"{self.path}: exists already; choose another name or remove it"
            ) from None
        except OSError as error:
            raise RecordingError(f"{self.path}: {error.strerror}") from None

    def message(self, t_ns: int, leg: Leg, direction: Direction, message: dict[str, Any]) -> None:
        """Take down a message.

        Args:
            t_ns: since the recording's begin.
            leg: whose.
            direction: ``in`` reaches the bridge, ``out`` leaves it.
            message: as JSON; it is read here and not kept.

        Raises:
            OSError: it cannot be written.
            ValueError: it holds what JSON cannot.
        """
        self._line(t_ns, leg, direction, message)
        self._write_old_frames(t_ns)

    def note(self, t_ns: int, text: str) -> None:
        """Say something to the reader.

        Raises:
            OSError: it cannot be written.
        """
        self._line(t_ns, "call", None, {"event": "note", "text": text})

    def frame(
        self,
        t_ns: int,
        leg: Leg,
        direction: Direction,
        data: bytes,
        format: MediaFormat,  # noqa: A002
        numbers: Numbers = UNNUMBERED,
    ) -> None:
        """Take down a frame of audio; it is written within a second, or with the next call here.

        Raises:
            OSError: it cannot be written.
        """
        way = self._ways.get((leg, direction, format))
        if way is None:
            way = self._new_way(leg, direction, format)
        before = self._latest.get((leg, direction))
        if before is not way:
            if before is not None:  # of another format: what follows comes after it
                before.flush(self)
            self._latest[leg, direction] = way
        way.take(self, t_ns, data, numbers)
        self._write_old_frames(t_ns)

    def finish(self, t_ns: int, *, lost: str = "") -> None:
        """End the recording: the sound becomes FLAC. May be called twice.

        Args:
            t_ns: when.
            lost: why what came later is missing; empty when it is the call's end.

        Raises:
            RecordingError: the sound cannot be written; it stays as it was captured.
            OSError: the events cannot be written.
        """
        if self._is_finished:
            return
        self._is_finished = True
        try:
            for way in self._ways.values():
                way.flush(self)
            end = {"event": "lost", "reason": lost} if lost else {"event": "ended"}
            self._line(t_ns, "call", None, end)
        finally:
            self.abandon()
        ways = self._ways.values()
        _to_flac(self.path, {way.path.with_suffix(".flac").name: way.format for way in ways})

    def abandon(self) -> None:
        """Close the files as they are, as a crash would leave them."""
        self._is_finished = True
        for way in self._ways.values():
            way.close()
        if self._events >= 0:
            os.close(self._events)
            self._events = -1

    def _new_way(self, leg: Leg, direction: Direction, format: MediaFormat) -> _Way:  # noqa: A002
        name = FILES[leg, direction]
        count = sum(way.leg == leg and way.direction == direction for way in self._ways.values())
        if count:  # of another format: a file of its own
            name = f"{name}-{count + 1}"
        way = self._ways[leg, direction, format] = _Way(leg, direction, self.path / name, format)
        return way

    def _write_old_frames(self, now_ns: int) -> None:
        for way in self._ways.values():
            if way.oldest_ns is not None and now_ns - way.oldest_ns >= _PATIENCE_NS:
                way.flush(self)

    def _line(
        self,
        t_ns: int,
        leg: Leg | Literal["call"],
        direction: Direction | None,
        message: dict[str, Any],
        media: MediaRun | None = None,
    ) -> None:
        event = RecordedEvent(
            t_ms=t_ns / 1e6,
            leg=leg,
            direction=direction,
            message=message,
            media=media,
            origin=self._origin,
        )
        self._write(self._events, line_of(event))

    def _write(self, file: int, data: bytes) -> None:
        while data:
            written = os.write(file, data)
            self.bytes_written += written
            data = data[written:]


class _Way:
    """The frames of one leg in one direction."""

    def __init__(
        self,
        leg: Leg,
        direction: Direction,
        stem: Path,
        format: MediaFormat,  # noqa: A002
    ) -> None:
        self.leg, self.direction, self.format = leg, direction, format
        self.path = stem.with_suffix(tape.RAW)
        self._file = _append_to(self.path)
        self._folding = Folding(f"{stem.name}.flac", format)
        self._audio: list[bytes] = []
        self.oldest_ns: int | None = None
        """Of the frames that are not written yet."""

    def take(self, recorder: Recorder, t_ns: int, data: bytes, numbers: Numbers) -> None:
        complete = self._folding.add(t_ns, len(data), numbers)
        if complete is not None:
            self._put(recorder, *complete)
        if self.oldest_ns is None:
            self.oldest_ns = t_ns
        self._audio.append(data)

    def flush(self, recorder: Recorder) -> None:
        rest = self._folding.take()
        if rest is not None:
            self._put(recorder, *rest)

    def _put(self, recorder: Recorder, t_ns: int, run: MediaRun) -> None:
        data, self._audio, self.oldest_ns = b"".join(self._audio), [], None
        recorder._write(self._file, data)
        recorder._line(t_ns, self.leg, self.direction, {}, run)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _append_to(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)


def _to_flac(folder: Path, formats: dict[str, MediaFormat]) -> None:
    try:
        finishing.finish(folder, formats)
    except AudioFileError as error:
        raise RecordingError(str(error)) from None


def recover(folder: str | os.PathLike[str]) -> str:
    """Finish a recording that a crash left; returns the beginning of the line that it cut.

    A recording that is finished stays as it is.

    Raises:
        RecordingError: it cannot be read, or not be written.
    """
    recording = read(folder)
    path = Path(folder)
    events = path / EVENTS_FILE
    ended = any(
        event.leg == "call" and event.message["event"] != "note" for event in recording.events
    )
    try:
        if recording.cut_tail or not ended:
            whole = events.read_bytes()
            whole = whole[: whole.rindex(b"\n") + 1]
            if not ended and recording.header.duration_ms is None:
                end = RecordedEvent(
                    t_ms=recording.duration_ms,
                    leg="call",
                    message={"event": "ended"},
                    origin="inferred",
                )
                whole += line_of(end)
            draft = events.with_name(f".{events.name}.part")
            draft.write_bytes(whole)
            draft.replace(events)
    except OSError as error:
        raise RecordingError(f"{events}: {error.strerror}") from None
    _to_flac(path, recording.formats)
    return recording.cut_tail


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
    with draft_of(Path(folder)) as draft:
        draft.mkdir()
        ordered = sorted(events, key=lambda event: event.t_ms)
        lines = [line_of(header), *(line_of(event) for event in ordered)]
        (draft / EVENTS_FILE).write_bytes(b"".join(lines))
        for name, samples in sounds.items():
            files.write(draft / name, samples)
