"""``simkit replay``: runs a recording and reports."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from ..audio import files
from ..network.serve import AppError
from ..recording import RecordingError, Replay, read, replay
from ..report import console, print_barge_ins, print_checks, print_measures, print_timeline
from ..timeline.text import printable
from ..twilio import ACCOUNT_SID, AUTH_TOKEN
from ..vapi import API_KEY
from ..wall import WallError
from ..world import BRIDGE_HOST
from .main import Refusal
from .wall import open_wall

ENVIRONMENT = {
    "PUBLIC_URL": f"https://{BRIDGE_HOST}",
    "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
    "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
    "VAPI_API_KEY": API_KEY,
    "VAPI_ASSISTANT_ID": "recorded-assistant",
}
"""What a bridge under test finds in its environment: the simulated accounts."""


def run_replay(
    folder: str,
    *,
    app: str | None,
    seed: int,
    as_json: bool,
    audio: str | None,
    wall: bool,
    bridge: str | None,
    command: str | None,
    verbose: bool,
) -> None:
    """Replay, report, and exit with 0, 1 or 2."""
    if audio is not None and Path(audio).suffix.lower() not in files.ENDINGS:
        raise Refusal(f"--audio {audio}: expected a file ending in .wav or .flac")
    os.environ.update(ENVIRONMENT)
    try:
        recording = read(folder)
        world = open_wall(
            wall, seed, app=app, bridge=bridge, command=command, verbose=verbose, env=ENVIRONMENT
        )
        with console(sys.stderr).status("replaying"):
            result = replay(recording, app=app, seed=seed, world=world)
    except (RecordingError, AppError, WallError) as error:
        raise Refusal(str(error)) from None
    if audio is not None:
        try:
            files.write(Path(audio), result.mouth, result.ear)
        except files.AudioFileError as error:
            raise Refusal(f"--audio {error}") from None
    if as_json:
        click.echo(json.dumps(as_plain(result, seed), indent=2))
    else:
        print_report(result)
    sys.exit(0 if result.passed else 1)


def print_report(result: Replay) -> None:
    """Print the timeline, the measures and the checks."""
    out = console()
    print_timeline(out, result.timeline)
    out.print()
    print_barge_ins(out, result.barge_ins)
    out.print()
    print_measures(out, result.measures)
    out.print()
    print_checks(out, result.checks)
    out.print()
    if result.failure:
        out.print(f"the call failed: {printable(result.failure)}", soft_wrap=True)
    if result.recording.cut_tail:
        out.print("the recording's unfinished last line was left out", soft_wrap=True)
    if result.measures.pacing_error_ms is not None:
        out.print(f"{result.call_seconds:.1f} s of call in real time", soft_wrap=True)
        return
    out.print(
        f"{result.call_seconds:.1f} s of call in {result.cpu_seconds:.2f} s of CPU: "
        f"{result.speed:.0f} call-seconds per CPU-second"
    )


def as_plain(result: Replay, seed: int) -> dict[str, Any]:
    """Return the result as JSON shows it."""
    return {
        "recording": result.recording.name,
        "seed": seed,
        "passed": result.passed,
        "failure": result.failure or None,
        "timeline": [_event(event) for event in result.timeline],
        "barge_ins": [msgspec.to_builtins(barge_in) for barge_in in result.barge_ins],
        "measures": msgspec.to_builtins(result.measures),
        "checks": [
            {
                "name": check.name,
                "passed": check.passed,
                "sentence": check.sentence,
                "violations": [violation.sentence for violation in check.violations],
            }
            for check in result.checks
        ],
        "speed": round(result.speed, 1),
    }


def _event(event: msgspec.Struct) -> dict[str, Any]:
    plain = msgspec.to_builtins(event)
    fields = plain.pop("fields")
    kept = {key: value for key, value in plain.items() if value is not None}
    return kept | ({"fields": fields} if fields else {})
