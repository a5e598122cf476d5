"""Noises on the caller's side of a call: placed in the mouth's sound, and told in the timeline."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from ..audio import noise
from ..timeline import Clock, Timeline
from .call import CallFlow
from .playout import BYTE_NS

_LOOP_SECONDS = 10.0
"""After which a background begins again."""


@dataclass(frozen=True)
class Noise:
    """A noise that the caller's side made; times in seconds of the simulation."""

    name: str
    level: float
    """RMS of its loudest 20 ms, in dBFS."""
    start: float
    end: float


class Noises:
    """Makes the noises of one call.

    Args:
        draw: makes each unlike the others.
    """

    def __init__(
        self, flow: CallFlow, *, clock: Clock, timeline: Timeline, draw: random.Random
    ) -> None:
        self._flow = flow
        self._clock = clock
        self._timeline = timeline
        self._draw = draw
        self._end_background: Callable[[int], None] | None = None

    def make(self, name: str, level: float | None, seconds: float | None) -> Noise:
        """Begin a noise now."""
        level = noise.checked_level(name, level)
        sound = noise.make(name, self._draw, level=level, seconds=seconds)
        start_ns = self._flow.mouth.place(sound, self._clock.now_ns)
        duration_ns = len(sound) * BYTE_NS
        self._timeline.record(
            "noise",
            "caller",
            t_ns=start_ns,
            call=self._flow.leg.number,
            name=name,
            level_dbfs=level,
            duration_ns=duration_ns,
        )
        return Noise(name, level, start_ns / 1e9, (start_ns + duration_ns) / 1e9)

    def surround(self, name: str | None, level: float | None) -> None:
        """Put a noise under everything from now on, in place of the one before; None: none."""
        now_ns = self._clock.now_ns
        if name is None:
            level = None
            self._end(now_ns)
        else:
            level = noise.checked_level(name, level)
            loop = noise.make(name, self._draw, level=level, seconds=_LOOP_SECONDS)
            self._end(now_ns)
            now_ns, self._end_background = self._flow.mouth.surround(loop, now_ns)
        self._timeline.record(
            "background",
            "caller",
            t_ns=now_ns,
            call=self._flow.leg.number,
            name=name or "nothing",
            level_dbfs=level,
        )

    def _end(self, now_ns: int) -> None:
        if self._end_background is not None:
            self._end_background(now_ns)
            self._end_background = None
