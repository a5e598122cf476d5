"""Files of many kinds become recordings: recognised by what is in them, or told."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import msgspec

from . import seed_logs, streamdouble, twilio_log, vapi_call
from .format import EVENTS_FILE, RecordingError
from .import_log import Voice, import_log
from .import_vapi import import_account, import_sound
from .report import ImportReport

Kind = Literal["event-log", "twilio-log", "streamdouble", "vapi-call", "vapi-log", "sound"]
"""Transcripts and flushes as two articles print them; Twilio's messages, one a line; a trace of
streamdouble's; Vapi's ``GET /call``; its call log; a stereo sound file."""
KINDS: tuple[Kind, ...] = get_args(Kind)

MAX_BYTES = 1024 * 1024 * 1024
"""Of a file: four hours of Twilio's messages, or of stereo sound, have half of it."""
_LOOKED_AT = 64 * 1024
_MP3 = (b"ID3", *(b"\xff" + bytes([kind]) for kind in (0xE2, 0xE3, 0xF2, 0xF3, 0xFA, 0xFB)))
_SOUND = (b"RIFF", b"fLaC", b"RF64", b"OggS", *_MP3)
_SHOWN = 40


def import_files(
    paths: Sequence[Path],
    folder: Path,
    *,
    kind: Kind | None = None,
    speaker: Voice = "synthetic",
    swapped: bool = False,
) -> ImportReport:
    """Make a recording of a file; of Vapi's account and a stereo sound of the same call, of both.

    Args:
        paths: one file, or an account and a sound.
        folder: where the recording goes; must not exist.
        kind: what the file, or the account, is; None: it is recognised.
        speaker: who speaks where an event log tells words only.
        swapped: in a sound alone, the agent is on the left.

    Raises:
        RecordingError: a file cannot be read, is of no known kind, or the folder exists.
        EspeakError: espeak-ng is not to be had.
    """
    for path in paths:
        _refuse_other_than_files(path)
    kinds = [recognise(path) for path in paths] if kind is None or len(paths) > 1 else [kind]
    if len(paths) == 2 and "sound" in kinds:
        sound = paths[kinds.index("sound")]
        path = paths[1 - kinds.index("sound")]
        kind = kind or kinds[1 - kinds.index("sound")]
    elif len(paths) == 1:
        sound, path, kind = None, paths[0], kinds[0]
    else:
        raise RecordingError(
            f"{paths[-1]}: {len(paths)} files of the kinds {', '.join(kinds)}; expected one, or "
            "Vapi's account of a call and its stereo sound"
        )
    if kind in ("vapi-call", "vapi-log"):
        report = ImportReport(str(folder), "call of Vapi's")
        read = vapi_call.read_call if kind == "vapi-call" else vapi_call.read_log
        source = f"{'call' if kind == 'vapi-call' else 'call log'} {path.name}"
        return import_account(read(path, report), sound, folder, report, source)
    if sound is not None:
        raise RecordingError(f"{sound}: a sound is of use beside Vapi's account, not a {kind}")
    if kind == "sound":
        return import_sound(path, folder, swapped=swapped)
    if kind == "twilio-log":
        return twilio_log.import_twilio_log(path, folder)
    if kind == "streamdouble":
        return streamdouble.import_trace(path, folder)
    report = ImportReport(str(folder), "event log")
    report.messages = import_log(path, folder, speaker=speaker)
    return report


def _refuse_other_than_files(path: Path) -> None:
    """Raise for a pipe, from which nothing may ever come, and for a file that fills the memory."""
    try:
        about = path.stat()
    except (OSError, ValueError) as error:
        raise RecordingError(f"{path}: {getattr(error, 'strerror', error)}") from None
    recorded = path if path.is_dir() else path.absolute().parent
    if (path.is_dir() or path.name == EVENTS_FILE) and _is_recording(recorded / EVENTS_FILE):
        raise RecordingError(
            f"{path}: a recording already; replay it with: simkit replay {recorded}"
        )
    if path.is_dir():
        raise RecordingError(f"{path}: found a folder, expected a file; name the files in it")
    if not stat.S_ISREG(about.st_mode):
        raise RecordingError(f"{path}: expected a plain file")
    if about.st_size > MAX_BYTES:
        raise RecordingError(
            f"{path}: found {about.st_size:,} bytes, expected at most {MAX_BYTES:,}"
        )


def recognise(path: Path) -> Kind:
    """Tell what a file is by its beginning.

    Raises:
        RecordingError: it cannot be read, or is nothing that is known.
    """
    try:
        with path.open("rb") as file:
            begin = file.read(_LOOKED_AT)
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from None
    if begin.startswith(_SOUND):
        return "sound"
    if begin.startswith(b"\x1f\x8b"):  # gzip
        begin = vapi_call.read_file(path)[:_LOOKED_AT]
    for line in begin.decode("utf-8", "replace").splitlines():
        if streamdouble.looks_like(line):
            return "streamdouble"
        if twilio_log.looks_like(line):
            return "twilio-log"
        if vapi_call.is_log_row(_json(line)):
            return "vapi-log"
        if seed_logs.looks_like(line):
            return "event-log"
    if begin.lstrip().startswith(b"{") and vapi_call.is_call(_json(vapi_call.read_file(path))):
        return "vapi-call"
    raise RecordingError(
        f"{path}: of no known kind: {_told(begin)}. Expected what Vapi keeps of a call, a log of "
        "Twilio's messages or of events, a trace of streamdouble's, or a sound; if it is one, say "
        f"which with --kind: {', '.join(KINDS)}"
    )


def _told(begin: bytes) -> str:
    """Say what a file begins with, for an error."""
    text = begin.decode("utf-8", "replace").strip()
    if not text:
        return "there is nothing in it"
    found = _json(begin)
    if isinstance(found, list):
        return "a list in JSON, of which one object may be what is meant"
    if isinstance(found, dict):
        return f"an object in JSON with the keys {', '.join(map(repr, found)) or '(none)'}"[:200]
    if "\0" in text or text.count("\N{REPLACEMENT CHARACTER}") > len(text) // 20:
        return "no text"
    return f"it begins with {text.splitlines()[0][:_SHOWN]!r}"


def _is_recording(events: Path) -> bool:
    """Tell whether a file begins as the first of a recording does."""
    try:
        with events.open("rb") as file:
            return b'"simkit-recording"' in file.readline(_LOOKED_AT)
    except OSError:
        return False


def _json(data: str | bytes) -> object:
    try:
        found: object = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    return found
