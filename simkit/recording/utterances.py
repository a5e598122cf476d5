"""What people said in a recording: as it tells, or found in the audio that went over the wires.

A captured call holds frames and messages, nobody's utterances. Where somebody spoke is found by
loudness; what was said comes from the transcripts that came after it; where its words lie is
shared out by letters. Everything found so is inferred, and good for a replay in which the far end
answers anew.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..audio import RATE, Samples, Speech, Word, mulaw, spool
from ..audio.speech import timed_by_letters
from .conversion import Conversion
from .format import RecordingError
from .media import TWILIO_STEP_MS, Frame, MediaFormat
from .media import frames as frames_of_run
from .reading import Recording

Person = Literal["caller", "agent"]

_TELEPHONE = MediaFormat("mulaw", RATE)

UNKNOWN = "unclear"
"""Stands for the words of an utterance that no transcript tells."""

_LOUD = 4.0
"""How many times the room's own noise an utterance is louder than."""
FLOOR = 60.0
"""Level (root of the mean square) below which nothing is speech."""
_PAUSE_BLOCKS = 20
"""400 ms: a longer silence ends an utterance."""
_SHORTEST_BLOCKS = 4
"""80 ms: less is a click."""
_AT_ONCE = 3000
"""Blocks whose loudness is computed together: a minute."""
_EDGE_BLOCKS = 2
"""40 ms kept around what is loud: the soft begin and end of words."""
_AHEAD = RATE // 10
"""Samples of audio that was sent ahead of its time, and not a little early."""
_LOOKED_AT_NS = 2_000_000_000


@dataclass(frozen=True)
class Utterance:
    """Something said."""

    t_ms: float
    """Of its first sample."""
    speech: Speech

    @property
    def spoken_until_ms(self) -> float:
        """The end of its last word."""
        return self.t_ms + self.speech.spoken * 1000 / RATE


def utterances(
    recording: Recording, person: Person, sound: Samples | None = None
) -> list[Utterance]:
    """Return what a person said, in order.

    Args:
        recording: the call.
        person: whose.
        sound: what :func:`track` returned, if that is known already.
    """
    told = recording.speech(person)
    if told:
        return [
            Utterance(
                event.t_ms,
                Speech(
                    said.text,
                    recording.sound(said.sound),
                    tuple(Word(text, start, end) for text, start, end in said.words),
                ),
            )
            for event, said in told
        ]
    laid = Laid(recording)
    sound = _track(recording, person, laid) if sound is None else sound
    places = list(loud_stretches(sound, breaks=laid.breaks))
    texts = _texts(recording, person, [start * 1000 / RATE for start, _ in places])
    found = []
    for (start, end), text in zip(places, texts, strict=True):
        # Not the whole side of the call with it, if that is in memory.
        samples = sound[start:end] if spool.is_on_disk(sound) else sound[start:end].copy()
        speech = Speech(text, samples, timed_by_letters(text, samples))
        spool.forget()
        found.append(Utterance(start * 1000 / RATE, speech))
    return found


def track(recording: Recording, person: Person) -> Samples:
    """Return a person's side of the whole call, 8 kHz; sample 0 is the recording's begin.

    Raises:
        RecordingError: it lies in several sound files.
    """
    return _track(recording, person, Laid(recording))


def _track(recording: Recording, person: Person, laid: Laid) -> Samples:
    names = {said.sound.file for _, said in recording.speech(person)}
    if len(names) > 1:
        raise RecordingError(
            f"{recording.name}: the {person} speaks in {len(names)} sound files, expected one that "
            f"holds the {person}'s side of the call"
        )
    if names:
        return recording.sounds[names.pop()]
    sound = spool.silence(round(recording.duration_ms * RATE / 1000))
    pieces = _caller_pieces(recording) if person == "caller" else _agent_pieces(recording, laid)
    kept = 0
    for start, samples in pieces:
        if start in laid.breaks:
            sound[start:] = 0  # what was cut off, and is not yet over
        room = max(0, len(sound) - start)
        sound[start : start + len(samples)] = samples[:room]
        kept += len(samples)
        if kept > _AT_ONCE * RATE // 50:
            spool.forget()
            kept = 0
    return sound


def since(sound: Samples, t_ns: int) -> Samples:
    """Return a side of the call from an instant on, with silence from before it began.

    >>> since(np.array([1, 2, 3], np.int16), 125_000).tolist()
    [2, 3]
    >>> since(np.array([1, 2, 3], np.int16), -125_000).tolist()
    [0, 1, 2, 3]
    """
    count = _samples(abs(t_ns))
    if t_ns >= 0:
        return sound[count:]
    found = spool.silence(count + len(sound))
    found[count:] = sound
    return found


class Laid:
    """The agent's audio as it would have sounded had nobody cut it off: one after the other.

    After a clear what comes next begins when it comes, in place of what was cut off.
    """

    def __init__(self, recording: Recording) -> None:
        clears = recording.messages("twilio", "out", "clear")
        self._clears = deque(_samples(round(event.t_ms * 1e6)) for event in clears)
        self._end = 0
        self.breaks: set[int] = set()
        """Samples at which something else begins before what was cut off would have been over."""

    def place(self, t_ns: int, size: int) -> int:
        """Return the first sample of a frame of so many, which came then."""
        start = _samples(t_ns)
        while self._clears and self._clears[0] <= start:
            if self._end > self._clears.popleft() and self._end > start + _AHEAD:
                self._end = start
                self.breaks.add(start)
        start = max(self._end, start)
        self._end = start + size
        return start


def _caller_pieces(recording: Recording) -> Iterator[tuple[int, Samples]]:
    """Yield the caller's frames with the sample at which each was spoken: by Twilio's timestamp.

    Frames of a run that are as long as their timestamps are apart are one piece.
    """
    origin = _samples(first_frame_ns(recording) or 0)
    first: Frame | None = None
    expected = 0
    for event in recording.events:
        run = event.media
        if run is None or (event.leg, event.direction) != ("twilio", "in"):
            continue
        form = recording.formats[run.file]
        is_whole = run.timestamp is not None and run.sizes == form.rate * TWILIO_STEP_MS // 1000
        if is_whole and run.count > 1 and form.encoding == "mulaw":
            data = recording.tape(run.file).read(run.start, run.size)
            known: Iterable[tuple[Frame, bytes]] = [
                (next(frames_of_run(round(event.t_ms * 1e6), run)), data)
            ]
        else:
            known = recording.frames_of(event)
        for frame, data in known:
            first = first or frame
            stamp, first_stamp = frame.numbers.timestamp, first.numbers.timestamp
            if stamp is None or first_stamp is None:
                start = max(expected, origin)
            else:
                start = max(0, origin + (stamp - first_stamp) * RATE // 1000)
            expected = start + len(data)
            yield start, mulaw.decode(data)


def first_frame_ns(recording: Recording) -> int | None:
    """Return when the caller's first frame must have been at the bridge; None: there is none.

    A program that was busy took its first frames late, and then several at once. By their
    timestamps those of the first two seconds tell how late.
    """
    found: int | None = None
    first: Frame | None = None
    for event in recording.events:
        if event.media is None or (event.leg, event.direction) != ("twilio", "in"):
            continue
        for frame in frames_of_run(round(event.t_ms * 1e6), event.media):
            first = first or frame
            found = frame.t_ns if found is None else found
            stamp, first_stamp = frame.numbers.timestamp, first.numbers.timestamp
            if frame.t_ns - first.t_ns > _LOOKED_AT_NS:
                return found
            if stamp is not None and first_stamp is not None:
                found = min(found, frame.t_ns - (stamp - first_stamp) * 1_000_000)
    return None if found is None else max(0, found)


def _agent_pieces(recording: Recording, laid: Laid) -> Iterator[tuple[int, Samples]]:
    """Yield the agent's audio, each piece with its first sample.

    From Vapi's side where that was taken down, else from what was sent to Twilio.
    """
    is_known = next(recording.frames("vapi", "in"), None) is not None
    for frame, samples in (_as_telephone if is_known else _telephone)(recording):
        yield laid.place(frame.t_ns, len(samples)), samples


def _telephone(recording: Recording) -> Iterator[tuple[Frame, Samples]]:
    for frame, data in recording.frames("twilio", "out"):
        yield frame, mulaw.decode(data)


def _as_telephone(recording: Recording) -> Iterator[tuple[Frame, Samples]]:
    """Yield Vapi's frames at 8 kHz."""
    conversions: dict[MediaFormat, Conversion] = {}
    for event in recording.events:
        if event.media is None or (event.leg, event.direction) != ("vapi", "in"):
            continue
        format_ = recording.formats[event.media.file]
        if format_ not in conversions:
            conversions[format_] = Conversion(format_, _TELEPHONE)
        run, convert = event.media, conversions[format_].samples
        size = run.sizes if isinstance(run.sizes, int) else 1
        count, rest = divmod(size * RATE, format_.rate * format_.width)
        if rest or format_.rate not in (RATE, 2 * RATE):
            for frame, data in recording.frames_of(event):
                yield frame, convert(data)
            continue
        # All frames at once: as many samples come out of each.
        samples = convert(recording.tape(run.file).read(run.start, run.size))
        for index, frame in enumerate(frames_of_run(round(event.t_ms * 1e6), run)):
            yield frame, samples[index * count : (index + 1) * count]


def _samples(t_ns: int) -> int:
    return t_ns * RATE // 1_000_000_000


def loud_stretches(
    sound: Samples, rate: int = RATE, *, breaks: Collection[int] = ()
) -> Iterator[tuple[int, int]]:
    """Yield first sample and end of everything that is louder than the room for a while.

    Args:
        sound: of one person.
        rate: its samples per second.
        breaks: samples at which something else begins, whatever came before.
    """
    size = rate // 50
    blocks = len(sound) // size
    if not blocks:
        return
    level = np.empty(blocks)
    for first in range(0, blocks, _AT_ONCE):
        part = sound[first * size : min(blocks, first + _AT_ONCE) * size]
        power = part.reshape(-1, size).astype(np.int64) ** 2
        level[first : first + _AT_ONCE] = np.sqrt(power.mean(axis=1))
        spool.forget()
    room = float(np.percentile(level, 20))
    loud = np.flatnonzero(level > max(FLOOR, room * _LOUD))
    if not len(loud):
        return
    borders = np.array(sorted(breaks), np.int64) // size
    is_break = np.diff(loud) > _PAUSE_BLOCKS
    is_break |= np.diff(np.searchsorted(borders, loud, "right")) > 0
    ends = np.flatnonzero(is_break)
    firsts = loud[np.r_[0, ends + 1]]
    lasts = loud[np.r_[ends, len(loud) - 1]]
    edges = [0, *borders.tolist(), blocks]
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        if last - first + 1 >= _SHORTEST_BLOCKS:
            room = bisect_right(edges, first, hi=len(edges) - 1)
            start = max(edges[room - 1], first - _EDGE_BLOCKS)
            yield start * size, min(edges[room], last + 1 + _EDGE_BLOCKS) * size


def _texts(recording: Recording, person: Person, starts_ms: list[float]) -> list[str]:
    """Return the text of each utterance: the final transcripts that came since it began."""
    texts: list[list[str]] = [[] for _ in starts_ms]
    for t_ms, text in transcripts(recording, person, "final"):
        before = bisect_left(starts_ms, t_ms)
        if before:
            texts[before - 1].append(text.strip())
    return [" ".join(filter(None, said)) or UNKNOWN for said in texts]


def transcripts(
    recording: Recording, person: Person, kind: Literal["partial", "final"]
) -> Iterator[tuple[float, str]]:
    """Yield what Vapi understood of a person, with its instants in ms.

    In the dialect of two articles a transcript is the caller's, and final if it does not say else.
    """
    role = "user" if person == "caller" else "assistant"
    for event in recording.messages("vapi", "in", "transcript"):
        said = event.message
        if "transcript" in said:
            known = said.get("role"), said.get("transcriptType")
        else:
            known = "user", "partial" if said.get("partial") else "final"
        if known == (role, kind):
            yield event.t_ms, str(said.get("transcript", said.get("text", "")))
