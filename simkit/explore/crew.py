"""A crew: worker processes that run jobs side by side, replaced when they are lost."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from ..scenarios.job import REAL_LIMIT, Job, Verdict, went_wrong
from ..wall.child import undisturbed
from .worker import Frames, Orders, framed

_AHEAD = 2
"""Shares that a worker has: the one it runs, and the next."""
_LOSSES = 2
"""Workers that a job may cost."""
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class CrewError(RuntimeError):
    """Worker processes do not start; what they said stands on stderr."""


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Crew:
    """So many worker processes, for jobs of any number; a context manager.

    Args:
        workers: how many; None: one for each processor.
        real_limit: seconds of real time for each run.
        pages: folder that the page of each call is written to; None: to none.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        real_limit: float = REAL_LIMIT,
        pages: Path | None = None,
    ) -> None:
        self._most = workers or processors()
        path = [os.fsencode(place) for place in sys.path]
        self._orders = Orders(path, real_limit, None if pages is None else os.fsencode(pages))
        self._workers: list[_Process] = []
        self._selector = selectors.DefaultSelector()

    def run(self, jobs: Iterable[Job], *, share: int = 1) -> Iterator[Verdict]:
        """Run jobs, and yield verdicts as they come.

        Args:
            jobs: drawn only as fast as they are run.
            share: jobs that a worker is given at once.

        Raises:
            CrewError: the worker processes do not start.
        """
        try:
            yield from self._run(iter(jobs), share)
        finally:
            # Whoever wants no more verdicts shall not find them among those of other jobs.
            for worker in [worker for worker in self._workers if worker.jobs]:
                self._dismiss(worker)

    def _run(self, source: Iterator[Job], share: int) -> Iterator[Verdict]:
        again: deque[Job] = deque()
        losses: dict[bytes, int] = {}
        while True:
            self._give(source, again, share)
            if not any(worker.jobs for worker in self._workers):
                return
            for key, _ in self._selector.select():
                worker: _Process = key.data
                verdicts = worker.read()
                if verdicts is not None:
                    yield from verdicts
                    continue
                self._dismiss(worker)
                if not worker.is_ready:
                    raise CrewError(f"a worker process ended with code {worker.code} at its start")
                if worker.jobs:
                    lost = worker.jobs.popleft()
                    losses[lost.key] = losses.get(lost.key, 0) + 1
                    if losses[lost.key] < _LOSSES:
                        again.append(lost)
                    else:
                        yield went_wrong(lost, f"{_LOSSES} worker processes were lost over it")
                again.extend(worker.jobs)

    def _give(self, source: Iterator[Job], again: deque[Job], share: int) -> None:
        """Let everybody have enough to do; a crew grows as it is needed."""
        while True:
            free = [worker for worker in self._workers if len(worker.jobs) <= (_AHEAD - 1) * share]
            if not free and len(self._workers) >= self._most:
                return
            jobs = [again.popleft()] if again else list(islice(source, share))
            if not jobs:
                return
            if len(self._workers) < self._most:
                with undisturbed():
                    worker = _Process(self._orders)
                    self._workers.append(worker)
                self._selector.register(worker.out, selectors.EVENT_READ, worker)
            else:
                worker = min(free, key=lambda worker: len(worker.jobs))
            worker.give(jobs)

    def _dismiss(self, worker: _Process) -> None:
        self._workers.remove(worker)
        if worker.out in self._selector.get_map():
            self._selector.unregister(worker.out)
        worker.end()

    def close(self) -> None:
        """End every worker at once."""
        for worker in tuple(self._workers):
            self._dismiss(worker)
        self._selector.close()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class _Process:
    """One worker, seen from here."""

    def __init__(self, orders: Orders) -> None:
        self.jobs: deque[Job] = deque()
        """What it was given and has not told of, in order."""
        self.is_ready = False
        self._frames = Frames(Any)
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from simkit.explore.worker import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ
            | _ONE_THREAD
            | {"PYTHONPATH": os.pathsep.join(map(os.fsdecode, orders.path))},
            # So that Ctrl-C reaches this process alone, and all of its forks can be ended.
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self.out = self._process.stdout.fileno()
        self._send(orders)

    def _send(self, message: Any) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it is lost, and that will be seen
            self._process.stdin.write(framed(message))
            self._process.stdin.flush()

    @property
    def code(self) -> int | None:
        """Its exit code, minus the signal that killed it."""
        return self._process.returncode

    def give(self, jobs: list[Job]) -> None:
        """Give it a share."""
        self.jobs.extend(jobs)
        self._send(jobs)

    def read(self) -> list[Verdict] | None:
        """Return the verdicts that have come; None when it has ended."""
        data = os.read(self.out, 65_536)
        if not data:
            return None
        verdicts = []
        for message in self._frames.feed(data):
            if not self.is_ready:
                self.is_ready = True
                continue
            verdicts.append(msgspec.convert(message, Verdict))
            self.jobs.popleft()
        return verdicts

    def end(self) -> None:
        """End it, and what it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(BrokenPipeError), self._process:
            pass  # both pipes are closed, and it is waited for
