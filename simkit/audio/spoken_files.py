"""Speech from sound files: what is said in them, and when, where somebody wrote it down.

Beside ``hello.wav`` a file ``hello.json`` may tell::

    {"text": "hello there", "words": [["hello", 0.10, 0.42], ["there", 0.50, 0.90]]}

with each word's start and end in seconds. With ``text`` alone, words are timed by their letters.
With neither, nobody knows the words: they cannot be waited for nor transcribed, but what part of
the file was heard is known all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from .files import AudioFileError, read_any
from .mulaw import RATE, Samples
from .speech import Speech, Word, timed_by_letters

Timing = tuple[str, float, float]
"""A word, and its start and end in seconds."""


class _Sidecar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str | None = None
    words: list[Timing] | None = None


def read_speech(
    path: Path | str,
    *,
    text: str | None = None,
    words: Sequence[Timing] | None = None,
    channel: int | None = None,
) -> Speech:
    """Read what somebody says from a WAV or FLAC file of any rate.

    Args:
        path: the sound; what its ``.json`` says holds unless ``text`` or ``words`` are given.
        text: what is said; None: the words, or nobody knows.
        words: when each word is said.
        channel: which one of several, from 0.

    Raises:
        AudioFileError: the sound or the file beside it is missing, damaged or of another kind
            than expected; says what was found.
    """
    path = Path(path)
    samples = read_any(path, channel=channel)
    if not len(samples):
        raise AudioFileError(f"{path}: found no samples, expected sound")
    where = f"{path}: words"
    beside = path.with_suffix(".json")
    if text is None and words is None and beside.exists():
        sidecar = _read_sidecar(beside)
        text, words, where = sidecar.text, sidecar.words, f"{beside}: words"
    if words is not None:
        timed = _timed(words, samples, where)
        return Speech(text or " ".join(word.text for word in timed), samples, timed)
    if text is not None:
        return Speech(text, samples, timed_by_letters(text, samples))
    return Speech(f"[{path.name}]", samples, ())


def _read_sidecar(path: Path) -> _Sidecar:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Sidecar)
    except (OSError, msgspec.MsgspecError) as error:
        raise AudioFileError(
            f'{path}: {error}; expected {{"text": ..., "words": [["word", start, end], ...]}}'
        ) from None


def _timed(words: Sequence[Timing], samples: Samples, where: str) -> tuple[Word, ...]:
    """Check timings: in order, none empty, none beyond the sound."""
    timed: list[Word] = []
    limit = len(samples) / RATE
    before = 0.0
    for number, (text, start, end) in enumerate(words):
        if not before <= start < end <= limit:
            raise AudioFileError(
                f"{where}[{number}]: found {text!r} from {start} to {end} s, expected a start of "
                f"{before:g} s or more and an end after it, {limit:g} s at most"
            )
        timed.append(Word(text, round(start * RATE), round(end * RATE)))
        before = end
    return tuple(timed)
