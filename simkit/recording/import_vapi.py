"""From Vapi's account of a call, its sound, or both, to a recording."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..audio import RATE, AudioFileError, Samples, Speech, files, voice
from ..audio.speech import timed_by_letters
from .format import Header, RecordedEvent, RecordingError
from .recorder import write
from .report import ImportReport
from .utterances import UNKNOWN, Person, loud_stretches
from .vapi_call import Turn, VapiAccount

_STEP_MS = 20
_MOST_SHIFT_MS = 3000
"""Between Vapi's clock and the recording's begin, which nobody states."""
_PEOPLE: tuple[Person, Person] = ("caller", "agent")


@dataclass
class Sound:
    """Both sides of a call, 8 kHz, on one clock."""

    caller: Samples
    agent: Samples

    def of(self, person: Person) -> Samples:
        """Return a person's side."""
        return self.caller if person == "caller" else self.agent


def import_sound(path: Path, folder: Path, *, swapped: bool = False) -> ImportReport:
    """Make a recording of a stereo sound file: left the caller, right the agent.

    Args:
        path: WAV or FLAC.
        folder: where the recording goes.
        swapped: left is the agent.
    """
    left, right = read_stereo(path)
    sound = Sound(right, left) if swapped else Sound(left, right)
    report = ImportReport(str(folder), "sound")
    turns = [
        Turn(person, start * 1000 / RATE, end * 1000 / RATE, UNKNOWN)
        for person in _PEOPLE
        for start, end in loud_stretches(sound.of(person))
    ]
    if not turns:
        raise RecordingError(f"{path}: nobody speaks in it")
    account = VapiAccount(0.0, len(left) * 1000 / RATE, turns=turns)
    _write(folder, account, sound, f"sound {path.name}", report)
    return report


def import_account(
    account: VapiAccount, sound: Path | None, folder: Path, report: ImportReport, source: str
) -> ImportReport:
    """Make a recording of Vapi's account, with the sound of the call where there is some.

    Which channel is whose, and how far the sound's clock is from the account's, are found by what
    agrees best.

    Raises:
        RecordingError: nobody says anything, or the sound cannot be read.
    """
    if not account.turns:
        raise RecordingError(f"{source}: nobody says anything in it")
    if sound is None:
        _write(folder, account, _synthetic(account, source), source, report)
        return report
    left, right = read_stereo(sound)
    aligned, shift_ms = _aligned(account, left, right)
    report.notes.append(
        f"{sound.name}: {'left' if aligned.caller is left else 'right'} is the caller, "
        f"{shift_ms:+d} ms against Vapi's clock"
    )
    for turn in account.turns:
        turn.start_ms, turn.end_ms = turn.start_ms + shift_ms, turn.end_ms + shift_ms
    account.messages = [(max(0.0, at + shift_ms), message) for at, message in account.messages]
    account.duration_ms = len(left) * 1000 / RATE
    account.turns = _as_heard(account.turns, aligned)
    _write(folder, account, aligned, source, report)
    return report


def read_stereo(path: Path) -> tuple[Samples, Samples]:
    """Return both channels at 8 kHz.

    Raises:
        RecordingError: it is not a readable sound file of two channels.
    """
    try:
        channels = files.channels(path)
        if channels < 2:
            raise RecordingError(
                f"{path}: found 1 channel, expected 2: the caller on one, the agent on the other"
            )
        left, right = (files.read_any(path, channel=channel) for channel in (0, 1))
    except AudioFileError as error:
        raise RecordingError(str(error)) from None
    return left, right


def _aligned(account: VapiAccount, left: Samples, right: Samples) -> tuple[Sound, int]:
    """Return who is on which channel, and what to add to Vapi's instants, in ms."""
    best: tuple[float, int, Sound] | None = None
    steps = _MOST_SHIFT_MS // _STEP_MS
    for sound in (Sound(left, right), Sound(right, left)):
        scores = np.zeros(2 * steps + 1)
        for person in _PEOPLE:
            loud = _loud_blocks(sound.of(person))
            said = np.zeros(len(loud))
            for turn in account.turns:
                if turn.person == person:
                    said[int(turn.start_ms / _STEP_MS) : int(turn.end_ms / _STEP_MS)] = 1
            padded = np.pad(loud - loud.mean(), steps)
            scores += [padded[k : k + len(said)] @ said for k in range(2 * steps + 1)]
        # The smallest shift of those that agree as well.
        order = np.lexsort((np.abs(np.arange(-steps, steps + 1)), -np.round(scores, 6)))
        at = int(order[0])
        if best is None or scores[at] > best[0]:
            best = (float(scores[at]), (at - steps) * _STEP_MS, sound)
    assert best is not None
    return best[2], best[1]


def _loud_blocks(sound: Samples) -> Any:
    """Return 1 for each 20 ms that somebody speaks in."""
    size = RATE * _STEP_MS // 1000
    blocks = np.zeros(-(-len(sound) // size))
    for start, end in loud_stretches(sound):
        blocks[start // size : end // size] = 1
    return blocks


def _as_heard(turns: list[Turn], sound: Sound) -> list[Turn]:
    """Let each turn begin and end where its sound does; what no turn tells is unclear."""
    found: list[Turn] = []
    for person in _PEOPLE:
        own = [turn for turn in turns if turn.person == person]
        stretches = [
            Turn(person, start * 1000 / RATE, end * 1000 / RATE, "")
            for start, end in loud_stretches(sound.of(person))
        ]
        told: dict[int, list[Turn]] = {index: [] for index in range(len(own))}
        for stretch in stretches:
            shared = [_shared_ms(turn, stretch) for turn in own]
            if not shared or max(shared) <= 0:
                found.append(Turn(person, stretch.start_ms, stretch.end_ms, UNKNOWN))
            else:
                told[shared.index(max(shared))].append(stretch)
        found += [
            Turn(person, heard[0].start_ms, heard[-1].end_ms, own[index].text)
            for index, heard in told.items()
            if heard
        ]
    return sorted(found, key=lambda turn: turn.start_ms)


def _shared_ms(one: Turn, other: Turn) -> float:
    return min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms)


def _synthetic(account: VapiAccount, seed: str) -> Sound:
    """Let a synthetic voice say it, each turn in its own time."""
    sides = {person: np.zeros(_samples(account.duration_ms), np.int16) for person in _PEOPLE}
    for person in _PEOPLE:
        draw = random.Random(f"{seed} {person}")
        for turn in account.turns:
            if turn.person != person:
                continue
            text = turn.text or UNKNOWN
            least = voice.SHORTEST_WORD_S * len(text.split())
            spoken = voice.speak(
                text, draw, seconds=max(least, (turn.end_ms - turn.start_ms) / 1e3)
            )
            start = _samples(turn.start_ms)
            room = sides[person][start : start + len(spoken.samples)]
            room[:] = spoken.samples[: len(room)]
    return Sound(sides["caller"], sides["agent"])


def _samples(ms: float) -> int:
    return round(ms * RATE / 1000)


def _write(
    folder: Path, account: VapiAccount, sound: Sound, source: str, report: ImportReport
) -> None:
    events = [
        RecordedEvent(
            t_ms=min(at, account.duration_ms),
            leg="vapi",
            direction="in",
            message=message,
            origin="log",
        )
        for at, message in account.messages
    ]
    sounds = {}
    for person in _PEOPLE:
        side = sound.of(person)[: _samples(account.duration_ms)]
        spoken = [event for event in _spoken(account, person, side) if event is not None]
        events += spoken
        if spoken:
            sounds[f"{person}.flac"] = side
    header = Header(
        source=source,
        duration_ms=account.duration_ms,
        from_=account.caller_number or "+15550199",
        to=account.called_number or "+15550100",
    )
    write(folder, header, events, sounds)
    report.messages = len(events)


def _spoken(account: VapiAccount, person: Person, side: Samples) -> list[RecordedEvent | None]:
    return [
        _speaks(turn, f"{person}.flac", side) for turn in account.turns if turn.person == person
    ]


def _speaks(turn: Turn, file: str, side: Samples) -> RecordedEvent | None:
    start, end = max(0, _samples(turn.start_ms)), min(len(side), _samples(turn.end_ms))
    if end <= start:
        return None
    speech = Speech(turn.text or UNKNOWN, side[start:end], ())
    words = timed_by_letters(speech.text, speech.samples)
    return RecordedEvent(
        t_ms=start * 1000 / RATE,
        leg=turn.person,
        message={
            "event": "speaks",
            "text": speech.text,
            "sound": {"file": file, "start": start, "samples": end - start},
            "words": [(word.text, word.start, word.end) for word in words],
        },
        origin="inferred",
    )
