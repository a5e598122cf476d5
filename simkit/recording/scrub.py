"""Scrubbing: what is personal or secret in a recording is replaced, and the call stays what it was.

The same thing becomes the same stand-in everywhere in a recording, so that what belongs together
still does. Scrubbing what was scrubbed changes nothing.
"""

from __future__ import annotations

import random
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ..audio import RATE, Samples, files, mulaw, voice
from ..audio.resample import at_rate
from ..wire.secrets import SECRET, SECRET_NAME
from . import finishing
from .conversion import Conversion
from .derived import ENDING as DERIVED
from .format import EVENTS_FILE, VERSION, Header, RecordedEvent, RecordingError, line_of
from .reading import Recording, read
from .report import draft_of
from .tape import RAW, RawTape
from .utterances import loud_stretches

TEXT = "word"
"""What stands for each word of free text."""
NOTE = "Voices were replaced."
"""In the header of a recording in which nobody's own voice is left."""

_TEXT_FIELDS = frozenset({"transcript", "text", "content", "output", "input", "message", "result"})
_KIND = {"event", "type", "role", "status", "transcriptType", "encoding", "format"}
"""Fields whose values are the protocols' own words."""


@dataclass(frozen=True)
class _Pattern:
    """Something to look for in texts."""

    name: str
    found: re.Pattern[str]
    stand_in: Callable[[str, int], str]
    """Makes what stands for the n-th different one."""
    is_stand_in: re.Pattern[str]


def _sid(text: str, number: int) -> str:
    return f"{text[:2]}{number:032x}"


_PATTERNS = [
    _Pattern(
        "e-mail address",
        re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
        lambda _, number: f"person{number}@example.com",
        re.compile(r"person\d+@example\.com"),
    ),
    _Pattern(
        "key",
        re.compile(
            r"\bBearer\s+[A-Za-z0-9._~+/=-]{8,}|\b(?:sk|pk|rk|ghp|xox[abp])[-_][A-Za-z0-9_-]{12,}"
            r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
        ),
        lambda _, __: SECRET,
        re.compile(re.escape(SECRET)),
    ),
    _Pattern(
        "signed URL",
        re.compile(r"(?<=\?)[^\s\"'?]*(?:[Ss]ignature|[Tt]oken|[Kk]ey|[Ss]ecret)=[^\s\"']*"),
        lambda _, __: SECRET,
        re.compile(re.escape(SECRET)),
    ),
    _Pattern(
        "SID",
        re.compile(r"\b(?:AC|CA|MZ|PN|RE|SK|AP|CR|RQ)[0-9a-f]{32}\b"),
        _sid,
        re.compile(r"[A-Z]{2}0{24}[0-9a-f]{8}"),
    ),
    _Pattern(
        "UUID",
        re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
        lambda _, number: f"00000000-0000-4000-8000-{number:012x}",
        re.compile(r"0{8}-0{4}-4000-8000-[0-9a-f]{12}"),
    ),
    _Pattern(
        "phone number",
        re.compile(
            r"(?<![\w.])\+\d[\d\s().-]{6,18}\d(?![\w])"
            r"|(?<![\w.+-])\(?[2-9]\d\d\)?[\s.-][2-9]\d\d[\s.-]\d{4}(?![\w])"
        ),
        lambda _, number: f"+1555{100 + number % 100:04d}",
        re.compile(r"\+155501\d\d"),
    ),
]


@dataclass
class Scrubbed:
    """What was replaced."""

    counts: Counter[str] = field(default_factory=Counter)
    """How many of each kind."""
    voices: int = 0
    """Stretches of speech whose voice was replaced."""

    def __str__(self) -> str:
        found = [
            f"{count} {name}{'' if count == 1 else 'es' if name.endswith('s') else 's'}"
            for name, count in self.found()
        ]
        return ", ".join(found) or "nothing"

    def found(self) -> Iterator[tuple[str, int]]:
        """Yield kinds and their numbers, in the order of the alphabet."""
        yield from sorted(self.counts.items())
        if self.voices:
            yield "utterance", self.voices


class Scrubber:
    """Replaces what is personal or secret in texts, the same everywhere.

    Args:
        names: words to replace besides, in any case.
        text: replace every word that somebody said, too.

    >>> scrubber = Scrubber(names=["Ada"])
    >>> scrubber.text("Ada called from +49 30 123456, and Ada again")
    '[name 1] called from +15550101, and [name 1] again'
    """

    def __init__(self, *, names: Iterable[str] = (), text: bool = False) -> None:
        self.counts: Counter[str] = Counter()
        self._stand_ins: dict[tuple[str, str], str] = {}
        self._numbers: Counter[str] = Counter()
        self._all_text = text
        wanted = sorted({name for name in names if name.strip()}, key=len, reverse=True)
        self._names = (
            re.compile("|".join(rf"\b{re.escape(name)}\b" for name in wanted), re.IGNORECASE)
            if wanted
            else None
        )

    def text(self, text: str) -> str:
        """Return a text without what is personal or secret."""
        for pattern in _PATTERNS:
            text = pattern.found.sub(lambda match, p=pattern: self._of(p, match[0]), text)  # type: ignore[misc]
        if self._names is not None:
            text = self._names.sub(self._name, text)
        return text

    def _of(self, pattern: _Pattern, found: str) -> str:
        if pattern.is_stand_in.fullmatch(found):
            return found
        return self._stand_in(pattern.name, found, pattern.stand_in)

    def _name(self, match: re.Match[str]) -> str:
        return self._stand_in("name", match[0].lower(), lambda _, number: f"[name {number}]")

    def _stand_in(self, kind: str, found: str, make: Callable[[str, int], str]) -> str:
        self.counts[kind] += 1
        if (kind, found) not in self._stand_ins:
            self._numbers[kind] += 1
            self._stand_ins[kind, found] = make(found, self._numbers[kind])
        return self._stand_ins[kind, found]

    def value(self, value: Any, name: str = "") -> Any:
        """Return a value of a message, at any depth, without what is personal or secret."""
        if isinstance(value, dict):
            return {key: self.value(inner, key) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(inner, name) for inner in value]
        if not isinstance(value, str) or not value or name in _KIND:
            return value
        if SECRET_NAME.search(name) and value != SECRET:
            self.counts["secret field"] += 1
            return SECRET
        if self._all_text and name in _TEXT_FIELDS:
            return self._words(value)
        return self.text(value)

    def _words(self, text: str) -> str:
        words = text.split()
        new = " ".join(TEXT for _ in words)
        if new != text:
            self.counts["said word"] += sum(word != TEXT for word in words)
        return new

    def event(self, event: RecordedEvent) -> RecordedEvent:
        """Return an event without what is personal or secret."""
        message = event.message
        if event.leg in ("caller", "agent"):
            words = [
                (self._words(word) if self._all_text else self.text(word), start, end)
                for word, start, end in message.get("words", [])
            ]
            said = self.value(message["text"], "text")
            return msgspec.structs.replace(event, message={**message, "text": said, "words": words})
        return msgspec.structs.replace(event, message=self.value(message))

    def header(self, header: Header) -> Header:
        """Return a header without what is personal or secret."""
        return msgspec.structs.replace(
            header,
            source=self.text(header.source),
            from_=self.text(header.from_),
            to=self.text(header.to),
            notes=[self.text(note) for note in header.notes],
        )


def scrub(
    folder: Path,
    output: Path,
    *,
    names: Iterable[str] = (),
    text: bool = False,
    voices: bool = False,
) -> Scrubbed:
    """Make a scrubbed copy of a recording.

    Args:
        folder: the recording.
        output: where the copy goes; must not exist.
        names: words to replace besides, in any case.
        text: replace every word that somebody said by another.
        voices: replace every stretch of speech by synthetic speech of the same length and place,
            and what is between by silence.

    Raises:
        RecordingError: the recording cannot be read, or the copy not be written.
    """
    recording = read(folder)
    scrubber = Scrubber(names=names, text=text)
    header = scrubber.header(recording.header)
    if NOTE in header.notes:
        voices = False
    if voices:
        notes = [*header.notes, NOTE]
        header = msgspec.structs.replace(header, notes=notes, version=VERSION)
    lines = [line_of(header), *(line_of(scrubber.event(event)) for event in recording.events)]
    result = Scrubbed(scrubber.counts)
    with draft_of(output) as draft:
        draft.mkdir()
        (draft / EVENTS_FILE).write_bytes(b"".join(lines))
        for name in sorted({*recording.sounds, *recording.formats}):
            if voices:
                result.voices += _other_voice(recording, folder / name, draft / name)
            else:
                _copy(folder / name, draft / name)
        finishing.finish(draft, recording.formats if voices else {})
    return result


def _copy(source: Path, target: Path) -> None:
    """Copy a sound file, or what is in its place."""
    raw = source.with_suffix(RAW)
    for path in [raw] if raw.exists() else [source, source.with_suffix(DERIVED)]:
        if path.exists():
            shutil.copyfile(path, target.with_suffix(path.suffix))


def _other_voice(recording: Recording, source: Path, target: Path) -> int:
    """Write a sound file with another voice in it; returns in how many stretches."""
    form = recording.formats.get(source.name)
    if form is None:
        new, count = _spoken_over(recording.sounds[source.name], RATE, source.stem)
        files.write(target, new)
        return count
    tape = recording.tape(source.name)
    if isinstance(tape, RawTape) and tape.size:
        raise RecordingError(f"{source.parent}: is not finished; its voices cannot be replaced")
    data = tape.read(0, tape.size) + bytes(tape.size % form.width)
    new, count = _spoken_over(Conversion(form, form).samples(data), form.rate, source.stem)
    data = mulaw.encode(new) if form.encoding == "mulaw" else new.astype("<i2").tobytes()
    target.with_suffix(RAW).write_bytes(data)
    return count


def _spoken_over(sound: Samples, rate: int, seed: str) -> tuple[Samples, int]:
    """Return silence with another voice where there was one, and in how many stretches."""
    new: Samples = np.zeros_like(sound)
    draw = random.Random(seed)
    stretches = list(loud_stretches(sound, rate))
    for start, end in stretches:
        seconds = (end - start) / rate
        words = max(1, min(round(seconds * 3), int(seconds / voice.SHORTEST_WORD_S)))
        spoken = voice.speak(" ".join([TEXT] * words), draw, seconds=seconds)
        samples = spoken.samples if rate == RATE else at_rate(spoken.samples, rate)
        new[start:end] = np.resize(samples, end - start)
    return new, len(stretches)


def findings(recording: Recording) -> Counter[str]:
    """Return what looks personal or secret in a recording: how many of each kind."""
    scrubber = Scrubber()
    scrubber.header(recording.header)
    for event in recording.events:
        scrubber.event(event)
    return scrubber.counts
