"""Links in real time: a one-way latency between two names, and no other knob."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


class WallDirection:
    """One way along a link; its only knob is ``latency``, in seconds, 0 or more."""

    __slots__ = ("latency_ns", "where")

    def __init__(self, where: str, latency: float) -> None:
        object.__setattr__(self, "where", where)
        self.latency = latency

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "latency":
            raise _unknown(self.where, name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 <= value < math.inf:
            raise ValueError(f"{self.where}: latency is in seconds, 0 or more; found {value!r}")
        object.__setattr__(self, "latency_ns", round(value * 1e9))

    def __getattr__(self, name: str) -> Any:
        if name == "latency":
            return self.latency_ns / 1e9
        raise _unknown(self.where, name)


class WallLink:
    """What lies between two hosts, on real sockets.

    The loopback between simkit and the bridge takes no time worth mentioning. The latency is added
    at simkit's end, so that figures compare with those of a simulation.

    Attributes:
        latency: one-way seconds, 0 or more; assigning sets both directions, reading gives a pair
            (towards the first end, towards the second) if they differ.

    >>> link = WallLink("twilio", "bridge.example.com", latency=0.02)
    >>> link.towards("twilio").latency = 0.05
    >>> link.latency
    (0.05, 0.02)
    >>> link.loss = 0.1
    Traceback (most recent call last):
    AttributeError: link twilio - bridge.example.com: no loss in wall mode, only latency
    """

    __slots__ = ("_directions", "ends")

    latency: Any

    def __init__(self, a: str, b: str, *, latency: float) -> None:
        directions = {
            a: WallDirection(f"link {b} > {a}", latency),
            b: WallDirection(f"link {a} > {b}", latency),
        }
        object.__setattr__(self, "ends", (a, b))
        object.__setattr__(self, "_directions", directions)

    def towards(self, host: str) -> WallDirection:
        """Return the direction that ends at ``host``.

        Raises:
            ValueError: ``host`` is at neither end.
        """
        try:
            found: WallDirection = self._directions[host]
        except KeyError:
            first, second = self.ends
            raise ValueError(f"{host!r} is not an end of the link {first} - {second}") from None
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "latency":
            raise _unknown(self._name, name)
        for end in self.ends:
            self._directions[end].latency = value

    def __getattr__(self, name: str) -> Any:
        if name != "latency":
            raise _unknown(self._name, name)
        first, second = (self._directions[end].latency for end in self.ends)
        return first if first == second else (first, second)

    @property
    def _name(self) -> str:
        return f"link {self.ends[0]} - {self.ends[1]}"


class Links:
    """All links of a world: those to the bridge have a latency, others take no time.

    Args:
        latencies: one-way seconds between some hosts and the bridge.
        latency: the same for every other host.
        bridge: the bridge's host.
    """

    def __init__(self, latencies: Mapping[str, float], latency: float, bridge: str) -> None:
        self._latencies = latencies
        self._latency = latency
        self._bridge = bridge
        self._links: dict[frozenset[str], WallLink] = {}

    def shortest_ns(self) -> int:
        """Return the least time that anything takes now from the bridge to another host."""
        least_ns = round(min((self._latency, *self._latencies.values())) * 1e9)
        for ends, link in self._links.items():
            if self._bridge in ends:
                least_ns = min(least_ns, *(link.towards(end).latency_ns for end in ends))
        return least_ns

    def between(self, a: str, b: str) -> WallLink:
        """Return the link between two hosts; an empty name is nobody's."""
        ends = frozenset((a, b))
        if ends not in self._links:
            far = ends - {self._bridge, ""}
            there = [self._latencies.get(name, self._latency) for name in far]
            latency = there[0] if self._bridge in ends and there else 0.0
            self._links[ends] = WallLink(a, b, latency=latency)
        return self._links[ends]

    def direction(self, source: str, target: str) -> WallDirection:
        """Return one way along a link."""
        return self.between(source, target).towards(target)


def _unknown(where: str, name: str) -> AttributeError:
    return AttributeError(f"{where}: no {name} in wall mode, only latency")
