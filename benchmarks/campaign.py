"""How fast is a campaign, and what is a second worker worth? Runs per second, CPU per run.

The same runs, first in this process one after the other, then by a crew of one worker and of two,
in turns; workers are started and warm before the clock runs. On a machine that does other things,
too, the wall tells little: two workers also cost what they cost in CPU time, which is read from the
system. Linux only.

    python benchmarks/campaign.py [--runs 60] [--scenario NAME] [--app MODULE:ATTR] [--turns 3]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from simkit.explore import Crew, processors
from simkit.scenarios import Job, judge

TICK = os.sysconf("SC_CLK_TCK")
SHARE = 8


def spent(pids: list[int]) -> float:
    """Return the CPU seconds of processes and of what they have waited for."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, fields[11:15]))
    return total / TICK


def here(jobs: list[Job]) -> tuple[float, float]:
    """Return wall and CPU seconds of jobs in this process."""
    began, before = time.perf_counter(), time.process_time()
    for job in jobs:
        judge(job)
    return time.perf_counter() - began, time.process_time() - before


def by_crew(workers: int, jobs: list[Job]) -> tuple[float, float]:
    """Return wall and CPU seconds of jobs by a crew that is warm."""
    with Crew(workers) as crew:
        for _ in crew.run(jobs[: 2 * workers]):
            pass
        children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text()
        pids = [int(pid) for pid in children.split()]
        if len(pids) != workers:
            raise SystemExit(f"expected {workers} workers, found {len(pids)}")
        began, before, own = time.perf_counter(), spent(pids), time.process_time()
        count = sum(verdict.result == "passed" for verdict in crew.run(jobs, share=SHARE))
        took = time.perf_counter() - began
        if count != len(jobs):
            raise SystemExit(f"{len(jobs) - count} of {len(jobs)} runs failed")
        return took, spent(pids) - before + time.process_time() - own


def measured(jobs: list[Job], turns: int) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Yield a name, and wall and CPU seconds of each turn."""
    found: dict[str, list[tuple[float, float]]] = {"in one process": [], "1 worker": []}
    found["2 workers"] = []
    here(jobs[:2])
    for _ in range(turns):
        found["in one process"].append(here(jobs))
        found["1 worker"].append(by_crew(1, jobs))
        found["2 workers"].append(by_crew(2, jobs))
    yield from found.items()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="runs per second, and two workers against one")
    parser.add_argument("--runs", type=int, default=60, help="in each turn")
    parser.add_argument("--scenario", default="cold-start", help="which (default cold-start)")
    parser.add_argument("--app", help="the bridge; simkit's own if not given")
    parser.add_argument("--turns", type=int, default=3, help="of which the medians count")
    options = parser.parse_args()
    jobs = [
        Job(options.scenario, seed=seed, app=options.app, varied=True)
        for seed in range(options.runs)
    ]
    print(f"{'':16}{'runs a second':>14}{'CPU ms a run':>14}")
    rates: dict[str, float] = {}
    costs: dict[str, float] = {}
    for name, turns in measured(jobs, options.turns):
        rates[name] = statistics.median(len(jobs) / wall for wall, _ in turns)
        costs[name] = statistics.median(cpu / len(jobs) for _, cpu in turns)
        print(f"{name:16}{rates[name]:14.1f}{costs[name] * 1000:14.1f}", flush=True)
    wall = rates["2 workers"] / rates["1 worker"] / 2
    cpu = costs["1 worker"] / costs["2 workers"]
    load = os.getloadavg()[0]
    print(f"efficiency of 2 workers against 1: {wall:.2f} by the wall, {cpu:.2f} by CPU time")
    print(f"load of the machine {load:.1f}, on {processors()} processors")


if __name__ == "__main__":
    main()
