"""Running the first test as its user will: by pytest, in their environment."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from .child import run_python
from .witness import VARIABLE, Told

_LIMIT = 300.0


@dataclass(frozen=True)
class Ran:
    """How it went."""

    told: Told | None
    """None: the test was not run."""
    output: list[str]
    """What pytest said, by line."""
    is_repeatable: bool = True
    """A second run came to the same."""


def run_test(test: Path, snapshot: Path, folder: Path, *, anew: bool = False) -> Ran:
    """Run a test and make its snapshot, then run it again; keep no snapshot of what failed.

    A snapshot that is there is compared, unless it is to be made ``anew``.
    """
    was_there = snapshot.exists()
    ran = _run(test, folder, *(["--snapshot-update"] if anew or not was_there else []))
    if ran.told is not None and ran.told.passed:
        again = _run(test, folder)
        return Ran(ran.told, ran.output, again.told is not None and again.told.passed)
    if not was_there:
        snapshot.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # something else is in them
            snapshot.parent.rmdir()
            snapshot.parent.parent.rmdir()
    return ran


def _run(test: Path, folder: Path, *options: str) -> Ran:
    with tempfile.TemporaryDirectory() as place:
        told = Path(place, "told")
        command = ["-m", "pytest", "-q", "-p", "simkit.starting.witness", *options]
        command.append(str(test.relative_to(folder)))
        done = run_python(command, folder, {VARIABLE: str(told)}, _LIMIT, with_output=True)
        if done is None:
            return Ran(None, [f"no end after {_LIMIT:.0f} s"])
        found = None
        with contextlib.suppress(OSError, msgspec.DecodeError):
            found = msgspec.json.decode(told.read_bytes(), type=Told)
        return Ran(found, done.stdout.splitlines())
