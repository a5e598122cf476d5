"""A call as a strip: both voices, and what broke, small enough for a row of a table.

SVG to stand within an HTML page, which has the colours: classes as in :mod:`.picture`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..checks import Violation
from ..timeline import Timeline, barge_ins
from . import axis
from .voices import colour, voices

WIDTH = 280
HEIGHT = 40
_ROWS = {"mouth": (2, 10), "agent": (14, 3), "ear": (18, 10)}
"""Upper edge and height: what the agent sends is a line along what is heard of it."""
_TICKS_Y = 30
_TICKS = {"clear": "named"} | dict.fromkeys(("error", "fault", "unhandled-error", "warning"), "bad")
_STEP_WIDTH = 24
_NAME_WIDTH = 48
"""Between lines that have their instants written below."""
_LETTERS_WIDTH = 12
"""Of half a name: so far it is from both ends."""
_NEAR = 0.7
"""Pieces that are no further apart than this are one on a screen."""


def strip(timeline: Timeline, broken: Sequence[Violation] = (), *, call: int = 1) -> str:
    """Return a call as a small SVG; empty where nothing happened.

    Args:
        timeline: of the run.
        broken: how promises were broken.
        call: which of its calls, from 1.
    """
    end_ns = timeline.duration_ns
    if end_ns <= 0 or not len(timeline):
        return ""
    scale = WIDTH / end_ns

    def x(t_ns: int) -> float:
        return round(min(max(t_ns, 0), end_ns) * scale, 1)

    parts = []
    grid = "".join(
        f"M{x(t_ns):g} 0V{HEIGHT}" for t_ns in axis.lines(1, end_ns - 1, _STEP_WIDTH / scale)
    )
    parts.append(f'<rect class="ground" width="{WIDTH}" height="{HEIGHT}" rx="3"/>')
    parts.append(f'<path class="grid" d="M0 {_TICKS_Y}H{WIDTH}{grid}"/>')
    for barge_in in barge_ins(timeline):
        if barge_in.call == call:
            stop_ms = barge_in.time_to_stop_ms
            stop_ns = end_ns if stop_ms is None else barge_in.onset_ns + round(stop_ms * 1e6)
            parts.append(_box("stop", x(barge_in.onset_ns), x(stop_ns), 0, _TICKS_Y))
    boxes: dict[tuple[str, str], list[list[float]]] = {}
    for one in voices(timeline, call):
        pieces = boxes.setdefault((one.row, colour(one)), [])
        left, right = x(one.start_ns), x(one.end_ns)
        if pieces and left - pieces[-1][1] <= _NEAR:
            pieces[-1][1] = max(right, pieces[-1][1])
        else:
            pieces.append([left, right])
    for (row, style), pieces in boxes.items():
        parts += [_box(style, left, right, *_ROWS[row]) for left, right in pieces]
    ticks: dict[str, list[float]] = {}
    for event in timeline.of(*_TICKS):
        if event.call in (None, call):
            ticks.setdefault(_TICKS[event.kind], []).append(x(event.t_ns))
    for style, at in ticks.items():
        parts.append(_lines(style, at, f"{_TICKS_Y}V{HEIGHT}"))
    sounds = dict.fromkeys(sound for one in broken for sound in one.sounds if sound.call == call)
    for sound in sounds:
        top, height = _ROWS[sound.row]
        parts.append(_box("sound", x(sound.start_ns), x(sound.end_ns), top + height, 2))
    parts.append(_lines("broken", (x(one.at_ns) for one in broken), f"0V{HEIGHT}"))
    spoken, heard = (
        sum(len(pieces) for (row, _), pieces in boxes.items() if row == wanted)
        for wanted in ("mouth", "ear")
    )
    told = f"{end_ns / 1e9:.1f} s; pieces of speech: {spoken} from the caller, {heard} heard"
    # The drawing is as wide as there is room; letters keep their shape.
    names = "".join(
        f'<text x="{100 * t_ns / end_ns:.4g}%" y="{HEIGHT + 10}">{axis.name(t_ns)}</text>'
        for t_ns in axis.lines(1, end_ns - 1, _NAME_WIDTH / scale)
        if _LETTERS_WIDTH < t_ns * scale < WIDTH - _LETTERS_WIDTH
    )
    return (
        f'<svg class="timed" role="img" aria-label="{told}">'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" width="100%" '
        f'height="{HEIGHT}">{"".join(parts)}</svg>{names}</svg>'
    )


def _box(style: str, left: float, right: float, y: int, height: int) -> str:
    width = max(right - left, 1)
    return f'<rect class="{style}" x="{left:g}" y="{y}" width="{width:.4g}" height="{height}"/>'


def _lines(style: str, at: Iterable[float], way: str) -> str:
    drawn = "".join(f"M{x:g} {way}" for x in sorted({round(2 * x) / 2 for x in at}))
    return f'<path class="{style}" d="{drawn}"/>' if drawn else ""
