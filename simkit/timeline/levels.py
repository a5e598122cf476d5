"""Levels: how full something was, kept as few points, apart from the events."""

from __future__ import annotations

from array import array


class Level:
    """How much of something there was, as straight lines between points.

    Points that lie near enough on the line between two others are left out, so that a queue that
    is filled and emptied at one pace takes no memory.

    Args:
        name: of what.
        lane: where it is.
        unit: of the values.
        tolerance: by how much a point that is left out may be off.
        call: whose it is; None: nobody knows.

    >>> queue = Level("queue", "twilio", "ms", tolerance=1.0)
    >>> for t_ns in range(100):
    ...     queue.add(t_ns, 40.0)
    >>> queue.jump(99, 500.0)
    >>> queue.add(200, 0.0)
    >>> queue.points
    [(0, 40.0), (99, 40.0), (99, 500.0), (200, 0.0)]
    """

    def __init__(
        self, name: str, lane: str, unit: str, *, tolerance: float, call: int | None = None
    ) -> None:
        self.name = name
        self.lane = lane
        self.unit = unit
        self.call = call
        self._tolerance = tolerance
        self._t_ns = array("q")
        self._values = array("d")
        self._next: tuple[int, float] | None = None
        """The last point, to which the line goes as long as it fits those between."""
        self._lowest = self._highest = 0.0
        """Slopes that fit them."""

    @property
    def points(self) -> list[tuple[int, float]]:
        """Instants in ns with the values, in order; a step is two points of one instant."""
        kept = list(zip(self._t_ns, self._values, strict=True))
        return kept if self._next is None else [*kept, self._next]

    @property
    def value(self) -> float:
        """The last value; 0 before the first."""
        if self._next is not None:
            return self._next[1]
        return self._values[-1] if self._values else 0.0

    def add(self, t_ns: int, value: float) -> None:
        """Let a line lead to a point."""
        if not self._t_ns or t_ns <= (self._t_ns[-1] if self._next is None else self._next[0]):
            self.jump(t_ns, value)
            return
        if self._next is not None:
            since_ns = t_ns - self._t_ns[-1]
            slope = (value - self._values[-1]) / since_ns
            if self._lowest <= slope <= self._highest:
                slack = self._tolerance / since_ns
                self._lowest = max(self._lowest, slope - slack)
                self._highest = min(self._highest, slope + slack)
                self._next = t_ns, value
                return
            self._keep(*self._next)
        since_ns = t_ns - self._t_ns[-1]
        slope, slack = (value - self._values[-1]) / since_ns, self._tolerance / since_ns
        self._lowest, self._highest = slope - slack, slope + slack
        self._next = t_ns, value

    def jump(self, t_ns: int, value: float) -> None:
        """Go to a value at once."""
        if self._next is not None:
            self._keep(*self._next)
            self._next = None
        self._keep(t_ns, value)

    def _keep(self, t_ns: int, value: float) -> None:
        if self._t_ns[-2:].count(t_ns) == 2:
            self._values[-1] = value  # a step on the way of a larger one
            return
        self._t_ns.append(t_ns)
        self._values.append(value)
