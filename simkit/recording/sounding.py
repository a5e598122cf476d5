"""What of a bridge's audio sounded at the far end: queued, played in real time, dropped by clears.

Frames are counted, not compared: a bridge may cut the same audio otherwise than it did.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from .outputs import Output, in_order

PAUSE_NS = 200_000_000
"""Audio that comes this shortly after what came before has been played goes on with it."""


@dataclass
class Stretch:
    """Audio that followed each other: a reply, as a bridge sent it."""

    runs: list[Output] = field(default_factory=list)
    heard_ns: int = 0
    """What of it was played."""
    begins_ns: int = 0
    """When the first of it was played."""
    stops_ns: int = 0
    """When the last of it was played, or was cut off."""

    @property
    def t_ns(self) -> int:
        """When its first frame was sent."""
        return self.runs[0].t_ns

    @property
    def audio_ns(self) -> int:
        """What was sent of it."""
        return sum(run.audio_ns for run in self.runs)


class Played(NamedTuple):
    """A run, with how much of it was played, from when and until when; or a clear."""

    run: Output | None
    heard_ns: int = 0
    begins_ns: int = 0
    stops_ns: int = 0


def stretches(played: Iterable[Played], cuts: Collection[int] = ()) -> list[Stretch]:
    """Return the audio of one leg, runs that go on with each other joined.

    Args:
        played: what :func:`play` returned.
        cuts: instants of runs that begin a stretch in any case.
    """
    found: list[Stretch] = []
    until_ns: int | None = None
    for run, heard_ns, begins_ns, stops_ns in played:
        if run is None:
            until_ns = None  # a clear
            continue
        if run.is_silent:
            continue
        if until_ns is None or run.t_ns - until_ns >= PAUSE_NS or run.t_ns in cuts:
            found.append(Stretch(begins_ns=begins_ns))
        last = found[-1]
        last.runs.append(run)
        last.heard_ns += heard_ns
        last.stops_ns = max(last.stops_ns, stops_ns)
        until_ns = stops_ns
    return found


class _Playing:
    """A run that is played."""

    def __init__(self, run: Output) -> None:
        self.run = run
        self.heard_ns = 0
        self.begins_ns: int | None = None
        self.stops_ns = run.t_ns

    def result(self) -> Played:
        """Return what was played."""
        begins_ns = self.run.t_ns if self.begins_ns is None else self.begins_ns
        return Played(self.run, self.heard_ns, min(begins_ns, self.stops_ns), self.stops_ns)


def play(outputs: Iterable[Output], end_ns: int | None) -> list[Played]:
    """Play the audio of one leg, as Twilio would.

    Args:
        outputs: of the leg, by instant.
        end_ns: when the stream ended, and with it all sound; None: it did not.
    """
    order: list[_Playing | None] = []
    begun: list[tuple[int, _Playing | None]] = []
    for output in outputs:
        if output.kind in ("media", "clear"):
            order.append(_Playing(output) if output.kind == "media" else None)
            begun.append((output.t_ns, order[-1]))
    if end_ns is not None:
        begun.append((end_ns, None))
        begun.sort(key=lambda one: one[0])
    queued: deque[tuple[_Playing, int, int]] = deque()
    free_ns = 0
    """When the queue will be empty."""
    for t_ns, size_ns, playing in in_order(_frames(*one) for one in begun):
        while queued and queued[0][2] <= t_ns:
            queued.popleft()
        if playing is not None:
            if end_ns is not None and t_ns >= end_ns:
                continue
            start_ns = max(free_ns, t_ns)
            free_ns = start_ns + size_ns
            queued.append((playing, start_ns, free_ns))
            if playing.begins_ns is None:
                playing.begins_ns = start_ns
            playing.heard_ns += size_ns
            playing.stops_ns = free_ns
            continue
        for cut, start_ns, until_ns in queued:
            cut.heard_ns -= until_ns - max(start_ns, t_ns)
            cut.stops_ns = min(cut.stops_ns, max(t_ns, cut.run.t_ns))
        queued.clear()
        free_ns = min(free_ns, t_ns)
    return [Played(None) if one is None else one.result() for one in order]


def _frames(t_ns: int, playing: _Playing | None) -> Iterator[tuple[int, int, _Playing | None]]:
    """Yield instant and length of each frame, as if they were of one length and evenly spaced.

    Or of a clear, with no length.
    """
    if playing is None:
        yield t_ns, 0, None
        return
    run = playing.run
    count = max(1, run.frames)
    for number in range(count):
        at_ns = t_ns + (run.until_ns - t_ns) * number // max(1, count - 1)
        size_ns = run.audio_ns * (number + 1) // count - run.audio_ns * number // count
        yield at_ns, size_ns, playing
