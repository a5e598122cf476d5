"""A run as a job: what is to be run, and the verdict on it, both small enough to send about."""

from __future__ import annotations

import contextlib
import hashlib
import shlex
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from .._environment import environment
from ..checks import not_judged
from ..checks.conduct import (
    CLEAN_TEARDOWN,
    NO_OUTSIDE_WORLD,
    NO_UNHANDLED_ERROR,
    PROTOCOL_CONFORMANCE,
)
from ..network.openings import LeftOpenWarning
from ..network.serve import AppError, NotLoadedError
from ..recording import ENVIRONMENT
from ..report import Outcome
from ..timeline import Timeline
from .playing import simulate
from .registry import CHECKS, find
from .shown import shown
from .substitute import ACCOUNTS

Result = Literal["passed", "failed", "not applicable", "error"]

RANKS: tuple[Result, ...] = ("not applicable", "passed", "failed", "error")
"""Results from the least to the worst."""
NOT_TO_ITS_END = "scenario"
"""Stands in place of a check's name where the scenario itself did not go to its end."""
_CAUSES = (NO_UNHANDLED_ERROR.name, NO_OUTSIDE_WORLD.name)
"""Checks that name why a call broke off, where others only tell that it did."""
NOT_LOADED = "app"
"""Stands there where the application could not even be imported."""
_GRAVITY = {name: place for place, name in enumerate((NOT_TO_ITS_END, *CHECKS))}
REAL_LIMIT = 60.0
"""Seconds of real time that a run may take."""


class RealTime(msgspec.Struct, frozen=True, omit_defaults=True):
    """A run with ``--wall``, and the bridge there: where it listens, what starts it."""

    bridge: str | None = None
    exec: str | None = None


class Job(msgspec.Struct, frozen=True, omit_defaults=True):
    """One run of a scenario against a bridge."""

    scenario: str
    """Its registered name."""
    settings: dict[str, Any] = {}
    """Its parameters, where they are not to be as by default."""
    seed: int = 0
    app: str | None = None
    """``"module:attribute"``; None for simkit's own bridge."""
    varied: bool = False
    """Let the seed also vary distances and timings."""
    upstream: str | None = None
    """What the bridge speaks to in Vapi's place; see :func:`simulate`."""
    wall: RealTime | None = None
    """None: in a simulation."""

    @property
    def key(self) -> bytes:
        """What tells it from every other job."""
        return msgspec.json.encode(self)

    @property
    def assignments(self) -> list[str]:
        """Its settings, as ``--set`` takes them."""
        return [
            f"{name}={str(value).lower() if isinstance(value, bool) else value}"
            for name, value in self.settings.items()
        ]

    def command(self) -> str:
        """Return the command that repeats it."""
        found = ["simkit", "run", self.scenario]
        for assignment in self.assignments:
            found += ["--set", assignment]
        found += ["--seed", str(self.seed)] if self.seed else []
        found += ["--varied"] if self.varied else []
        found += ["--app", self.app] if self.app is not None else []
        found += ["--upstream", self.upstream] if self.upstream is not None else []
        if self.wall is not None:
            found += ["--wall"]
            found += ["--bridge", self.wall.bridge] if self.wall.bridge is not None else []
            found += ["--exec", self.wall.exec] if self.wall.exec is not None else []
        return shlex.join(found)


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of a job. Everything but ``cpu_seconds`` follows from the job."""

    job: Job
    result: Result
    failures: list[tuple[str, str]] = []
    """Each broken check, by name, with its sentence. First, with ``scenario`` in place of a check,
    why the scenario did not go to its end, or why it could not be run."""
    reason: str = ""
    """Why the scenario is not applicable."""
    time_to_stop_ms: float | None = None
    """Of the slowest barge-in."""
    first_words_lost_ms: float | None = None
    leaks: int | None = None
    """Left over after the calls; None also where the check of it is waived."""
    call_seconds: float = 0.0
    cpu_seconds: float = 0.0
    digest: str = ""
    """Of the timeline: the same one gives the same."""
    strip: str = ""
    """A small picture of the call, where :func:`judge` was asked for pages."""
    not_judged: list[str] = []
    """What of the checks nobody could look at; see :func:`simkit.checks.not_judged`."""
    page: str = ""
    """Name of the file with the call's page, where one was asked for and could be written."""

    @property
    def gravity(self) -> int:
        """How grave it is what broke: the less, the graver."""
        return min((gravity(check) for check, _ in self.failures), default=len(_GRAVITY))

    @property
    def sentence(self) -> str:
        """What a person should read first; empty when it passed."""
        if not self.failures:
            return self.reason
        check, sentence = self.failures[0]
        own_words = check in (NOT_TO_ITS_END, NOT_LOADED)
        told = sentence if own_words else f"{check}: {sentence}"
        causes = [said for name, said in self.failures if name in _CAUSES]
        if causes and check in (NOT_TO_ITS_END, PROTOCOL_CONFORMANCE.name):
            first, newline, rest = told.partition("\n")
            told = f"{first.rstrip('.')}; {causes[0]}{newline}{rest}"
        return told


def gravity(check: str) -> int:
    """Return how grave it is that a check failed: the less, the graver.

    Gravest is what the scenario itself says, then what the caller hears, then what peers and
    machine get; last comes what is left when the call is over.
    """
    return _GRAVITY.get(check, len(_GRAVITY))


def gravest(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the one that went worst; of equals the one that broke most, or the first."""
    return max(verdicts, key=lambda one: (RANKS.index(one.result), -one.gravity, len(one.failures)))


def judge(job: Job, *, real_limit: float = REAL_LIMIT, pages: Path | None = None) -> Verdict:
    """Run a job in a simulation, in this process, and judge what came of it.

    The bridge finds the simulated accounts in its environment, and what it prints goes to stderr.

    Args:
        job: what is to be run.
        real_limit: seconds of real time that it may take.
        pages: folder that the call's page is written to; None: to none.

    Raises:
        ScenarioError: there is no such scenario.
    """
    scenario = find(job.scenario)
    try:
        with surroundings():
            outcome = simulate(
                scenario,
                job.settings,
                app=job.app,
                seed=job.seed,
                varied=job.varied,
                upstream=job.upstream,
                real_limit=real_limit,
            )
    except SystemExit as error:
        return went_wrong(job, f"the bridge ended its process: SystemExit: {error}")
    except NotLoadedError as error:
        return Verdict(job, "error", [(NOT_LOADED, _sayable(str(error)))])
    except AppError as error:
        return not_run(job, str(error))
    except Exception as error:
        return not_run(job, f"{type(error).__name__}: {error}")
    verdict = verdict_on(job, outcome)
    return verdict if pages is None else shown(verdict, outcome, pages)


def verdict_on(job: Job, outcome: Outcome) -> Verdict:
    """Sum up what came of a job."""
    failures = [(NOT_TO_ITS_END, _sayable(outcome.failure))] if outcome.failure else []
    failures += [(check.name, _sayable(check.sentence)) for check in outcome.checks if check.failed]
    result: Result = "failed" if failures else "passed"
    if outcome.inapplicable:
        result, failures = "not applicable", []
    # Where what is left is of no account, to count it would look like a fault.
    counts = not any(c.name == CLEAN_TEARDOWN.name and c.waived for c in outcome.checks)
    stops = [one.time_to_stop_ms for one in outcome.barge_ins if one.time_to_stop_ms is not None]
    return Verdict(
        job,
        result,
        failures,
        outcome.inapplicable,
        time_to_stop_ms=max(stops, default=None),
        first_words_lost_ms=outcome.measures.first_words_lost_ms,
        leaks=outcome.measures.leaks if counts else None,
        call_seconds=outcome.call_seconds,
        cpu_seconds=outcome.cpu_seconds,
        digest=_digest(outcome.timeline),
        not_judged=not_judged(outcome.checks),
    )


def _digest(timeline: Timeline) -> str:
    try:
        data = msgspec.msgpack.encode(timeline.events)
    except UnicodeEncodeError:  # somebody wrote half a letter
        data = repr(msgspec.to_builtins(timeline.events)).encode(errors="backslashreplace")
    return hashlib.sha256(data).hexdigest()[:16]


def _sayable(text: str) -> str:
    """Return a text as UTF-8 can hold it."""
    return text.encode(errors="replace").decode()


def inapplicable(job: Job, reason: str) -> Verdict:
    """Say of a job why it says nothing of the bridge."""
    return Verdict(job, "not applicable", reason=reason)


def not_run(job: Job, why: str) -> Verdict:
    """Say of a job why it could not be run."""
    return Verdict(job, "error", [(NOT_TO_ITS_END, _sayable(why))])


def went_wrong(job: Job, how: str) -> Verdict:
    """Say of a job how it ended before its time."""
    return Verdict(job, "failed", [(NOT_TO_ITS_END, _sayable(how))])


@contextlib.contextmanager
def surroundings() -> Iterator[None]:
    """Let a bridge find the simulated accounts in its environment, and print to stderr."""
    with (
        environment(ENVIRONMENT | ACCOUNTS),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(sys.stderr),
    ):
        # The check of teardown says it.
        warnings.simplefilter("ignore", LeftOpenWarning)
        yield
