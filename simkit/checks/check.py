"""What a check is: a promise with a name, judged from a timeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ..timeline import Event, Timeline
from ..timeline.text import line, printable

ALL_OF_IT = "all of it"
"""Stands for what a run in real time does not show of a promise, where that is everything."""
NOT_JUDGED = "not judged (real time)"
"""What reports call a promise that nobody looked at."""
_MOST_EVENTS = 12
"""Of the evidence, that are shown."""

Word = Literal["passed", "failed", "waived", "not judged"]


class Sound(Struct, frozen=True):
    """From when until when something was said or heard in a call, or should have been."""

    call: int
    row: Literal["mouth", "ear"]
    """The caller's."""
    start_ns: int
    end_ns: int


class Violation(Struct, frozen=True):
    """One place where a promise was broken."""

    at_ns: int
    sentence: str
    """What a person needs to know, with the instant in it."""
    events: Sequence[Event] = ()
    """What proves it, in the order of time."""
    sounds: Sequence[Sound] = ()
    """What of the call's sound it is about, as far as it is about any."""

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
    not_judged: str = ""
    """What of it nobody could look at, since the run was in real time; or :data:`ALL_OF_IT`."""

    @property
    def word(self) -> Word:
        """How it came out: a promise that nobody looked at has not passed."""
        if self.violations:
            return "waived" if self.waived else "failed"
        return "not judged" if self.not_judged == ALL_OF_IT else "passed"

    @property
    def passed(self) -> bool:
        """True when the promise held, or need not hold."""
        return self.word in ("passed", "waived")

    @property
    def failed(self) -> bool:
        """True when the promise was broken, and that is of account."""
        return self.word == "failed"

    @property
    def sentence(self) -> str:
        """The promise, or what broke it first and how often it was broken."""
        if not self.violations:
            return self.promise
        more = len(self.violations) - 1
        return self.violations[0].sentence + (f" (and {more} more)" if more else "")


def not_judged(results: Iterable[CheckResult]) -> list[str]:
    """Return the promises that nobody could look at in real time, or which part of them."""
    return [
        result.name if result.not_judged == ALL_OF_IT else f"{result.name}: {result.not_judged}"
        for result in results
        if result.not_judged
    ]


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
    only_simulated: str = ""
    """What of it a run in real time does not show; or :data:`ALL_OF_IT`."""

    def judge(
        self,
        timeline: Timeline,
        waived: str = "",
        limits: Mapping[str, float] | None = None,
        *,
        in_real_time: bool = False,
    ) -> CheckResult:
        """Look for violations.

        Args:
            timeline: what happened.
            waived: the reason why violations are of no account.
            limits: those that are not to be as by default.
            in_real_time: the bridge was a process of its own, which shows less than a simulation.
        """
        chosen = {name: limit.default for name, limit in self.limits.items()}
        chosen.update(limits or {})
        violations = [
            # Sentences quote the bridge and the caller.
            replace(found, sentence=printable(found.sentence))
            for found in sorted(self.find(timeline, **chosen), key=lambda found: found.at_ns)
        ]
        unseen = self.only_simulated if in_real_time else ""
        return CheckResult(self.name, self.promise.format(**chosen), violations, waived, unseen)


def named(service: str) -> str:
    """Write a service's name, which is that of its lane, as it writes itself."""
    return "OpenAI" if service == "openai" else service.capitalize()


def sound_of(event: Event) -> Sound:
    """Return when what an event tells of was said or heard by the caller."""
    row: Literal["mouth", "ear"] = "ear" if event.kind == "hears" else "mouth"
    return Sound(event.call or 0, row, event.t_ns, event.t_ns + event.fields["duration_ns"])


def seconds(ns: int) -> str:
    """Write an instant as timelines do."""
    return f"{ns / 1e9:.3f}"


def milliseconds(ns: float) -> str:
    """Write a duration in whole milliseconds."""
    return f"{ns / 1e6:.0f} ms"
