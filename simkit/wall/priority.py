"""Priority: a run in real time that does not wait for a processor while others have it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def before_others(pid: int) -> Iterator[None]:
    """Let this thread, and the main one of process ``pid``, run before what else there is to do.

    Without effect where the system does not allow it, as to most users. To be nice or not is of no
    use where each session is a group of its own.
    """
    if sys.platform != "linux":
        yield
        return
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    with contextlib.suppress(OSError):
        for process in (0, pid):
            os.sched_setscheduler(process, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, *before)
