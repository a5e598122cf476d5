"""``simkit campaign``: scenario x variant x seed, on this machine or on many."""

from __future__ import annotations

import contextlib
import errno
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table
from rich.text import Text

from ..explore import Crew, CrewError, processors
from ..explore.campaign import Campaign, CampaignError, Failure, Ledger, Tally
from ..explore.campaign_page import pictured, render
from ..explore.cluster import Cluster
from ..explore.conformance import loaded
from ..network.serve import AppError, parts_of
from ..report import console, print_table
from ..scenarios import REGISTRY, ScenarioError
from ..scenarios.job import Verdict
from ..timeline.text import printable
from .conformance import STYLES, progress
from .files import Files, write_text
from .group import INTERRUPTED
from .main import Refusal

_SHARE = 16
"""Jobs at most that go to a process at once."""
_FIRST_SECONDS = 5.0
"""After which it is said how long the rest will take."""
_SHARES = 8
"""Shares at least for each process, so that all end together."""


def run_campaign(
    *,
    scenarios: str,
    seeds: tuple[int, int],
    app: str | None,
    upstream: str | None,
    varied: bool,
    processes: int | None,
    dask: str | None,
    limit: float,
    output: str | None,
    resume: bool,
    as_json: bool,
    html: str | None,
) -> None:
    """Run, report, and exit with 0, 1 or 2.

    Args:
        scenarios: names with commas between them, or ``all``.
        seeds: the first, and how many.
        app: the bridge; None for simkit's own.
        upstream: what it speaks to in Vapi's place.
        varied: let seeds change distances and timings.
        processes: that run at once; None: as many as there are processors.
        dask: address of a scheduler, in place of processes here.
        limit: seconds of real time for each run.
        output: file that verdicts go to, line by line.
        resume: go on with such a file.
        as_json: print JSON instead of tables.
        html: file that the page goes to.
    """
    Files(html=html).check()
    if resume and output is None:
        raise Refusal("--resume: goes with --output, and with the file of before")
    names = list(REGISTRY) if scenarios == "all" else scenarios.split(",")
    campaign = Campaign(names, *seeds, app, upstream, varied)
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        try:
            if app is not None:
                parts_of(app)
            total = len(campaign)
            ledger = None
            if output is not None:
                ledger = Ledger(Path(output), campaign, resume=resume)
                stack.callback(ledger.close)
            crew: Crew | Cluster
            if dask is not None:
                crew = stack.enter_context(Cluster(dask, real_limit=limit))
                workers = crew.workers
            else:
                workers = processes or processors()
                crew = stack.enter_context(Crew(workers, real_limit=limit))
            share = max(1, min(_SHARE, total // (workers * _SHARES)))
            jobs = (job for job in campaign.jobs() if ledger is None or not ledger.holds(job))
            tally = ledger.tally if ledger is not None else Tally()
            before = tally.runs
            click.echo(_announced(campaign, total, before, workers), err=True)
            verdicts = loaded(crew.run(jobs, share=share))
            is_interrupted = _follow(verdicts, tally, ledger, total)
        except (ScenarioError, CampaignError, CrewError, AppError) as error:
            raise Refusal(str(error)) from None
        except OSError as error:
            hint = "; --resume goes on when there is place" if error.errno == errno.ENOSPC else ""
            raise Refusal(f"--output {output}: {error.strerror}{hint}") from None
    took = time.monotonic() - began
    now = tally.runs - before
    speed = f"{now} runs in {took:.2f} s: {now / took:.1f} a second"
    if as_json:
        click.echo(json.dumps(_plain(campaign, tally, is_interrupted), indent=2))
    else:
        _print(tally)
        out = console()
        out.print(f"digest {tally.digest}")
        out.print(f"{tally.runs} runs, {tally.call_seconds:.0f} s of calls")
        out.print(f"{now} of them now, in {took:.2f}s: {now / took:.1f} a second")
        if is_interrupted:
            rest = f"; --output {output} --resume goes on" if output else ""
            out.print(f"interrupted: {tally.runs} of {total} runs were done{rest}", soft_wrap=True)
    if html is not None:
        pictures = {} if is_interrupted else _pictures(campaign, tally, processes, limit)
        page = render(campaign, tally, runs=total, speed=speed, pictures=pictures)
        write_text("--html", html, page)
        if not as_json:
            console().print(f"the page: {html}", soft_wrap=True)
    if is_interrupted:
        sys.exit(INTERRUPTED)
    sys.exit(2 if tally.of("error") else 1 if tally.of("failed") else 0)


def _announced(campaign: Campaign, total: int, done: int, workers: int) -> str:
    """Return how much there is to do, before it begins."""
    names, seeds = len(campaign.scenarios), campaign.seeds
    variants = total // seeds
    parts = [
        f"{count:,} {what}{'s' * (count != 1)}"
        for count, what in ((names, "scenario"), (variants, "variant"), (seeds, "seed"))
    ]
    rest = f"; {done:,} of them are done" if done else ""
    return f"simkit: {total:,} runs on {workers} at a time ({', '.join(parts)}){rest}"


def _follow(verdicts: Iterator[Verdict], tally: Tally, ledger: Ledger | None, total: int) -> bool:
    """Count verdicts as they come; returns whether somebody said that it is enough."""
    began: float | None = None  # when the first came back: until then the crew is starting
    before, is_said = tally.runs + 1, False
    with progress() as bar:
        task = bar.add_task("runs", total=total, completed=tally.runs)
        try:
            for verdict in verdicts:
                if ledger is not None:
                    ledger.write(verdict)
                tally.add(verdict)
                now = time.monotonic()
                began = began or now
                if now - began > _FIRST_SECONDS and not is_said:
                    is_said = True
                    a_second = (tally.runs - before) / (now - began)
                    left = _lasting((total - tally.runs) / a_second)
                    bar.console.print(f"about {left} more, at {a_second:.1f} runs a second")
                failed = tally.of("failed") + tally.of("error")
                bar.update(task, advance=1, description=f"{failed} failed" if failed else "runs")
        except KeyboardInterrupt:
            return True
    return False


def _lasting(seconds: float) -> str:
    """Write how long something will take, as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 90 else f"{minutes / 60:.1f} hours"


def _pictures(
    campaign: Campaign, tally: Tally, processes: int | None, limit: float
) -> dict[str, str]:
    """Run one failure of each kind once more; returns how the calls look, by their commands."""
    repeats = {f.command: job for f in pictured(tally) for job in campaign.repeats(f)}
    found: dict[str, str] = {}
    workers = min(len(repeats), processes or processors())
    # The page does without those that are not to be had: here is no bridge, or no patience.
    with contextlib.suppress(CrewError, KeyboardInterrupt), contextlib.ExitStack() as stack:
        if repeats:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            crew = stack.enter_context(Crew(workers, real_limit=limit, pages=folder))
            found.update((it.job.command(), it.strip) for it in crew.run(repeats.values()))
    return found


def _print(tally: Tally) -> None:
    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("scenario", no_wrap=True)
    for result in STYLES:
        table.add_column(result, justify="right", no_wrap=True)
    for name in sorted({scenario for scenario, _ in tally.results}):
        table.add_row(name, *(str(tally.results[name, result] or "") for result in STYLES))
    print_table(out, table)
    out.print()
    for failure, count in _first(tally):
        out.print(
            Text.assemble(
                (f"{count} x {failure.scenario}: {failure.check}", "bold red"),
                f"  {printable(failure.sentence.partition(chr(10))[0])}",
            ),
            soft_wrap=True,
        )
        out.print(f"    {failure.command}", soft_wrap=True)
    if tally.first:
        out.print()


def _first(tally: Tally) -> list[tuple[Failure, int]]:
    """Return of each kind of failure the one of the lowest seed, and how many there are."""
    return [(kept[0], tally.failed[kind]) for kind, kept in sorted(tally.first.items())]


def _plain(campaign: Campaign, tally: Tally, is_interrupted: bool) -> dict[str, Any]:
    return {
        "campaign": msgspec.to_builtins(campaign),
        "interrupted": is_interrupted,
        "runs": tally.runs,
        "call_seconds": round(tally.call_seconds, 3),
        "digest": tally.digest,
        "results": {
            name: {result: tally.results[name, result] for result in STYLES}
            for name in sorted({scenario for scenario, _ in tally.results})
        },
        "failures": [
            msgspec.to_builtins(failure) | {"count": count} for failure, count in _first(tally)
        ],
    }
