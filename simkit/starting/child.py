"""A Python program in a process of its own, for as long as it may take."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


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
