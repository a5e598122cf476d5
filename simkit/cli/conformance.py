"""``simkit conformance``: every scenario against one bridge, and what it gets wrong."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ..checks import NOT_JUDGED
from ..explore import Crew, CrewError
from ..explore.conformance import Row, alone, judged, not_judged, plan, rows
from ..network.serve import AppError, parts_of
from ..report import Outcome, console, print_table
from ..scenarios import ScenarioError, find, play
from ..scenarios.job import (
    Job,
    RealTime,
    Result,
    Verdict,
    inapplicable,
    not_run,
    verdict_on,
)
from ..scenarios.registry import missing
from ..scenarios.shown import shown
from ..scenarios.written import written
from ..timeline.text import printable
from ..wall import WallError
from .files import write_text
from .group import INTERRUPTED
from .junit import junit
from .main import Refusal
from .pages import Pages
from .wall import doubt, environment_for, open_wall, settled

TESTS = "test_races.py"
"""The file that tests are written to."""
_SILENT_MOST = 3
STYLES: dict[Result, str] = {
    "passed": "green",
    "failed": "bold red",
    "error": "bold red",
    "not applicable": "yellow",
}


def run_conformance(
    *,
    names: Sequence[str],
    app: str | None,
    upstream: str | None,
    seed: int,
    processes: int | None,
    limit: float,
    as_json: bool,
    html: str | None,
    junit_file: str | None,
    tests: str | None,
    force: bool,
    wall: dict[str, Any],
) -> None:
    """Run, report, and exit with 0, 1 or 2.

    Args:
        names: of scenarios; all of them if there is none.
        app: the bridge; None for simkit's own.
        upstream: what it speaks to in Vapi's place.
        seed: of each simulation.
        processes: that run scenarios at once; None: as many as there are processors.
        limit: seconds of real time for each run.
        as_json: print JSON instead of a table.
        html: file or folder that pages go to.
        junit_file: where JUnit XML goes.
        tests: folder in which a file of tests is written.
        force: also over one that is there.
        wall: options of a bridge in real time.
    """
    if upstream is not None and wall["wall"]:
        raise Refusal("--upstream is part of a simulated world: leave out --wall")
    if tests is not None and wall["wall"]:
        raise Refusal("--write-tests writes tests that run in a simulation: leave out --wall")
    place = _place_of_tests(tests, force=force) if tests is not None else None
    if junit_file is not None and not Path(junit_file).parent.is_dir():
        folder = Path(junit_file).parent
        raise Refusal(f"--junit {junit_file}: there is no folder {folder}; make it first")
    pages = Pages(html) if html is not None else None
    calls = pages.calls if pages is not None else None
    try:
        real = RealTime(wall["bridge"], wall["command"]) if wall["wall"] else None
        if app is not None:
            parts_of(app)
        jobs = plan(names, app=app, seed=seed, upstream=upstream, wall=real)
        if wall["wall"]:
            with_bridge: Iterator[Verdict] = _in_real_time(jobs, wall, calls)
            found, is_interrupted = _collected(with_bridge, len(jobs))
        else:
            with open_wall(app=app, env={}, seed=seed, **wall):
                pass  # what goes with --wall only is refused
            with Crew(processes, real_limit=limit, pages=calls) as crew:
                found, is_interrupted = _collected(judged(jobs, crew), len(jobs))
    except (ScenarioError, CrewError, WallError, AppError) as error:
        raise Refusal(str(error)) from None
    table = rows(jobs, found)
    failed = [one for row in table for one in row.verdicts if one.result == "failed"]
    # What took minutes is told before anything can come in between.
    if as_json:
        click.echo(json.dumps(_plain(table, app, seed, is_interrupted), indent=2))
    else:
        _print(table)
        if is_interrupted:
            console().print(f"interrupted: {len(found)} of {len(jobs)} runs were done")
    written_to = []
    if pages is not None:
        pages.write(table, len(jobs), app=app, seed=seed, how=_how(upstream, wall))
        written_to.append(f"the page: {pages.table}")
    if junit_file is not None:
        write_text("--junit", junit_file, junit(table))
    if place is not None and failed:
        write_text("--write-tests", str(place), written(failed))
        races = len({one.job.scenario for one in failed})
        told = f"{races} lost race{'s' * (races != 1)}, {len(failed)} variants in all"
        written_to.insert(0, f"{place}: a test of each: {told}")
    if not as_json:
        for line in written_to:
            console().print(line, soft_wrap=True)
    if is_interrupted:
        sys.exit(INTERRUPTED)
    results = {row.result for row in table}
    sys.exit(2 if "error" in results else 1 if "failed" in results else 0)


def _place_of_tests(folder: str, *, force: bool) -> Path:
    """Return where the tests go; refuse before anything is run."""
    place = Path(folder) / TESTS
    if place.exists() and not force:
        raise Refusal(f"{place}: is there; --force writes over it")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal(f"--write-tests {folder}: {error.strerror}") from None
    return place


def progress() -> Progress:
    """Return a bar for runs, on stderr; none in a pipe."""
    out = console(sys.stderr)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=out,
        transient=True,
        disable=not out.is_terminal,
    )


def _collected(verdicts: Iterator[Verdict], total: int) -> tuple[list[Verdict], bool]:
    """Return the verdicts that came, and whether somebody said that it is enough."""
    found: list[Verdict] = []
    with progress() as bar:
        task = bar.add_task("scenarios", total=total)
        try:
            for verdict in verdicts:
                found.append(verdict)
                bar.update(task, advance=1, description=verdict.job.scenario)
        except KeyboardInterrupt:
            return found, True
    return found, False


def _in_real_time(
    jobs: Sequence[Job], options: dict[str, Any], pages: Path | None
) -> Iterator[Verdict]:
    """Run jobs one after the other on real sockets, each with a bridge of its own.

    When a few bridges did not start, the others are spared: they would not, either.
    """
    silent = 0
    for job in jobs:
        scenario = find(job.scenario)
        lack = missing(scenario, is_vapi=True, is_virtual=False)
        if lack:
            yield inapplicable(job, lack)
        elif silent == _SILENT_MOST:
            yield not_run(job, f"not run: {silent} bridges before it did not answer")
        else:
            verdict, has_answered = _really(job, options, pages)
            silent = 0 if has_answered else silent + 1
            yield verdict


def _really(job: Job, options: dict[str, Any], pages: Path | None) -> tuple[Verdict, bool]:
    """Run a job in real time; returns the verdict, and whether there was a bridge to call."""
    scenario = find(job.scenario)
    is_own = not (job.app or options["bridge"] or options["command"])
    env = environment_for(scenario, job.settings, is_own=is_own)
    has_answered = False

    def run() -> Outcome:
        nonlocal has_answered
        with open_wall(app=job.app, env=env, seed=job.seed, **options) as world:
            assert world is not None
            has_answered = True
            return play(scenario, world, job.settings)

    try:
        outcome, _ = settled(run)
    except WallError as error:
        return not_run(job, str(error)), has_answered
    verdict = verdict_on(job, outcome)
    if pages is not None:
        verdict = shown(verdict, outcome, pages)
    why = doubt(outcome)
    return (not_run(job, f"{why}: {verdict.sentence}") if why else verdict), True


def _how(upstream: str | None, wall: dict[str, Any]) -> list[str]:
    if not wall["wall"]:
        return ["simulated"] if upstream is None else ["simulated", f"to {upstream}"]
    there = wall["command"] or wall["bridge"]
    return ["in real time", *([there] if there else [])]


def _print(table: list[Row]) -> None:
    out = console()
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("scenario", "result", "runs", "stops after", "words lost", "leaks"):
        justify: Any = "left" if title in ("scenario", "result") else "right"
        shown.add_column(title, justify=justify, no_wrap=True)
    shown.add_column("")
    told: set[str] = set()
    alike: list[Row] = []
    for row in table:
        if row.result == "error" and row.worst.sentence in told:
            alike.append(row)
            continue
        told.add(row.worst.sentence)
        shown.add_row(
            row.scenario,
            Text(_word(row), STYLES[row.result]),
            f"{row.passed}/{len(row.verdicts)}",
            _ms(row.most("time_to_stop_ms")),
            _ms(row.most("first_words_lost_ms")),
            _count(row.most("leaks")),
            Text(printable(row.sentence.partition("\n")[0])),
        )
    if alike:
        passed_of = f"0/{sum(len(row.verdicts) for row in alike)}"
        word = Text("ERROR", STYLES["error"])
        shown.add_row(f"{len(alike)} more", word, passed_of, *[""] * 3, "likewise")
    print_table(out, shown)
    out.print()
    counts = Counter(row.result for row in table)
    runs = [verdict for row in table for verdict in row.verdicts]
    seconds = sum(verdict.call_seconds for verdict in runs)
    summary = ", ".join(f"{counts[result]} {result}" for result in STYLES if counts[result])
    number = f"{len(table)} scenario{'s' * (len(table) != 1)}"
    out.print(f"{number}: {summary or 'nothing was run'}")
    out.print(f"{len(runs)} runs, {seconds:.0f} s of calls")
    check, races = alone(table)
    if check:
        out.print(f"{check} alone: {races} of the races that failed; mend that first")
    if unseen := not_judged(table):
        out.print(f"{NOT_JUDGED}: {'; '.join(unseen)}", soft_wrap=True)


def _word(row: Row) -> str:
    return row.result.upper() if row.result in ("failed", "error") else row.result


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.0f} ms"


def _count(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _plain(table: list[Row], app: str | None, seed: int, is_interrupted: bool) -> dict[str, Any]:
    counts = Counter(row.result for row in table)
    return {
        "app": app,
        "seed": seed,
        "passed": not (counts["failed"] or counts["error"] or is_interrupted),
        "interrupted": is_interrupted,
        "counts": dict(counts),
        "not_judged": not_judged(table),
        "scenarios": [
            {
                "scenario": row.scenario,
                "result": row.result,
                "time_to_stop_ms": row.most("time_to_stop_ms"),
                "first_words_lost_ms": row.most("first_words_lost_ms"),
                "leaks": row.most("leaks"),
                "sentence": row.sentence or None,
                "variants": [_variant(verdict) for verdict in row.verdicts],
            }
            for row in table
        ],
    }


def _variant(verdict: Verdict) -> dict[str, Any]:
    return {
        "settings": verdict.job.settings,
        "result": verdict.result,
        "failures": [
            {"check": check, "sentence": sentence} for check, sentence in verdict.failures
        ],
        "reason": verdict.reason or None,
        "time_to_stop_ms": verdict.time_to_stop_ms,
        "first_words_lost_ms": verdict.first_words_lost_ms,
        "leaks": verdict.leaks,
        "call_seconds": verdict.call_seconds,
        "digest": verdict.digest,
        "not_judged": verdict.not_judged,
        "command": verdict.job.command(),
    }
