"""``simkit replay``: runs a recording and reports."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from ..network.serve import AppError
from ..recording import RecordingError, read, replay
from ..recording.as_recorded import lacks
from ..recording.deviation import Deviation
from ..recording.divergence import Divergence
from ..recording.own_bridge import environment
from ..recording.replay import Replay
from ..report import console
from ..timeline.text import printable
from ..wall import WallError
from .files import Files
from .main import Refusal
from .outcome import ENVIRONMENT, report
from .wall import open_wall, settled


def run_replay(
    folder: str,
    *,
    app: str | None,
    seed: int,
    legs: Mapping[str, str],
    tolerance_ms: float | None,
    every_check: bool,
    as_json: bool,
    wall: bool,
    bridge: str | None,
    command: str | None,
    verbose: bool,
    **written: Any,
) -> None:
    """Replay, report, and exit with 0, 1 or 2."""
    files = Files(**written)
    files.check()
    os.environ.update(ENVIRONMENT)
    try:
        recording = read(folder)
        env = environment(recording.header) if app is None else ENVIRONMENT

        def once() -> Replay:
            with open_wall(
                wall, seed, app=app, bridge=bridge, command=command, verbose=verbose, env=env
            ) as world:
                return replay(
                    recording,
                    app=app,
                    seed=seed,
                    world=world,
                    legs=legs,
                    tolerance_ms=tolerance_ms,
                )

        # What the bridge prints is not part of the report, which may be JSON for a program.
        with console(sys.stderr).status("replaying"), contextlib.redirect_stdout(sys.stderr):
            result, runs = settled(once)
    except (RecordingError, AppError, WallError) as error:
        raise Refusal(str(error)) from None
    what = {
        "recording": result.recording.name,
        "seed": seed,
        "legs": result.legs,
        "unanswered": result.unanswered,
        "divergence": _divergence_as_plain(result.divergence),
    }
    recorded = [leg for leg, way in result.legs.items() if way == "recorded"]
    remarks = [f"as recorded: what came from {' and '.join(recorded)}"] if recorded else []
    remarks += [f"not said: {sentence}" for sentence in result.unanswered]
    remarks += [f"the recording is {lack}" for lack in lacks(result.recording)]
    report(
        result,
        what,
        as_json=as_json,
        every_check=every_check,
        title=result.recording.name,
        files=files,
        remarks=remarks,
        runs=runs,
        also=lambda out: _print_divergence(out, result.divergence),
    )


def _print_divergence(out: Console, found: Divergence) -> None:
    """Print what the bridge does otherwise, each consequence below its cause."""
    verdict = {
        True: Text("same", style="green"),
        False: Text("DIVERGED", style="bold red"),
        None: Text("not compared", style="yellow"),
    }[found.same]
    out.print(Text.assemble(verdict, f"  {found.summary}"), soft_wrap=True)
    for cause in found.causes:
        out.print(Text(f"  {_line(cause)}"), soft_wrap=True)
        for one in cause.consequences:
            out.print(Text(f"  {'':9}  so {printable(str(one))}"), soft_wrap=True)


def _line(one: Deviation) -> str:
    return f"{one.t_ns / 1e9:9.3f}  {printable(str(one))}"


def _divergence_as_plain(found: Divergence) -> dict[str, Any]:
    """Return a divergence as JSON shows it."""
    return {
        "same": found.same,
        "compared": found.compared,
        "tolerance_ms": found.tolerance_ms,
        "causes": [_as_plain(cause) for cause in found.causes],
    }


def _as_plain(one: Deviation) -> dict[str, Any]:
    plain = {
        "kind": one.kind,
        "leg": one.leg,
        "what": one.what,
        "at_ms": round(one.t_ns / 1e6, 3),
        "by_ms": None if one.by_ms is None else round(one.by_ms, 3),
        "sentence": one.sentence,
        "times": one.times,
    }
    if one.consequences:
        plain["consequences"] = [_as_plain(consequence) for consequence in one.consequences]
    return plain
