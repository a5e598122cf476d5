"""``simkit replay``: runs a recording and reports."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from ..network.serve import AppError
from ..recording import RecordingError, read, replay
from ..recording.as_recorded import lacks
from ..recording.own_bridge import environment
from ..recording.replay import Replay
from ..report import console
from ..wall import WallError
from .diverged import divergence_as_plain, print_divergence
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

        with console(sys.stderr).status("replaying"):
            result, runs = settled(once)
    except (RecordingError, AppError, WallError) as error:
        raise Refusal(str(error)) from None
    what = {
        "recording": result.recording.name,
        "seed": seed,
        "legs": result.legs,
        "unanswered": result.unanswered,
        "divergence": divergence_as_plain(result.divergence),
    }
    recorded = [leg for leg, way in result.legs.items() if way == "recorded"]
    remarks = [f"as recorded: what came from {' and '.join(recorded)}"] if recorded else []
    remarks += [f"not said: {sentence}" for sentence in result.unanswered]
    remarks += [f"the recording is {lack}" for lack in lacks(result.recording)]
    report(
        result,
        what,
        as_json=as_json,
        title=result.recording.name,
        files=files,
        remarks=remarks,
        runs=runs,
        also=lambda out: print_divergence(out, result.divergence),
    )
