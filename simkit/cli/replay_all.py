"""``simkit replay FOLDER --all``: every recording in a folder, in processes of their own."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from ..network.serve import AppError
from ..recording import ENVIRONMENT, RecordingError, Replay, read, replay
from ..recording.format import EVENTS_FILE
from ..report import console, print_table
from ..timeline.text import printable
from .group import INTERRUPTED
from .main import Refusal


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one recording."""

    name: str
    duration_ms: float | None = None
    checks: int = 0
    """How many there were."""
    failed_checks: list[str] = []
    diverges: int = 0
    """Number of things that the bridge does otherwise, their consequences not counted."""
    is_compared: bool = True
    """Whether the recording tells what its bridge sent."""
    faults: list[str] = []
    """Everything that is wrong, in sentences."""
    error: str | None = None
    """Why it could not be replayed."""

    @property
    def exit_code(self) -> int:
        """0: as recorded and every check holds; 1: not so; 2: it could not be replayed."""
        if self.error is not None:
            return 2
        return 1 if self.faults else 0


def run_all(folder: str, *, processes: int | None, as_json: bool, **options: Any) -> None:
    """Replay, print a table, and exit with the worst that there was.

    Args:
        folder: holds recordings.
        processes: that replay at once; None: as many as there are processors.
        as_json: print JSON instead of a table.
        options: of each replay, as :func:`simkit.recording.replay` takes them.
    """
    places = recordings_in(Path(folder))
    if not places:
        if (Path(folder) / EVENTS_FILE).exists():
            raise Refusal(f"{folder}: is a recording itself: leave out --all")
        raise Refusal(f"{folder}: holds no recording: no folder in it has a {EVENTS_FILE}")
    workers = min(processes or os.cpu_count() or 1, len(places))
    found = {}
    with Progress(console=console(sys.stderr), transient=True) as bar:
        task = bar.add_task("replaying", total=len(places))
        try:
            for place, one in _replayed(places, workers, options):
                found[place] = one
                bar.update(task, advance=1, description=one.name)
        except KeyboardInterrupt:
            pass  # what was done until then is told
    verdicts = [found[place] for place in places if place in found]
    if as_json:
        click.echo(json.dumps({"recordings": [_plain(one) for one in verdicts]}, indent=2))
    else:
        _print(verdicts)
    if len(verdicts) < len(places):
        done = f"{len(verdicts)} of {len(places)} recordings were replayed"
        click.echo(f"simkit: interrupted: {done}", err=True)
        sys.exit(INTERRUPTED)
    sys.exit(max(one.exit_code for one in verdicts))


def recordings_in(folder: Path) -> list[Path]:
    """Return the recordings in a folder by name; what has no events file is none.

    Raises:
        Refusal: the folder cannot be read.
    """
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        reason = "there is no such folder" if not folder.exists() else error.strerror
        raise Refusal(f"{folder}: {reason}") from None
    return [path for path in inside if os.path.lexists(path / EVENTS_FILE)]


def _replayed(
    places: list[Path], workers: int, options: dict[str, Any]
) -> Iterator[tuple[Path, Verdict]]:
    """Yield each recording with its verdict, as they come."""
    left = dict.fromkeys(places)
    with _pool(workers) as pool:
        running = {pool.submit(_replay, str(place), options): place for place in places}
        for done in as_completed(running):
            with contextlib.suppress(BrokenProcessPool):
                one = done.result()
                del left[running[done]]
                yield running[done], one
    # When a process ends all of a sudden, so does the pool. Alone each tells whether it was this.
    for place in left:
        with _pool(1) as pool:
            yield place, _alone(place, pool.submit(_replay, str(place), options))


def _alone(place: Path, done: Future[Verdict]) -> Verdict:
    try:
        return done.result()
    except BrokenProcessPool:
        return Verdict(name=place.name, error="the process that replayed it ended all of a sudden")


@contextlib.contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    # A process for each, so that no application remembers another call. Ctrl-C, which reaches all
    # of them, is for this one to answer.
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
        max_tasks_per_child=1,
    )
    try:
        yield pool
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown()


def _replay(place: str, options: dict[str, Any]) -> Verdict:
    """Replay one recording; what an application prints goes to stderr."""
    os.environ.update(ENVIRONMENT)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return _verdict(replay(read(place), **options))
    except (RecordingError, AppError) as error:
        return Verdict(name=Path(place).name, error=str(error))
    except Exception as error:
        return Verdict(name=Path(place).name, error=f"{type(error).__name__}: {error}")


def _verdict(result: Replay) -> Verdict:
    return Verdict(
        name=result.recording.name,
        duration_ms=result.recording.duration_ms,
        checks=len(result.checks),
        failed_checks=[check.name for check in result.checks if check.failed],
        diverges=len(result.divergence.causes),
        is_compared=result.divergence.same is not None,
        faults=result.faults,
    )


def _print(verdicts: list[Verdict]) -> None:
    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("recording", no_wrap=True)
    table.add_column("length", justify="right", no_wrap=True)
    table.add_column("checks", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("first fault")
    for one in verdicts:
        table.add_row(*(Text(printable(cell)) for cell in _cells(one)))
    print_table(out, table)
    out.print()
    good = sum(one.exit_code == 0 and one.is_compared for one in verdicts)
    out.print(f"{good} of {len(verdicts)} recordings are as recorded and keep every promise")
    if silent := sum(one.exit_code == 0 and not one.is_compared for one in verdicts):
        out.print(f"{silent} keep every promise, and do not tell what their bridge sent")


def _cells(one: Verdict) -> tuple[str, str, str, str, str]:
    if one.error is not None:
        return one.name, "", "", "ERROR", one.error
    assert one.duration_ms is not None
    held = one.checks - len(one.failed_checks)
    as_before = "same" if one.is_compared else "not compared"
    word = "DIVERGED" if one.diverges else "FAILED" if one.faults else as_before
    first = one.faults[0] if one.faults else ""
    return one.name, f"{one.duration_ms / 1000:.1f} s", f"{held}/{one.checks}", word, first


def _plain(one: Verdict) -> dict[str, Any]:
    return {**msgspec.to_builtins(one), "exit_code": one.exit_code}
