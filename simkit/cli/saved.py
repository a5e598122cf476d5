"""Runs that were kept as JSON, and read again."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from ..audio import AudioFileError, Samples, files
from ..checks import CheckResult, Sound, Violation
from ..report import Outcome
from ..report.outcome import Sides
from ..timeline import BargeIn, CallMeasures, Event, Timeline
from ..timeline.text import line
from ..wire.errors import explain
from .files import sound_of_call
from .main import Refusal

MOST_BYTES = 256 * 1024 * 1024
"""Of a file: a call of an hour has four million."""


class _SavedCheck(msgspec.Struct):
    name: str
    passed: bool | None
    sentence: str
    violations: list[str] = []
    at_ns: list[int] = []
    waived: str | None = None
    not_judged: str | None = None
    evidence: list[list[str]] = []
    promise: str = ""
    sounds: list[list[Sound]] = []


class _SavedSound(msgspec.Struct):
    call: int
    starts_ns: int


class _SavedRun(msgspec.Struct):
    """What of ``--json`` a page needs; see :func:`simkit.cli.outcome.as_plain`."""

    timeline: list[Event]
    barge_ins: list[BargeIn]
    measures: CallMeasures
    checks: list[_SavedCheck]
    failure: str | None = None
    inapplicable: str | None = None
    duration_ns: int = 0
    sound_starts_ns: int = 0
    scenario: str | None = None
    recording: str | None = None
    audio: list[_SavedSound] = []


def read_run(name: str, audio: str | None) -> tuple[Outcome, str, list[str]]:
    """Return what came of a run, what it was, and what is to be known of it.

    Args:
        name: of the file.
        audio: name of the file with its sound, beside which that of its other calls is; None:
            there is none.

    Raises:
        Refusal: one of them is of no use, with what was found and what was expected.
        LookupError, TypeError, ValueError: an event has other fields than such events have.
    """
    saved = _read(Path(name))
    events = sorted(saved.timeline, key=lambda event: event.t_ns)
    end_ns = max([saved.duration_ns, *(event.t_ns for event in events)])
    timeline = Timeline(lambda: end_ns)
    by_line: dict[str, Event] = {}
    for event in events:
        again = timeline.record(
            event.kind,
            event.source,
            event.target,
            t_ns=event.t_ns,
            call=event.call,
            session=event.session,
            sent_ns=event.sent_ns,
            arrived_ns=event.arrived_ns,
        )
        again.fields = event.fields
        by_line.setdefault(line(again).strip(), again)
    kept = {sound.call: sound.starts_ns for sound in saved.audio} or {1: saved.sound_starts_ns}
    told = ["a run that was saved as JSON: how full queues were is not known"]
    sounds: dict[int, Sides] = {}
    for call, starts_ns in kept.items():
        if audio is None:
            break
        path = sound_of_call(audio, call)
        if call > 1 and not path.exists():
            told.append(f"there is no sound of call {call}: {path.name} was not kept")
        else:
            sounds[call] = Sides(*_sound(path), starts_ns)
    silence = np.zeros(0, np.int16)
    first = sounds.pop(1, Sides(silence, silence, saved.sound_starts_ns))
    outcome = Outcome(
        timeline=timeline,
        barge_ins=saved.barge_ins,
        measures=saved.measures,
        checks=[_check(check, by_line) for check in saved.checks],
        sound=lambda: (first.mouth, first.ear),
        sound_starts_ns=saved.sound_starts_ns,
        other_sounds={call: partial(sounds.__getitem__, call) for call in sounds},
        call_seconds=end_ns / 1e9,
        cpu_seconds=0.0,
        failure=saved.failure or "",
        inapplicable=saved.inapplicable or "",
    )
    return outcome, saved.scenario or saved.recording or Path(name).stem, told


def _read(path: Path) -> _SavedRun:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Refusal(
                f"{path}: found {path.stat().st_size} bytes, expected {MOST_BYTES} at most"
            )
        data = path.read_bytes()
    except FileNotFoundError:
        raise Refusal(f"{path}: there is no such file or folder") from None
    except (OSError, ValueError) as error:
        raise Refusal(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    try:
        return msgspec.json.decode(data, type=_SavedRun)
    except msgspec.DecodeError as error:
        raise Refusal(
            f"{path}: expected a recording's folder, or what --json printed of a run: "
            f"{explain(error)}"
        ) from None


def _check(saved: _SavedCheck, by_line: dict[str, Event]) -> CheckResult:
    violations = []
    for number, sentence in enumerate(saved.violations):
        lines = saved.evidence[number] if number < len(saved.evidence) else []
        proof = [by_line[text] for text in lines if text in by_line]
        at_ns = saved.at_ns[number] if number < len(saved.at_ns) else 0
        sounds = saved.sounds[number] if number < len(saved.sounds) else []
        violations.append(Violation(at_ns, sentence, proof, sounds))
    waived = saved.waived or ""
    promise = saved.promise or saved.sentence
    return CheckResult(saved.name, promise, violations, waived, saved.not_judged or "")


def _sound(path: Path) -> tuple[Samples, Samples]:
    try:
        mouth, ear = (files.read_any(path, channel=side) for side in (0, 1))
    except AudioFileError as error:
        raise Refusal(f"--audio {error}") from None
    return mouth, ear
