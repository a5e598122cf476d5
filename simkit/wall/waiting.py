"""Waiting: how long a bridge's process was ready to run and had no processor."""

from __future__ import annotations

import contextlib
import os
from array import array
from pathlib import Path

_LOOKS_PER_SCAN = 50
"""Between two searches for threads and processes that are new."""
_MOST_THREADS = 100


class Waiting:
    """Reads what Linux counts for each thread of a process and of those that it started.

    A thread waits when it could run and others are run instead. What it waits for, and what
    blocks it by itself, is not counted, so that all of it is the machine's. Between two looks
    the thread counts that waited longest.

    Args:
        pid: of the process.
        proc: where the system tells of its processes; elsewhere than on Linux it does not.
    """

    def __init__(self, pid: int, *, proc: Path = Path("/proc")) -> None:
        self._pid = pid
        self._proc = proc
        self._threads: dict[str, tuple[int, int]] = {}
        """By path: the open file, and how long it had waited at the last look."""
        self._longest_ns = array("q")
        self._looks = 0

    def skip(self) -> None:
        """Leave out of account what was waited so far."""
        self._scan(self._pid)
        self._read()

    def look(self) -> None:
        """Note how long each thread has waited since the last look; new ones from now on."""
        longest_ns = self._read()
        if longest_ns is not None:
            self._longest_ns.append(longest_ns)
        self._looks += 1
        if self._looks % _LOOKS_PER_SCAN == 0:
            self.skip()

    def _read(self) -> int | None:
        longest_ns = None
        for path, (file, before_ns) in tuple(self._threads.items()):
            try:
                waited_ns = _waited_ns(file)
            except LookupError:
                self._forget(path)
            else:
                longest_ns = max(longest_ns or 0, waited_ns - before_ns)
                self._threads[path] = (file, waited_ns)
        return longest_ns

    def _scan(self, pid: int) -> None:
        with contextlib.suppress(OSError):
            for task in (self._proc / str(pid) / "task").iterdir():
                path = str(task / "schedstat")
                if path not in self._threads and len(self._threads) < _MOST_THREADS:
                    self._threads[path] = (os.open(path, os.O_RDONLY), 0)
                for child in (task / "children").read_text().split():
                    self._scan(int(child))

    def _forget(self, path: str) -> None:
        os.close(self._threads.pop(path)[0])

    def summary(self) -> dict[str, float]:
        """Return ``bridge_p99_ms`` and ``bridge_max_ms`` of all looks; nothing without any."""
        if not self._longest_ns:
            return {}
        waited = sorted(self._longest_ns)
        p99_ns = waited[-(-99 * len(waited) // 100) - 1]
        return {
            "bridge_p99_ms": round(p99_ns / 1e6, 3),
            "bridge_max_ms": round(waited[-1] / 1e6, 3),
        }

    def close(self) -> None:
        """Give back what is open; the summary stays."""
        for path in tuple(self._threads):
            self._forget(path)


def _waited_ns(file: int) -> int:
    """Return the second of three numbers: ran for, waited for (both in ns), times it was run.

    Raises:
        LookupError: the thread has ended, or the system does not count.
    """
    try:
        _, waited_ns, times = os.pread(file, 100, 0).split()
    except (OSError, ValueError) as error:
        raise LookupError from error
    if times == b"0":
        raise LookupError
    return int(waited_ns)
