"""What every command that runs calls has in common: how it is set up, reported and ended."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click
import msgspec
from rich.console import Console

from ..recording import ENVIRONMENT as ENVIRONMENT
from ..report import Outcome, console, print_barge_ins, print_checks, print_measures, print_timeline
from ..timeline.text import printable
from .files import Files, Sound
from .wall import doubt


def report(
    result: Outcome,
    what: dict[str, Any],
    *,
    as_json: bool,
    every_check: bool,
    title: str,
    files: Files,
    remarks: Sequence[str] = (),
    runs: int = 1,
    again: str = "",
    also: Callable[[Console], None] | None = None,
) -> None:
    """Write and print what came of a run, and exit with 0 or 1; 2 where it cannot be judged.

    Args:
        result: what came of it.
        what: was run, and what else is known of it, for the JSON.
        as_json: print JSON instead of text.
        every_check: name the checks that held, too.
        title: what was run, for people.
        files: to write.
        remarks: lines for people.
        runs: how many there were, of which this is the last.
        again: the command that repeats it, for the page.
        also: prints what comes after the checks.
    """
    why = doubt(result)
    if runs > 1:
        remarks = [*remarks, f"run {runs} times: it failed while this machine was late"]
    if why:
        remarks = [*remarks, f"not judged: {why}"]
    sounds = files.write(result, title, [*remarks, *([f"again: {again}"] if again else [])])
    if as_json:
        if sounds:
            what = what | {"audio": [sound._asdict() for sound in sounds]}
        if result.measures.pacing_error_ms is not None:
            what = what | {"runs": runs, "not_judged": why or None}
        click.echo(json.dumps(what | as_plain(result), indent=2))
    else:
        _print(result, [*remarks, *_heard_in(sounds)], also, every_check=every_check)
    sys.exit(2 if why else 0 if result.passed else 1)


def _print(
    result: Outcome,
    remarks: Sequence[str],
    also: Callable[[Console], None] | None,
    *,
    every_check: bool,
) -> None:
    out = console()
    print_timeline(out, result.timeline)
    out.print()
    print_barge_ins(out, result.barge_ins)
    out.print()
    print_measures(out, result.measures)
    out.print()
    print_checks(out, result.checks, every=every_check)
    out.print()
    if also is not None:
        also(out)
        out.print()
    if result.failure:
        for line in f"the call failed: {result.failure}".splitlines():
            out.print(printable(line), soft_wrap=True)
    if result.inapplicable:
        out.print(printable(f"not applicable: {result.inapplicable}"), soft_wrap=True)
    for remark in remarks:
        out.print(printable(remark), soft_wrap=True)
    if result.measures.pacing_error_ms is not None:
        out.print(f"{result.call_seconds:.1f} s of call in real time", soft_wrap=True)
        return
    out.print(
        f"{result.call_seconds:.1f} s of call in {result.cpu_seconds:.2f} s of CPU: "
        f"{result.speed:.0f} call-seconds per CPU-second"
    )


def _heard_in(sounds: Sequence[Sound]) -> Iterator[str]:
    if len(sounds) == 1:
        yield f"the call's sound: {sounds[0].file}"
    elif sounds:
        first, last = sounds[0], sounds[-1]
        yield f"sound of {len(sounds)} calls: {first.file} to {last.file}, by their numbers"


def as_plain(result: Outcome) -> dict[str, Any]:
    """Return what came of a run as JSON shows it."""
    return {
        "passed": result.passed,
        "failure": result.failure or None,
        "inapplicable": result.inapplicable or None,
        "timeline": [_event(event) for event in result.timeline],
        "barge_ins": [msgspec.to_builtins(barge_in) for barge_in in result.barge_ins],
        "measures": msgspec.to_builtins(result.measures),
        "checks": [
            {
                "name": check.name,
                "passed": None if check.word == "not judged" else check.passed,
                "sentence": check.sentence,
                "violations": [violation.sentence for violation in check.violations],
                "waived": check.waived or None,
                "evidence": [violation.evidence for violation in check.violations],
                "promise": check.promise,
                "at_ns": [violation.at_ns for violation in check.violations],
                "not_judged": check.not_judged or None,
                "sounds": [msgspec.to_builtins(violation.sounds) for violation in check.violations],
            }
            for check in result.checks
        ],
        "speed": round(result.speed, 1),
        "duration_ns": result.timeline.duration_ns,
        "sound_starts_ns": result.sound_starts_ns,
    }


def _event(event: msgspec.Struct) -> dict[str, Any]:
    plain = msgspec.to_builtins(event)
    fields = plain.pop("fields")
    kept = {key: value for key, value in plain.items() if value is not None}
    return kept | ({"fields": fields} if fields else {})
