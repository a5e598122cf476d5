"""Running a program as its user will, in their environment; the first test, by pytest."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

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


def run_python(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    limit: float,
    *,
    with_output: bool,
) -> subprocess.CompletedProcess[str] | None:
    """Run Python in a folder, as its user would; return None if it did not end in time.

    Args:
        arguments: of the interpreter.
        folder: in which it runs.
        environment: what is added to this process's own.
        limit: seconds of real time.
        with_output: what it prints is its output, errors among it; else only errors are kept.
    """
    try:
        return subprocess.run(  # noqa: S603 - what the user named, as they would run it
            [sys.executable, *arguments],
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if with_output else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if with_output else subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
