"""Jobs on a Dask cluster: shares of them go to its workers, each of which has a crew of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from ..scenarios.job import REAL_LIMIT, Job, Verdict, not_run
from .crew import Crew, CrewError

_AHEAD = 2
"""Shares for each thread of the cluster that are under way."""
_CONNECT_SECONDS = 15.0
_mine = threading.local()


class Cluster:
    """A Dask cluster in the place of a :class:`Crew`; a context manager.

    Every thread of every Dask worker runs jobs as a crew of one does. simkit and the bridge must be
    importable there. A share whose worker is lost is run by another one.

    Args:
        address: of the scheduler, as in ``tcp://127.0.0.1:8786``.
        real_limit: seconds of real time for each run.

    Raises:
        CrewError: ``distributed`` is not installed, or nobody is at the address.
    """

    def __init__(self, address: str, *, real_limit: float = REAL_LIMIT) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise CrewError("a Dask cluster takes the extra dask: simkit[dask]") from None
        try:
            self._client: Any = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise CrewError(f"no Dask scheduler at {address}: {error}") from None
        self._real_limit = real_limit

    @property
    def workers(self) -> int:
        """How many threads the cluster has by now."""
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    def run(self, jobs: Iterable[Job], *, share: int = 1) -> Iterator[Verdict]:
        """Run jobs, and yield verdicts as they come; see :meth:`Crew.run`."""
        from distributed import as_completed

        source = iter(jobs)
        under_way: dict[str, list[Job]] = {}
        done = as_completed(loop=self._client.loop)
        while True:
            room = _AHEAD * self.workers - len(under_way)
            for _ in range(room):
                given = list(islice(source, share))
                if not given:
                    break
                future = self._client.submit(judge_share, given, self._real_limit, pure=False)
                under_way[future.key] = given
                done.add(future)
            if not under_way:
                return
            future = next(done)
            given = under_way.pop(future.key)
            try:
                verdicts = future.result()
            except Exception as error:
                why = f"the cluster lost it: {type(error).__name__}: {error}"
                verdicts = [not_run(job, why) for job in given]
            future.release()
            yield from verdicts

    def close(self) -> None:
        """Leave the cluster; what is under way there is cancelled."""
        self._client.close()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def judge_share(jobs: list[Job], real_limit: float) -> list[Verdict]:
    """Run jobs in a worker process that belongs to this thread."""
    crew: Crew | None = getattr(_mine, "crew", None)
    if crew is None:
        crew = _mine.crew = Crew(1, real_limit=real_limit)
    return list(crew.run(jobs, share=len(jobs)))
