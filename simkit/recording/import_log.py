"""From a log to a recording: what the log says, and what must be worked out around it.

A log of transcripts and flushes says neither when the caller began to speak nor what the sound
was. What is inferred is marked so in the recording, by the rules stated here and in the
documentation.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..audio import RATE, Samples, Speech, voice
from ..audio import espeak as espeak_voice
from ..audio.files import MAX_SECONDS
from ..audio.resample import DELAY_NS
from ..audio.speech import plain
from ..wire.errors import shorten
from .format import MAX_TEXT, Header, RecordedEvent, RecordingError
from .recorder import write
from .seed_logs import LogLine, read

LEAD_MS = 1000.0
"""The first thing said is placed this long after the call's first sample."""
STT_LATENCY_MS = 200.0
"""From the onset of the caller's voice to the first partial: the articles' own upper figure."""
TWILIO_MS, VAPI_MS = 20.0, 10.0
"""Assumed one-way latencies: the simulation's own defaults."""
PLAY_OUT_MS = 40.0
"""Assumed play-out buffer of Twilio: the simulation's own default."""
TAIL_MS = 1500.0
"""The call ends this long after the log, if the log does not say."""
FADE_MS = 80.0
"""The end of an utterance that is too soft for the detection of voice."""
UP_MS = TWILIO_MS + VAPI_MS + DELAY_NS / 1e6
"""From the caller's mouth to Vapi, besides the framing that a frame's first sample waits for."""

Voice = Literal["synthetic", "espeak"]
_ESPEAK_VOICES = {"caller": "en-us+f2", "agent": "en-us+m3"}
_UNKNOWN_TEXT = "agent speech that the log does not tell"
_SHORTEST_S = 0.25


@dataclass
class _Turn:
    """Something said, as far as the log tells."""

    line: int
    leg: Literal["caller", "agent"]
    start_ms: float
    text: str
    origin: Literal["log", "composed", "inferred"]
    seconds: float | None = None
    entries: list[LogLine] = field(default_factory=list)


def import_log(path: Path, folder: Path, *, speaker: Voice = "synthetic") -> int:
    """Make a recording of a log; returns the number of events in it.

    Args:
        path: a log as :mod:`.seed_logs` reads it.
        folder: where the recording goes; must not exist.
        speaker: ``synthetic`` is the same everywhere, ``espeak`` is for listening.

    Raises:
        RecordingError: the log cannot be read or placed, or the folder exists.
        EspeakError: espeak-ng is not to be had.
    """
    if os.path.lexists(folder):  # unlike Path.exists, False for what no file system takes
        raise RecordingError(f"{folder}: exists already; choose another name or remove it")
    lines = read(path)
    first_ms = min(turn.start_ms for turn in _turns(path, lines))
    _check_duration(path, lines)
    entries = [replace(entry, t_ms=entry.t_ms - first_ms + LEAD_MS) for entry in lines]
    turns = _turns(path, entries)
    ended = [entry for entry in entries if entry.kind == "ended"]
    end_ms = ended[0].t_ms if ended else entries[-1].t_ms + TAIL_MS
    events = [event for entry in entries for event in _messages(entry, end_ms)]
    sounds: dict[str, Samples] = {}
    for leg in ("caller", "agent"):
        spoken = [turn for turn in turns if turn.leg == leg]
        if not spoken:
            continue
        sounds[f"{leg}.flac"], said = _speak(leg, spoken, turns, end_ms, speaker, path.name)
        events += said
    events.append(
        RecordedEvent(
            t_ms=end_ms,
            leg="twilio",
            direction="in",
            message={"event": "stop"},
            origin=ended[0].origin if ended else "inferred",
        )
    )
    header = Header(
        source=f"log {path.name}",
        duration_ms=end_ms,
        links_ms={"twilio": TWILIO_MS, "vapi": VAPI_MS},
        assistant=_assistant(turns, entries),
        notes=[
            "Times before the log's first event, the sound, and when the caller began to speak "
            "are inferred: the log does not tell them.",
        ],
    )
    write(folder, header, events, sounds)
    return len(events)


def _turns(path: Path, entries: list[LogLine]) -> list[_Turn]:
    """Group the log into what each side said."""
    turns: list[_Turn] = []
    agent: _Turn | None = None
    caller: _Turn | None = None
    for entry in entries:
        _check_text(path, entry)
        if entry.kind == "tts" or (entry.kind == "chunk" and _is_new_chunk(agent, entry)):
            agent = _Turn(
                entry.number, "agent", entry.t_ms, entry.text or _UNKNOWN_TEXT, entry.origin
            )
            turns.append(agent)
        elif entry.kind == "partial":
            if caller is None or not _continues(caller.text, entry.text):
                caller = _Turn(entry.number, "caller", _onset(entry, agent), entry.text, "inferred")
                turns.append(caller)
            caller.entries.append(entry)
            caller.text = entry.text
        elif entry.kind == "final":
            if caller is None or not _continues(caller.text, entry.text):
                spoken_ms = STT_LATENCY_MS + _natural_seconds(entry.text) * 1000
                start_ms = entry.t_ms - spoken_ms
                caller = _Turn(entry.number, "caller", start_ms, entry.text, "inferred")
                turns.append(caller)
            caller.entries.append(entry)
            caller.text = entry.text
            caller.seconds = (entry.t_ms - STT_LATENCY_MS - caller.start_ms) / 1000
            ended_turn, caller = caller, None
            _until_detected(ended_turn, entry, entries)
        elif entry.kind == "flushed" and agent is not None and not agent.entries:
            agent.entries.append(entry)
            if entry.seconds is not None:
                played_ms = entry.t_ms - agent.start_ms - PLAY_OUT_MS
                agent.seconds = entry.seconds + played_ms / 1000
    for turn in turns:
        least_s = max(_SHORTEST_S, voice.SHORTEST_WORD_S * len(turn.text.split()))
        if turn.seconds is not None and turn.seconds < least_s:
            raise RecordingError(
                f"{path}:{turn.entries[0].number}: time: leaves {turn.seconds:.3f} s to say "
                f"{shorten(turn.text)}, expected at least {least_s:g} s"
            )
    if not turns:
        raise RecordingError(f"{path}: nobody says anything in it")
    return sorted(turns, key=lambda turn: turn.start_ms)


def _check_text(path: Path, entry: LogLine) -> None:
    """Refuse what cannot be said."""
    if entry.kind not in ("tts", "partial", "final"):
        return
    if not entry.text.split():
        raise RecordingError(f"{path}:{entry.number}: text: there is no word in it")
    if len(entry.text) > MAX_TEXT:
        raise RecordingError(
            f"{path}:{entry.number}: text: found {len(entry.text):,} characters, expected at most "
            f"{MAX_TEXT:,}"
        )


def _check_duration(path: Path, entries: list[LogLine]) -> None:
    """Refuse a call longer than a recording may be, before any sound is made for it."""
    for entry in entries:
        seconds = max((entry.t_ms - entries[0].t_ms) / 1000, entry.seconds or 0.0)
        if seconds > MAX_SECONDS - 60:
            raise RecordingError(
                f"{path}:{entry.number}: time: found {seconds:,.0f} s, expected a call of less "
                f"than {MAX_SECONDS:,} s"
            )
    over: LogLine | None = None
    for entry in entries:
        if over is not None and entry.t_ms > over.t_ms:
            raise RecordingError(
                f"{path}:{entry.number}: time: later than the end of the call in line {over.number}"
            )
        over = entry if entry.kind == "ended" else over


def _continues(before: str, now: str) -> bool:
    """Tell whether a transcript goes on where an earlier one of the same speech stopped."""
    return "".join(map(plain, now.split())).startswith("".join(map(plain, before.split())))


def _is_new_chunk(agent: _Turn | None, entry: LogLine) -> bool:
    """Tell whether a chunk begins a reply that no other line has announced."""
    return agent is None or bool(agent.entries and entry.t_ms > agent.entries[0].t_ms)


def _onset(partial: LogLine, agent: _Turn | None) -> float:
    """Work out when the caller began, from the first partial.

    Over the agent's speech a partial comes one STT latency after the voice; otherwise its words
    were all said by then.
    """
    interrupts = agent is not None and not agent.entries
    if interrupts:
        return partial.t_ms - STT_LATENCY_MS
    return partial.t_ms - STT_LATENCY_MS - _natural_seconds(partial.text) * 1000


def _until_detected(turn: _Turn, final: LogLine, entries: list[LogLine]) -> None:
    """Speech that is detected after its final transcript was still going on then."""
    for entry in entries:
        if entry.kind == "detected" and 0 <= entry.t_ms - final.t_ms <= 300:
            turn.seconds = (entry.t_ms + FADE_MS - turn.start_ms) / 1000


def _natural_seconds(text: str) -> float:
    return voice.usual_duration(text)


def _messages(entry: LogLine, end_ms: float) -> list[RecordedEvent]:
    """Return what the log entry was on the wire."""
    message: dict[str, Any]
    leg: Literal["twilio", "vapi"] = "vapi"
    direction: Literal["in", "out"] = "in"
    if entry.kind in ("partial", "final"):
        message = {
            "type": "transcript",
            "role": "user",
            "transcriptType": entry.kind,
            "transcript": entry.text,
        }
    elif entry.kind == "detected":
        message = {"type": "user-interrupted"}
    elif entry.kind == "flushed":
        leg, direction, message = "twilio", "out", {"event": "clear"}
    else:
        return []
    return [
        RecordedEvent(
            t_ms=min(entry.t_ms, end_ms),
            leg=leg,
            direction=direction,
            message=message,
            origin=entry.origin,
        )
    ]


def _speak(
    leg: Literal["caller", "agent"],
    spoken: list[_Turn],
    turns: list[_Turn],
    end_ms: float,
    speaker: Voice,
    seed: str,
) -> tuple[Samples, list[RecordedEvent]]:
    """Make the sound of one side; the caller's on the call's clock, the agent's end to end."""
    say = _voice_of(leg, speaker, seed)
    sound: Samples = np.zeros(round(end_ms * RATE / 1000) if leg == "caller" else 0, np.int16)
    events = []
    for turn in spoken:
        speech = say(turn.text, turn.seconds)
        if leg == "caller":
            at = round(turn.start_ms * RATE / 1000)
            room = len(sound) - at
            sound[at : at + len(speech.samples)] = speech.samples[:room]
            count = min(len(speech.samples), room)
        else:
            at, count = len(sound), len(speech.samples)
            sound = np.concatenate((sound, speech.samples))
        words = [(w.text, w.start, w.end) for w in speech.words if w.end <= count]
        message = {
            "event": "speaks",
            "text": turn.text,
            "sound": {"file": f"{leg}.flac", "start": at, "samples": count},
            "words": words,
        }
        events.append(
            RecordedEvent(t_ms=at * 1000 / RATE, leg=leg, message=message, origin="inferred")
            if leg == "caller"
            else RecordedEvent(t_ms=turn.start_ms, leg=leg, message=message, origin=turn.origin)
        )
    return sound, events


def _voice_of(leg: str, speaker: Voice, seed: str) -> Callable[[str, float | None], Speech]:
    if speaker == "espeak":
        return lambda text, seconds: espeak_voice.speak(
            text, voice=_ESPEAK_VOICES[leg], seconds=seconds
        )
    draw = random.Random(f"{seed} {leg}")
    return lambda text, seconds: voice.speak(text, draw, seconds=seconds)


def _assistant(turns: list[_Turn], entries: list[LogLine]) -> dict[str, float | int | bool]:
    """Return the assistant's settings that the log lets one work out."""
    settings: dict[str, float | int | bool] = {"lead": 60.0, "silence_frames": False}
    finals = [
        entry.t_ms - VAPI_MS - (turn.start_ms + turn.seconds * 1000 + UP_MS)
        for turn in turns
        for entry in turn.entries
        if entry.kind == "final" and turn.seconds is not None and entry.origin == "log"
    ]
    if finals:
        settings["final_after"] = max(0.02, round(min(finals)) / 1000)
    settings |= _interruption(turns, entries)
    return settings


def _interruption(turns: list[_Turn], entries: list[LogLine]) -> dict[str, float | int]:
    """Tell whether voice or words interrupted the agent, and after how much of it."""
    for entry in entries:
        before = [turn for turn in turns if turn.leg == "agent" and turn.start_ms <= entry.t_ms]
        if entry.kind == "detected" and before:
            blocks = int((entry.t_ms - before[-1].start_ms) // 20)
            return {"num_words": 0, "voice_seconds": max(1, blocks) * 0.02}
    return {"num_words": 1}
