"""What a recorded bridge said by itself: a fallback line, a tone, music while Vapi was silent.

In a replay that is no foreign sound: the bridge is known to make it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from ..audio import RATE, Repertoire, Samples, Speech, Tracker, mulaw
from ..audio.speech import timed_by_letters
from ..checks import CheckResult
from ..checks.sound import AGENT_AUDIO_INTACT
from ..timeline import Event, Timeline
from .media import MediaFormat
from .reading import Recording
from .recorder import Leg
from .utterances import FLOOR, UNKNOWN

_BLOCKS = 50
"""In a second."""
_NEAR = 25
"""Blocks: half a second around what Vapi sent, in which a bridge may be late with it."""
_APART = 10
"""Blocks of silence, 200 ms, after which something else is said."""

_Loud = npt.NDArray[np.bool_]


def without_own(
    checks: list[CheckResult],
    recording: Recording,
    timeline: Timeline,
    ear: Callable[[], tuple[Samples, int]],
) -> list[CheckResult]:
    """Return checks without foreign sound that the recorded bridge had made, too.

    Args:
        checks: of the replay.
        recording: of the call.
        timeline: of the replay.
        ear: gives what was heard in it, 8 kHz, and the instant of its first sample in ns.
    """
    unknown = [event for event in timeline.of("hears") if event.fields["utterance"] is None]
    # To look for them is as much work as to read the sound once more.
    lines = list(own_lines(recording)) if unknown else []
    if not lines:
        return checks
    sound = ear()
    own = {event.t_ns for event in unknown if _is_among(lines, _heard(event, *sound))}
    return [
        replace(check, violations=[one for one in check.violations if one.at_ns not in own])
        if check.name == AGENT_AUDIO_INTACT.name
        else check
        for check in checks
    ]


def _heard(event: Event, ear: Samples, origin_ns: int) -> Samples:
    start = (event.t_ns - origin_ns) * RATE // 1_000_000_000
    return ear[start : start + event.fields["duration_ns"] * RATE // 1_000_000_000]


def _is_among(lines: list[Speech], heard: Samples) -> bool:
    """Tell whether most of a sound is out of lines that are known."""
    repertoire = Repertoire()
    for line in lines:
        repertoire.add(line)
    tracker = Tracker(repertoire)
    tracker.feed(heard)
    known = sum(span.end - span.start for span in tracker.finish() if span.key is not None)
    return known * 2 > len(heard)


def own_lines(recording: Recording) -> Iterator[Speech]:
    """Yield what was loud on its way to Twilio while nothing had come from Vapi."""
    if not any(True for _ in _runs(recording, "vapi")):
        return  # nobody knows what came from there
    size = round(recording.duration_ms * _BLOCKS / 1000) + 2
    sent = _loud(recording, "twilio", size)
    if not sent.any():
        return
    came = _loud(recording, "vapi", size)
    near = np.convolve(came, np.ones(2 * _NEAR + 1), "same") > 0.5
    own = np.flatnonzero(sent & ~near)
    for part in np.split(own, np.flatnonzero(np.diff(own) > _APART) + 1):
        if len(part):
            samples = _between(recording, int(part[0]) - 1, int(part[-1]) + 2)
            yield Speech(UNKNOWN, samples, timed_by_letters(UNKNOWN, samples))


def _runs(recording: Recording, leg: Leg) -> Iterator[tuple[int, bytes, MediaFormat]]:
    """Yield runs of the agent's audio on a leg, each with the block at which it is played."""
    way = ("twilio", "out") if leg == "twilio" else ("vapi", "in")
    until = 0.0
    for event in recording.events:
        if event.media is not None and (event.leg, event.direction) == way:
            form = recording.formats[event.media.file]
            start = max(until, event.t_ms * _BLOCKS / 1000)
            until = start + event.media.size * _BLOCKS / (form.rate * form.width)
            yield (
                round(start),
                recording.tape(event.media.file).read(event.media.start, event.media.size),
                form,
            )


def _loud(recording: Recording, leg: Leg, blocks: int) -> _Loud:
    """Tell of each block whether it is louder than silence."""
    found: _Loud = np.zeros(blocks, np.bool_)
    for at, data, form in _runs(recording, leg):
        size = form.rate // _BLOCKS
        samples = _samples(data, form)
        level = np.sqrt(
            np.square(samples[: len(samples) // size * size].reshape(-1, size), dtype=float).mean(1)
        )
        room = found[at : at + len(level)]
        room |= level[: len(room)] > FLOOR
    return found


def _samples(data: bytes, form: MediaFormat) -> Samples:
    if form.encoding == "mulaw":
        return mulaw.decode(data)
    return np.frombuffer(data[: len(data) & ~1], "<i2").astype(np.int16)


def _between(recording: Recording, first: int, end: int) -> Samples:
    """Return what was sent to Twilio between two blocks."""
    size = RATE // _BLOCKS
    sound: Samples = np.zeros((end - first) * size, np.int16)
    for at, data, form in _runs(recording, "twilio"):
        low, high = max(at, first), min(at + len(data) // size, end)
        if low < high:
            samples = _samples(data, form)[(low - at) * size : (high - at) * size]
            sound[(low - first) * size :][: len(samples)] = samples
    return sound
