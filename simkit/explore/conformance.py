"""Conformance: every scenario with all its variants against one bridge, a row for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from ..network.serve import NotLoadedError
from ..scenarios.job import (
    NOT_LOADED,
    NOT_TO_ITS_END,
    Job,
    RealTime,
    Result,
    Verdict,
    gravest,
    not_run,
)
from ..scenarios.patience import HUNG
from ..scenarios.registry import REGISTRY, find
from .crew import Crew

_HUNG_MOST = 3
"""Runs that may fail to come back before the others are spared."""
_ALIKE_MOST = 3
"""Runs that may begin with one and the same error before the others are spared."""
_OWN_SHARE = 4
"""Runs of simkit's own bridge in one fork, which costs as much as a third of a run."""


@dataclass
class Row:
    """What came of one scenario."""

    scenario: str
    verdicts: list[Verdict]
    """One for each variant, in the order of the variants."""

    @property
    def worst(self) -> Verdict:
        """The variant that went worst; of equals the one that broke most, or the first."""
        return gravest(self.verdicts)

    @property
    def result(self) -> Result:
        """That of the variant that went worst."""
        return self.worst.result

    @property
    def gravity(self) -> int:
        """How grave it is what broke: the less, the graver."""
        return self.worst.gravity

    @property
    def broken(self) -> set[str]:
        """The checks that any variant broke, by name."""
        return {check for one in self.verdicts for check, _ in one.failures}

    @property
    def passed(self) -> int:
        """How many variants passed."""
        return sum(one.result == "passed" for one in self.verdicts)

    def most(self, name: str) -> float | None:
        """Return the most that a figure is in any variant."""
        values = [getattr(one, name) for one in self.verdicts]
        return max((value for value in values if value is not None), default=None)

    @property
    def sentence(self) -> str:
        """What a person should read first: of the worst variant, which is named."""
        variant = " ".join(self.worst.job.assignments)
        sentence = self.worst.sentence
        return f"{variant}: {sentence}" if variant and sentence else sentence


def plan(
    names: Iterable[str] = (),
    *,
    app: str | None = None,
    seed: int = 0,
    upstream: str | None = None,
    wall: RealTime | None = None,
) -> list[Job]:
    """Return a job for every variant of scenarios.

    Args:
        names: of scenarios; all of them if there is none.
        app: the bridge, ``"module:attribute"``; None for simkit's own.
        seed: of each simulation.
        upstream: what the bridge speaks to in Vapi's place.
        wall: the bridge in real time; None: in a simulation.

    Raises:
        ScenarioError: there is no such scenario.
    """
    chosen = [find(name) for name in dict.fromkeys(names)] or list(REGISTRY.values())
    return [
        Job(scenario.name, dict(settings), seed, app, upstream=upstream, wall=wall)
        for scenario in chosen
        for settings in scenario.variants
    ]


def loaded(verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
    """Pass verdicts on, unless the first one tells that there is no application to be run.

    Raises:
        NotLoadedError: it does.
    """
    for number, verdict in enumerate(verdicts):
        if not number and verdict.failures and verdict.failures[0][0] == NOT_LOADED:
            raise NotLoadedError(verdict.sentence)
        yield verdict


def judged(jobs: Sequence[Job], crew: Crew) -> Iterator[Verdict]:
    """Run jobs, and yield verdicts as they come.

    When a few runs did not come back in real time, the others are not run: they would not, either,
    and each takes as long. Nor are they when the first few all end with the same error, as where
    the app does not start.

    Raises:
        NotLoadedError: there is no such app, or it cannot be imported.
    """
    hung = alike = 0
    error: str | None = None
    # The longest scenarios first: at the end one process would run them while the others wait.
    waiting = sorted(jobs, key=lambda job: -find(job.scenario).limit)
    waiting.reverse()

    def sparing() -> Iterator[Job]:
        while waiting and hung < _HUNG_MOST and alike < _ALIKE_MOST:
            yield waiting.pop()

    share = _OWN_SHARE if all(job.app is None for job in jobs) else 1
    for number, verdict in enumerate(loaded(crew.run(sparing(), share=share))):
        hung += HUNG in verdict.sentence
        if verdict.result == "error" and alike == number and error in (None, verdict.sentence):
            alike, error = alike + 1, verdict.sentence
        yield verdict
    why = "did not come back" if hung >= _HUNG_MOST else "ended with the same error"
    for job in reversed(waiting):
        yield not_run(job, f"not run: {_HUNG_MOST} runs before it {why}")


def alone(table: Iterable[Row]) -> tuple[str, int]:
    """Return the check that by itself loses most races, where it loses several, and how many."""
    only = [next(iter(row.broken)) for row in table if len(row.broken) == 1]
    check, count = max(Counter(only).items(), key=itemgetter(1), default=("", 0))
    return (check, count) if count > 1 and check != NOT_TO_ITS_END else ("", 0)


def not_judged(table: Iterable[Row]) -> list[str]:
    """Return what of the checks nobody could look at in any run, since it was in real time."""
    runs = [verdict for row in table for verdict in row.verdicts]
    return list(dict.fromkeys(name for verdict in runs for name in verdict.not_judged))


def rows(jobs: Sequence[Job], verdicts: Iterable[Verdict]) -> list[Row]:
    """Put verdicts in the order of their jobs, a row for each scenario; some may be missing."""
    found = {verdict.job.key: verdict for verdict in verdicts}
    ordered = [found[job.key] for job in jobs if job.key in found]
    names = dict.fromkeys(verdict.job.scenario for verdict in ordered)
    return [Row(name, [one for one in ordered if one.job.scenario == name]) for name in names]
