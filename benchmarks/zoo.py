"""The zoo: how many seeded runs it takes until each planted bug is caught, and by which check.

Each wrong bridge of ``tests/zoo`` is called in its own scenario, with the seeds 1, 2, 3, ... and
the world as each seed varies it: no search, nothing but seeds and documented knobs. It is caught by
the check that it was planted for. From every seed on, the runs are counted until that happens next:
the median, and the interval in which 80 % of the starting seeds lie; and the share of the runs that
it spoils, with its 95 % interval. Our own bridge is called in the same runs and must never be
caught.

Then the matrix: in which share of its runs each bug broke each check; and what is missing in it: a
check that no bug breaks, a bug that no check but only what a scenario expects gives away.

    python benchmarks/zoo.py [-n 1000] [--found 20] [--processes 2] [--json zoo.json] [NAME]...
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import signal
import statistics
import sys
import time
import warnings
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from math import sqrt
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from simkit.network.openings import LeftOpenWarning
from simkit.scenarios import find, simulate
from simkit.scenarios.registry import CHECKS
from tests.zoo.catalogue import BUGS, SCENARIO, Bug

BATCH = 1
"""Runs of a bug that a process has before anybody looks whether they are enough."""


@dataclass
class Found:
    """What came of the runs of one bug."""

    bug: str
    sentence: str
    scenario: str
    settings: dict[str, Any]
    check: str
    depth: int
    grade: str
    runs: int = 0
    caught: list[int] = field(default_factory=list)
    """The seeds whose runs its own check caught."""
    right_runs: int = 0
    """Runs of our own bridge, those seeds apart that another bug has run in the same scenario."""
    broken: Counter[str] = field(default_factory=Counter)
    """How many runs broke each check, or what the scenario expects."""
    false_alarms: list[tuple[int, str, str]] = field(default_factory=list)
    """Runs in which our own bridge was caught: seed, check and sentence."""

    def needed(self) -> list[int]:
        """Return how many runs it takes from each seed on until it is caught."""
        last = self.caught[-1] if self.caught else 0
        caught = sorted(self.caught)
        return [caught[bisect_left(caught, seed)] - seed + 1 for seed in range(1, last + 1)]

    def share(self) -> tuple[float, float]:
        """Return the 95 % interval of the share of runs that it spoils (Wilson)."""
        n, z = self.runs, 1.96
        p = len(self.caught) / n
        middle, width = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, middle - width) / (1 + z * z / n), (middle + width) / (1 + z * z / n)


def run(name: str, seed: int, *, right: bool) -> dict[str, str]:
    """Return what the bridge broke, by check, and the sentence."""
    if not logging.getLogger().handlers:
        logging.getLogger().addHandler(logging.NullHandler())  # what is logged counts
    warnings.simplefilter("ignore", LeftOpenWarning)
    warnings.simplefilter("ignore", RuntimeWarning)
    bug = BUGS[name]
    app = None if right else bug.app()
    outcome = simulate(find(bug.scenario), dict(bug.settings), app=app, seed=seed, varied=True)
    broken = {check.name: check.sentence for check in outcome.checks if not check.passed}
    if outcome.failure:
        broken[SCENARIO] = outcome.failure.partition("\n")[0]
    return broken


def _leave_interrupts() -> None:
    """Ctrl-C is for who prints what there is by then."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def hunt(bugs: Sequence[Bug], most: int, enough: int, processes: int) -> list[Found]:
    """Run every bug until it was caught often enough."""
    found = [
        Found(b.name, b.sentence, b.scenario, dict(b.settings), b.check, b.depth, b.grade)
        for b in bugs
    ]
    judged: Counter[tuple[str, str]] = Counter()  # up to which seed ours has run
    with (
        suppress(KeyboardInterrupt),
        multiprocessing.Pool(processes, _leave_interrupts) as pool,
        Progress(console=Console(stderr=True)) as shown,
    ):
        bar = shown.add_task("", total=len(found))
        for one in found:
            shown.update(bar, description=one.bug)
            course = (one.scenario, str(one.settings))
            while one.runs < most and len(one.caught) < enough:
                seeds = range(one.runs + 1, min(most, one.runs + BATCH * processes) + 1)
                ours = range(
                    max(seeds.start, judged[course] + 1), max(seeds.stop, judged[course] + 1)
                )
                wrong = pool.map_async(partial(run, one.bug, right=False), seeds, 1)
                right = pool.map_async(partial(run, one.bug, right=True), ours, 1)
                for seed, broken in zip(seeds, wrong.get(), strict=True):
                    one.runs += 1
                    one.broken.update(list(broken))
                    one.caught += [seed] if one.check in broken else []
                for seed, alarm in zip(ours, right.get(), strict=True):
                    one.false_alarms += [(seed, *said) for said in alarm.items()]
                one.right_runs += len(ours)
                judged[course] = max(judged[course], seeds.stop - 1)
            shown.advance(bar)
    return [one for one in found if one.runs]


def show(found: list[Found], console: Console) -> None:
    """Print how many runs each bug took."""
    table = Table(title="Runs until a bug is caught")
    for head in ("bug", "scenario", "check", "depth", "caught", "share", "runs: median", "10-90 %"):
        table.add_column(head, justify="left" if head in ("bug", "scenario", "check") else "right")
    for one in sorted(found, key=lambda one: (-len(one.caught) / max(1, one.runs), one.bug)):
        low, high = one.share()
        needed = sorted(one.needed())
        median = interval = "never"
        if needed:
            tenth = len(needed) // 10
            median = f"{statistics.median(needed):g}"
            interval = f"{needed[tenth]}-{needed[-1 - tenth]}"
        table.add_row(
            one.bug,
            " ".join([one.scenario, *(f"{k}={v}" for k, v in one.settings.items())]),
            one.check,
            str(one.depth),
            f"{len(one.caught)} of {one.runs}",
            f"{low:.1%}-{high:.1%}",
            median,
            interval,
        )
    console.print(table)


def show_matrix(found: list[Found], console: Console) -> None:
    """Print which bug broke which check, and what is missing."""
    columns = [*CHECKS, SCENARIO]
    table = Table(title="Share of its runs in which a bug broke a check, in percent")
    table.add_column("bug")
    for number, _ in enumerate(columns, 1):
        table.add_column(str(number), justify="right")
    for one in found:
        shares = (one.broken[name] / max(1, one.runs) for name in columns)
        table.add_row(one.bug, *(f"{share:.0%}".rstrip("%") if share else "" for share in shares))
    console.print(table)
    console.print(", ".join(f"{number} {name}" for number, name in enumerate(columns, 1)))
    unbroken = [name for name in CHECKS if not any(one.broken[name] for one in found)]
    silent = [one.bug for one in found if one.caught and not any(one.broken[c] for c in CHECKS)]
    missed = [one.bug for one in found if not one.caught]
    console.print(f"checks that no bug breaks: {', '.join(unbroken) or 'none'}")
    console.print(f"bugs that only a scenario's own words give away: {', '.join(silent) or 'none'}")
    console.print(f"bugs that were not caught: {', '.join(missed) or 'none'}")
    alarms = [(one, *alarm) for one in found for alarm in one.false_alarms]
    console.print(
        f"our own bridge, in {sum(one.right_runs for one in found)} of these runs: ", end=""
    )
    console.print(f"{len(alarms)} alarms" if alarms else "no alarm")
    for one, seed, check, sentence in alarms[:20]:
        console.print(f"    {one.scenario} {one.settings} seed {seed}: {check}: {sentence}")


def main() -> None:
    """Hunt, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="bugs; all of them if none is given"
    )
    parser.add_argument("-n", type=int, default=1000, help="runs of a bug at most")
    parser.add_argument("--found", type=int, default=20, help="times that a bug is to be caught")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures as JSON, too")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in BUGS]
    if unknown:
        parser.error(f"no bug {unknown[0]!r}; there are: {', '.join(BUGS)}")
    began = time.perf_counter()
    bugs = [BUGS[name] for name in options.names or BUGS]
    found = hunt(bugs, options.n, options.found, options.processes)
    console = Console(width=None if sys.stdout.isatty() else 160)
    show(found, console)
    show_matrix(found, console)
    console.print(f"{time.perf_counter() - began:.0f} s")
    if options.json:
        options.json.write_text(json.dumps([vars(one) for one in found], indent=1))


if __name__ == "__main__":
    main()
