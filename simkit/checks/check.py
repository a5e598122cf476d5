"""What a check is: a promise with a name, judged from a timeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec import Struct

from ..timeline import Timeline
from ..timeline.text import printable


class Violation(Struct, frozen=True):
    """One place where a promise was broken."""

    at_ns: int
    sentence: str
    """What a person needs to know, with the instant in it."""


class CheckResult(Struct, frozen=True):
    """How a check came out."""

    name: str
    promise: str
    violations: list[Violation]
    waived: str = ""
    """Why it is of no account that the promise was broken; empty when it is of account."""

    @property
    def passed(self) -> bool:
        """True when the promise held, or need not hold."""
        return not self.violations or bool(self.waived)

    @property
    def sentence(self) -> str:
        """The promise, or what broke it first and how often it was broken."""
        if not self.violations:
            return self.promise
        more = len(self.violations) - 1
        return self.violations[0].sentence + (f" (and {more} more)" if more else "")


@dataclass(frozen=True)
class Check:
    """A promise that must hold in every run."""

    name: str
    promise: str
    find: Callable[[Timeline], list[Violation]]

    def judge(self, timeline: Timeline, waived: str = "") -> CheckResult:
        """Look for violations; ``waived`` is the reason why they are of no account."""
        violations = [
            # Sentences quote the bridge and the caller.
            Violation(found.at_ns, printable(found.sentence))
            for found in sorted(self.find(timeline), key=lambda violation: violation.at_ns)
        ]
        return CheckResult(self.name, self.promise, violations, waived)


def seconds(ns: int) -> str:
    """Write an instant as timelines do."""
    return f"{ns / 1e9:.3f}"


def milliseconds(ns: float) -> str:
    """Write a duration in whole milliseconds."""
    return f"{ns / 1e6:.0f} ms"
