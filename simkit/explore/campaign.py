"""Campaigns: scenario x variant x seed, counted as verdicts come, resumable after an interrupt.

What is kept in memory does not grow with the number of runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
from bisect import insort
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from ..scenarios.job import Job, Result, Verdict
from ..scenarios.registry import find

_KEPT = 10
"""Failures of each kind that are kept, those of the lowest seeds."""
STEP_MS = 10
"""Within which times to stop are counted as one."""
_DIGEST_BITS = 64


class CampaignError(ValueError):
    """A file that holds no campaign, or another one; says which."""


class Campaign(msgspec.Struct, frozen=True):
    """What is to be run; the first line of its file."""

    scenarios: list[str]
    first_seed: int
    seeds: int
    """How many there are, each one more than the one before."""
    app: str | None = None
    upstream: str | None = None
    varied: bool = True
    """A seed changes distances and timings, too."""

    def jobs(self) -> Iterator[Job]:
        """Yield every job, seed after seed.

        Raises:
            ScenarioError: there is no such scenario.
        """
        scenarios = [find(name).name for name in self.scenarios]
        for seed in range(self.first_seed, self.first_seed + self.seeds):
            for scenario in scenarios:
                yield from self._variants(scenario, seed)

    def _variants(self, scenario: str, seed: int) -> Iterator[Job]:
        for settings in find(scenario).variants:
            yield Job(scenario, dict(settings), seed, self.app, self.varied, self.upstream)

    def repeats(self, failure: Failure) -> Iterator[Job]:
        """Yield the job that came to a failure."""
        for job in self._variants(failure.scenario, failure.seed):
            if job.command() == failure.command:
                yield job

    def __len__(self) -> int:
        """How many jobs there are."""
        return self.seeds * sum(len(find(name).variants) for name in self.scenarios)


class Failure(msgspec.Struct, frozen=True, order=True):
    """One broken promise, and how to see it again."""

    seed: int
    scenario: str
    check: str
    sentence: str
    command: str


class Tally:
    """What came of a campaign so far: the same whatever the order in which verdicts come."""

    def __init__(self) -> None:
        self.results: Counter[tuple[str, Result]] = Counter()
        """How often each scenario came to each result."""
        self.failed: Counter[tuple[str, str]] = Counter()
        """How often each check failed in each scenario."""
        self.first: dict[tuple[str, str], list[Failure]] = {}
        """Of those the ones with the lowest seeds."""
        self.stops: dict[str, Counter[int]] = {}
        """How often the slowest barge-in of a run took so many :data:`STEP_MS`, begun ones counted
        whole, in each scenario."""
        self.runs = 0
        self._call_ns = 0
        self.cpu_seconds = 0.0
        self._digest = 0

    def add(self, verdict: Verdict) -> None:
        """Count a verdict."""
        self.runs += 1
        self._call_ns += round(verdict.call_seconds * 1e9)
        self.cpu_seconds += verdict.cpu_seconds
        scenario, stop_ms = verdict.job.scenario, verdict.time_to_stop_ms
        self.results[scenario, verdict.result] += 1
        if stop_ms is not None:
            self.stops.setdefault(scenario, Counter())[math.ceil(stop_ms / STEP_MS)] += 1
        for failure in failures(verdict):
            key = failure.scenario, failure.check
            self.failed[key] += 1
            kept = self.first.setdefault(key, [])
            insort(kept, failure)
            del kept[_KEPT:]
        plain = msgspec.json.encode(msgspec.structs.replace(verdict, cpu_seconds=0.0))
        # A sum has no order.
        self._digest += int.from_bytes(hashlib.sha256(plain).digest()[: _DIGEST_BITS // 8])

    @property
    def digest(self) -> str:
        """Of all verdicts, in no order: what it cost left out."""
        return f"{self._digest % 2**_DIGEST_BITS:0{_DIGEST_BITS // 4}x}"

    @property
    def call_seconds(self) -> float:
        """How long all calls were."""
        return self._call_ns / 1e9

    def of(self, result: Result) -> int:
        """Return how many runs came to a result."""
        return sum(count for (_, came_to), count in self.results.items() if came_to == result)


def failures(verdict: Verdict) -> list[Failure]:
    """Return what a verdict found broken, each with the command that shows it again."""
    job = verdict.job
    return [
        Failure(job.seed, job.scenario, check, sentence, job.command())
        for check, sentence in verdict.failures
    ]


class Ledger:
    """A campaign's file: what it is, then a verdict a line, only ever appended to.

    Args:
        path: of the file.
        campaign: which it is.
        resume: go on where a file of the same campaign ends. A last line that was not finished is
            dropped.

    Raises:
        CampaignError: the file is there and is not to be gone on with, or is of no use.
        OSError: it cannot be written.
    """

    def __init__(self, path: Path, campaign: Campaign, *, resume: bool) -> None:
        self._done: set[bytes] = set()
        self.tally = Tally()
        """What was there already."""
        if path.exists() and not resume:
            raise CampaignError(f"{path}: is there; --resume goes on with it")
        self._file: IO[bytes] = path.open("r+b" if path.exists() else "xb")
        try:
            self._read(path, campaign)
        except BaseException:
            with contextlib.suppress(OSError):
                self._file.close()
            raise

    def _read(self, path: Path, campaign: Campaign) -> None:
        header = msgspec.json.encode({"campaign": campaign}) + b"\n"
        whole = 0
        if self._file.readable():
            for number, line in enumerate(self._file, 1):
                if not line.endswith(b"\n"):
                    break
                if number == 1 and line != header:
                    raise CampaignError(f"{path}: line 1: expected {header.decode().rstrip()}")
                if number > 1:
                    self._recall(line, f"{path}: line {number}")
                whole += len(line)
        self._file.truncate(whole)
        self._file.seek(whole)
        if not whole:
            self._file.write(header)
            self._file.flush()

    def _recall(self, line: bytes, place: str) -> None:
        try:
            verdict = msgspec.json.decode(line, type=Verdict)
        except msgspec.DecodeError as error:
            raise CampaignError(f"{place}: {error}") from None
        self._done.add(_short(verdict.job))
        self.tally.add(verdict)

    def holds(self, job: Job) -> bool:
        """Tell whether a job was done before."""
        return _short(job) in self._done

    def write(self, verdict: Verdict) -> None:
        """Append a verdict, with the command that repeats it where it failed.

        Raises:
            OSError: there is no place for it; nothing more can be written.
        """
        line: dict[str, Any] = msgspec.to_builtins(verdict)
        if verdict.failures:
            line["command"] = verdict.job.command()
        try:
            self._file.write(msgspec.json.encode(line) + b"\n")
            self._file.flush()
        except OSError:
            with contextlib.suppress(OSError):  # the rest of the line, again
                self._file.close()
            raise

    def close(self) -> None:
        """Close the file.

        Raises:
            OSError: what was written last is not there.
        """
        if not self._file.closed:
            with self._file:
                os.fsync(self._file.fileno())


def _short(job: Job) -> bytes:
    return hashlib.sha256(job.key).digest()[:12]
