"""The promises of one world: which of them are of account, and how strict they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from ..timeline import Timeline
from .catalogue import ALL, run
from .check import Check, CheckResult

_KNOWN = {check.name: check for check in ALL}
_MOST_VIOLATIONS = 5


class CheckError(ValueError):
    """There is no such check, or it has no such limit; says which there are."""


class Checks:
    """What is checked in one world.

    Args:
        timeline: returns what happened so far.
        in_real_time: the bridge is a process of its own, which shows less than a simulation: what
            it does not show is not judged.

    >>> checks = Checks(Timeline)
    >>> checks.adjust("no-blocking", over_ms=50)
    >>> checks.waive("agent-audio-intact", reason="the bridge plays music of its own")
    >>> checks.broken()
    []
    """

    def __init__(self, timeline: Callable[[], Timeline], *, in_real_time: bool = False) -> None:
        self._timeline = timeline
        self._in_real_time = in_real_time
        self._waived: dict[str, str] = {}
        self._limits: dict[str, dict[str, float]] = {}

    def waive(self, name: str, *, reason: str) -> None:
        """Let a promise be broken; results say for what reason.

        Raises:
            CheckError: there is no such check, or no reason.
        """
        _known(name)
        if not isinstance(reason, str) or not reason.strip():
            raise CheckError(f"{name}: a check is waived for a reason; found {reason!r}")
        self._waived[name] = reason

    def adjust(self, name: str, **limits: float) -> None:
        """Change limits of a check; the ending of a limit's name is its unit.

        Raises:
            CheckError: there is no such check or limit, or a value is no number from 0 on.
        """
        known = _known(name).limits
        for limit, value in limits.items():
            if limit not in known:
                there = ", ".join(f"{one}={known[one].default:g}" for one in known) or "none"
                raise CheckError(f"{name}: no limit {limit!r}; there are: {there}")
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not 0 <= value < math.inf:
                raise CheckError(f"{name}: {limit}: a number, 0 or more; found {value!r}")
        self._limits.setdefault(name, {}).update(limits)

    def judge(self) -> list[CheckResult]:
        """Judge every check on what happened so far."""
        return run(self._timeline(), self._waived, self._limits, in_real_time=self._in_real_time)

    def broken(self) -> list[CheckResult]:
        """Return those that do not hold so far, and are of account."""
        return [result for result in self.judge() if result.failed]


def _known(name: str) -> Check:
    if name not in _KNOWN:
        raise CheckError(f"no check {name!r}; there are: {', '.join(_KNOWN)}")
    return _KNOWN[name]


def describe(results: Iterable[CheckResult]) -> str:
    """Return broken promises for people to read: each with what broke it, and what proves that."""
    lines: list[str] = []
    for result in results:
        if not result.violations:
            continue
        waived = f" (waived: {result.waived})" if result.waived else ""
        lines.append(f"{result.name}: the promise is that {result.promise}{waived}")
        for violation in result.violations[:_MOST_VIOLATIONS]:
            lines.append(f"    {violation.sentence}")
            lines += [f"        {shown}" for shown in violation.evidence]
        more = len(result.violations) - _MOST_VIOLATIONS
        lines += [f"    ... and {more} more"] if more > 0 else []
    return "\n".join(lines)
