"""Deviations: single things that a bridge does otherwise, and which of them follow from which."""

from __future__ import annotations

from bisect import bisect_right
from typing import Literal

from msgspec import Struct, structs

from .outputs import Leg

Kind = Literal["missing", "extra", "late", "early", "changed", "reordered"]
AGAIN_NS = 250_000_000
"""Messages of a kind that follow each other so shortly are told as one."""


class Deviation(Struct, frozen=True, kw_only=True):
    """One thing that the bridge does otherwise."""

    kind: Kind
    leg: Leg
    what: str
    """``clear``, ``mark "agent-1"``, ``reply 2``, ..."""
    t_ns: int
    """Since the recording's begin: the first instant at which the two differ."""
    by_ms: float | None = None
    """How much later, earlier (negative), more or less (negative)."""
    sentence: str
    times: int = 1
    """How many like it there were in close succession."""
    last_ns: int = 0
    """The instant of the last of them."""
    recorded_ns: int | None = None
    """When it was in the recording; None: it was not."""
    today_ns: int | None = None
    """When it is now, on the same clock; None: it is not."""
    consequences: list[Deviation] = []
    """What follows from it."""

    def __str__(self) -> str:
        """Return the sentence, with the number of times if there are several."""
        return self.sentence if self.times == 1 else f"{self.sentence} ({self.times} times)"


def grouped(
    found: list[Deviation], in_step: dict[Leg, list[int]], tolerance_ns: int
) -> list[Deviation]:
    """Put what follows from something under it.

    It follows if it is as late as that, or if it is of another kind and nothing was as recorded in
    between.
    """
    groups: list[list[Deviation]] = []
    latest: dict[tuple[Leg, Kind, str], int] = {}
    """Of each sort of message, its place in the last group."""
    for one in sorted(found, key=lambda one: (one.t_ns, _rank(one))):
        sort = (one.leg, *_like(one))
        at = latest.get(sort)
        if at is not None and not _rank(one) and one.t_ns - groups[-1][at].last_ns <= AGAIN_NS:
            # Counted as another one like it.
            other = groups[-1][at]
            groups[-1][at] = structs.replace(other, times=other.times + 1, last_ns=one.t_ns)
            continue
        if not groups or not _follows(one, groups[-1][0], in_step, tolerance_ns):
            groups.append([])
            latest.clear()
        latest[sort] = len(groups[-1])
        groups[-1].append(one)
    return [structs.replace(cause, consequences=rest) for cause, *rest in groups]


def _like(one: Deviation) -> tuple[Kind, str]:
    return one.kind, one.what.split()[0]


def _rank(one: Deviation) -> int:
    """Of one instant: messages, then what began, then what was heard."""
    if not one.what.startswith(("reply", "the caller's audio")):
        return 0
    return 2 if one.kind == "changed" else 1


def _follows(
    one: Deviation, cause: Deviation, in_step: dict[Leg, list[int]], tolerance_ns: int
) -> bool:
    moves = ("late", "early")
    if one.kind in moves and cause.kind in moves:
        assert one.by_ms is not None
        assert cause.by_ms is not None
        if abs(one.by_ms - cause.by_ms) * 1e6 <= tolerance_ns:
            return True
    if _like(one) == _like(cause):
        return False
    for leg in {one.leg, cause.leg}:
        after = bisect_right(in_step[leg], cause.t_ns)
        if after < len(in_step[leg]) and in_step[leg][after] < one.t_ns:
            return False
    return True
