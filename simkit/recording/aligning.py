"""Aligning: how far apart two recordings of one call began, by what both hold.

The same messages and the same frames say it to the microsecond of both clocks; else the same sound
does, to a few milliseconds: what the caller said is on Twilio's leg and on the way to Vapi.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Literal, NamedTuple

import numpy as np

from ..audio import RATE, Samples, mulaw
from ..audio.any_rate import HIGHEST_RATE, LOWEST_RATE, AnyRate
from .format import RecordedEvent, RecordingError
from .reading import Recording
from .splicing import frames_in, instant

_AGREE_NS = 50_000_000
"""Two clocks on one machine, or two machines' networks: what the same message may differ by."""
_LEAST = 2
"""Messages, or frames, that must agree."""
_BLOCK = RATE // 100
"""10 ms: loudness is compared in steps of it first."""
_ALIKE = 0.6
"""Correlation below which two sounds are not the same."""
_MARGIN = 5 * _BLOCK
"""What the loudness may be wrong by."""
_PROBE = RATE // 4
"""Samples that are compared one by one."""
_PROBES = 5
_PEAKS = 5

_Way = tuple[Literal["twilio", "vapi"], Literal["in", "out"]]
_SAME_SOUND: list[tuple[_Way, _Way]] = [
    (("twilio", "in"), ("vapi", "out")),
    (("vapi", "out"), ("twilio", "in")),
    (("twilio", "out"), ("vapi", "in")),
    (("vapi", "in"), ("twilio", "out")),
    (("twilio", "in"), ("twilio", "in")),
    (("vapi", "out"), ("vapi", "out")),
    (("vapi", "in"), ("vapi", "in")),
    (("twilio", "out"), ("twilio", "out")),
]


class Alignment(NamedTuple):
    """What to add to the second recording's instants, and how that is known."""

    offset_ns: int
    by: str


def align(one: Recording, other: Recording) -> Alignment:
    """Find how far the second recording began after the first.

    Raises:
        RecordingError: they are of different calls, or nothing tells.
    """
    _refuse_strangers(one, other)
    found = _by_cut(one, other) or _by_messages(one, other) or _by_sound(one, other)
    if found is None:
        raise RecordingError(
            f"{one.name} and {other.name}: nothing in them agrees, neither {_LEAST} messages nor "
            "sound; say how many seconds the second began after the first with --offset"
        )
    return found


def _refuse_strangers(one: Recording, other: Recording) -> None:
    for key in ("callSid", "streamSid"):
        mine, theirs = _start(one, key), _start(other, key)
        if mine and theirs and mine != theirs:
            raise RecordingError(
                f"{one.name} and {other.name}: of different calls: {key} {mine!r} and {theirs!r}"
            )


def _start(recording: Recording, key: str) -> str:
    for event in recording.messages("twilio", "in", "start"):
        start = event.message.get("start")
        found = start.get(key) if isinstance(start, dict) else None
        if isinstance(found, str):
            return found
    return ""


def _by_cut(one: Recording, other: Recording) -> Alignment | None:
    mine, theirs = one.header.cut, other.header.cut
    if mine is None or theirs is None or one.header.source != other.header.source:
        return None
    if mine.of_ms != theirs.of_ms:
        return None
    return Alignment(
        round((theirs.from_ms - mine.from_ms) * 1e6), "they are parts of one recording"
    )


# Messages and frames


def key_of(event: RecordedEvent) -> str:
    """Return what tells a message from every other but its instant."""
    said = json.dumps(event.message, sort_keys=True)
    return f"{event.leg} {event.direction} {said}"


def _landmarks(recording: Recording) -> dict[str, int]:
    """Return what happened just once, with its instant."""
    found: Counter[str] = Counter()
    instants: dict[str, int] = {}
    for event in recording.events:
        if event.leg not in ("twilio", "vapi"):
            continue
        if event.media is None:
            marks = [(key_of(event), instant(event))]
        else:
            marks = [
                (f"frame {frame.numbers}", frame.t_ns)
                for frame in frames_in(event)[:1]
                if frame.numbers.chunk is not None and frame.numbers.timestamp is not None
            ]
        for key, t_ns in marks:
            found[key] += 1
            instants[key] = t_ns
    return {key: instants[key] for key, count in found.items() if count == 1}


def _by_messages(one: Recording, other: Recording) -> Alignment | None:
    mine, theirs = _landmarks(one), _landmarks(other)
    apart = sorted(mine[key] - theirs[key] for key in mine.keys() & theirs.keys())
    if len(apart) < _LEAST:
        return None
    middle = apart[len(apart) // 2]
    agreeing = sum(abs(each - middle) <= _AGREE_NS for each in apart)
    if agreeing < _LEAST or agreeing * 2 <= len(apart):
        raise RecordingError(
            f"{one.name} and {other.name}: {len(apart)} messages are in both, but only {agreeing} "
            f"are as far apart as each other, {middle / 1e9:.3f} s; say how many seconds the "
            "second began after the first with --offset"
        )
    return Alignment(middle, f"{agreeing} messages are in both")


# Sound


def _by_sound(one: Recording, other: Recording) -> Alignment | None:
    best: tuple[float, int] = (0.0, 0)
    for mine, theirs in _SAME_SOUND:
        left, right = _heard(one, mine), _heard(other, theirs)
        if left is None or right is None:
            continue
        alike, shift = _shift(left, right)
        if alike > best[0]:
            best = alike, shift
        if alike > 0.9:
            break
    if best[0] < _ALIKE:
        return None
    return Alignment(
        best[1] * 1_000_000_000 // RATE, f"their sound agrees (correlation {best[0]:.2f})"
    )


def _heard(recording: Recording, way: _Way) -> Samples | None:
    """Return what went one way at the instants it went, 8 kHz; None: nothing did."""
    sound: Samples = np.zeros(round((recording.duration_ms + 1000) * RATE / 1000), np.int16)
    expected, converters = -1, dict[str, Any]()
    for event in recording.events:
        if event.media is None or (event.leg, event.direction) != way:
            continue
        form = recording.formats[event.media.file]
        if not LOWEST_RATE <= form.rate <= HIGHEST_RATE:
            return None
        data = recording.tape(event.media.file).read(event.media.start, event.media.size)
        if form.encoding == "mulaw":
            samples = mulaw.decode(data)
        else:
            samples = np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.int16)
        if form.rate != RATE:
            made = converters.setdefault(event.media.file, AnyRate(form.rate, RATE))
            samples = made.process(samples)
        start = max(expected, instant(event) * RATE // 1_000_000_000)
        sound[start : start + len(samples)] = samples[: max(0, len(sound) - start)]
        expected = start + len(samples)
    return sound if expected >= 0 and sound.any() else None


def _shift(left: Samples, right: Samples) -> tuple[float, int]:
    """Return how alike two sounds are at best, and how many samples the second is later.

    Loudness says where to look, the samples whether it is there: those where the second is loudest.
    """
    coarse_left, coarse_right = _loudness(left), _loudness(right)
    probes = _loudest(coarse_right)
    best = (0.0, 0)
    for blocks in _peaks(coarse_left, coarse_right):
        found = [_fine(left, right, block * _BLOCK, blocks * _BLOCK) for block in probes]
        found.sort()
        best = max(best, found[len(found) // 2])
    return best


def _fine(left: Samples, right: Samples, at: int, shift: int) -> tuple[float, int]:
    """Return the correlation of a piece of the second sound with the first near a shift."""
    probe = right[at : at + _PROBE].astype(np.float64)
    low = at + shift - _MARGIN
    there = np.zeros(len(probe) + 2 * _MARGIN)
    inside = left[max(0, low) : max(0, low + len(there))]
    there[max(0, -low) : max(0, -low) + len(inside)] = inside
    cross = np.correlate(there, probe, "valid")
    running = np.concatenate(((0.0,), np.cumsum(there * there)))
    power = (running[len(probe) :] - running[: -len(probe)]) * float(np.sum(probe * probe))
    alike = cross / np.sqrt(np.maximum(power, 1.0))
    here = int(np.argmax(alike))
    return float(alike[here]), low + here - at


def _loudness(sound: Samples) -> Any:
    """Return the loudness of each 10 ms, about its mean."""
    blocks = len(sound) // _BLOCK
    level = np.empty(blocks)
    for first in range(0, blocks, 10_000):
        part = sound[first * _BLOCK : min(blocks, first + 10_000) * _BLOCK]
        level[first : first + 10_000] = np.abs(part.reshape(-1, _BLOCK)).mean(axis=1)
    level = np.log1p(level / 32)
    return level - level.mean()


def _loudest(level: Any) -> list[int]:
    """Return where pieces of a sound begin that are loud, far from each other."""
    size = _PROBE // _BLOCK
    running = np.concatenate(((0.0,), np.cumsum(level)))
    loud = running[size:] - running[:-size] if len(level) > size else level[:1]
    return _highest(np.array(loud), size, _PROBES)


def _peaks(left: Any, right: Any) -> list[int]:
    """Return the shifts, in blocks, at which two curves agree best."""
    size = 1 << (len(left) + len(right)).bit_length()
    cross = np.fft.irfft(np.fft.rfft(left, size) * np.conj(np.fft.rfft(right, size)), size)
    return [at if at < len(left) else at - size for at in _highest(cross, 10, _PEAKS)]


def _highest(curve: Any, apart: int, count: int) -> list[int]:
    """Return where a curve is highest, at places that are so far apart."""
    found = []
    for _ in range(count):
        at = int(np.argmax(curve))
        if not np.isfinite(curve[at]):
            break
        found.append(at)
        curve[max(0, at - apart) : at + apart + 1] = -np.inf
    return found
