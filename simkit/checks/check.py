"""What a check is: a promise with a name, judged from a timeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from ..timeline import Event, Timeline
from ..timeline.text import line, printable

_MOST_EVENTS = 12
"""Of the evidence, that are shown."""


class Violation(Struct, frozen=True):
    """One place where a promise was broken."""

    at_ns: int
    sentence: str
    """What a person needs to know, with the instant in it."""
    events: Sequence[Event] = ()
    """What proves it, in the order of time."""

    @property
    def evidence(self) -> list[str]:
        """The events as lines of a timeline; of very many the first."""
        shown = [line(event).strip() for event in self.events[:_MOST_EVENTS]]
        more = len(self.events) - len(shown)
        return [*shown, f"... {more} more"] if more else shown


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
class Limit:
    """How much of something a check allows; its name tells the unit."""

    default: float
    meaning: str


@dataclass(frozen=True)
class Check:
    """A promise that must hold in every run."""

    name: str
    promise: str
    """One sentence; limits stand in it by their names, in braces."""
    find: Callable[..., list[Violation]]
    """Takes the timeline, and the limits by keyword."""
    limits: Mapping[str, Limit] = field(default_factory=dict)

    def judge(
        self, timeline: Timeline, waived: str = "", limits: Mapping[str, float] | None = None
    ) -> CheckResult:
        """Look for violations.

        Args:
            timeline: what happened.
            waived: the reason why violations are of no account.
            limits: those that are not to be as by default.
        """
        chosen = {name: limit.default for name, limit in self.limits.items()}
        chosen.update(limits or {})
        violations = [
            # Sentences quote the bridge and the caller.
            Violation(found.at_ns, printable(found.sentence), found.events)
            for found in sorted(self.find(timeline, **chosen), key=lambda found: found.at_ns)
        ]
        return CheckResult(self.name, self.promise.format(**chosen), violations, waived)


def named(service: str) -> str:
    """Write a service's name, which is that of its lane, as it writes itself."""
    return "OpenAI" if service == "openai" else service.capitalize()


def seconds(ns: int) -> str:
    """Write an instant as timelines do."""
    return f"{ns / 1e9:.3f}"


def milliseconds(ns: float) -> str:
    """Write a duration in whole milliseconds."""
    return f"{ns / 1e6:.0f} ms"
