"""Links: what lies between two hosts, each direction by itself."""

from __future__ import annotations

from ..kernel import seconds

DEFAULT_WINDOW = 256 * 1024
"""Bytes a sender may have on the way or unread at the far end, as a tuned Linux socket allows."""


class Direction:
    """One way along a link, from one host to another.

    Attributes:
        latency_ns: one-way delay of every byte.
    """

    __slots__ = ("latency_ns", "source", "target", "window")

    def __init__(self, source: str, target: str, latency_ns: int) -> None:
        self.source = source
        self.target = target
        self.latency_ns = latency_ns
        self.window = DEFAULT_WINDOW

    @property
    def latency(self) -> float:
        """One-way delay in seconds; 0 or more."""
        return self.latency_ns / 1e9

    @latency.setter
    def latency(self, value: float) -> None:
        self.latency_ns = _checked_latency(value, f"link {self.source} > {self.target}")


class Link:
    """Two directions between two hosts.

    >>> link = Link("twilio", "bridge", latency=0.02)
    >>> link.towards("bridge").latency = 0.08
    >>> link.latency
    (0.02, 0.08)
    """

    def __init__(self, a: str, b: str, *, latency: float) -> None:
        latency_ns = _checked_latency(latency, f"link {a} - {b}")
        self._directions = {
            b: Direction(a, b, latency_ns),
            a: Direction(b, a, latency_ns),
        }
        self.ends = (a, b)

    def towards(self, host: str) -> Direction:
        """Return the direction that ends at ``host``.

        Raises:
            ValueError: ``host`` is at neither end.
        """
        try:
            return self._directions[host]
        except KeyError:
            raise ValueError(
                f"{host!r} is not an end of the link {self.ends[0]} - {self.ends[1]}"
            ) from None

    @property
    def latency(self) -> float | tuple[float, float]:
        """One-way delay in seconds; a pair (towards the first end, towards the second) if unequal.

        Assigning a number sets both directions.
        """
        first, second = (self._directions[end].latency for end in self.ends)
        return first if first == second else (first, second)

    @latency.setter
    def latency(self, value: float) -> None:
        for direction in self._directions.values():
            direction.latency = value


def _checked_latency(value: float, where: str) -> int:
    if not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise ValueError(f"{where}: latency is in seconds, 0 or more; found {value!r}")
    return seconds(value)
