"""How full queues and buffers were in a call."""

from __future__ import annotations

from collections.abc import Sequence

from ...timeline import Timeline
from ...timeline.text import printable
from .events import microseconds
from .model import Curve


def curves(timeline: Timeline, call: int, lanes: Sequence[str]) -> list[Curve]:
    """Return every level that was kept of a call, or of none in particular.

    Args:
        timeline: of the run.
        call: which of its calls.
        lanes: those that there are; what belongs to another is drawn at the bridge.
    """
    return [
        Curve(
            name=printable(level.name),
            lane=level.lane if level.lane in lanes else "bridge",
            unit=level.unit,
            t=[microseconds(t_ns) for t_ns, _ in level.points],
            value=[round(value, 1) for _, value in level.points],
        )
        for level in timeline.levels
        if level.call in (call, None) and level.points
    ]
