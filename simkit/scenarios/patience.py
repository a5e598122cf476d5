"""A limit in real time, for programs under test that compute for ever."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from .. import kernel
from ..kernel.errors import describe_frame

_KERNEL = os.path.dirname(kernel.__file__)
_LIBRARY = os.path.dirname(threading.__file__)


HUNG = "no end after"
"""How it is told of a run that it was given up; seconds and a place follow."""


class Hung(KeyboardInterrupt):
    """The program under test did not come back; says where it was.

    Not what most programs catch. One that catches everything, for ever, cannot be ended from within
    its process.
    """


@contextmanager
def at_most(seconds: float) -> Iterator[list[str]]:
    """Raise :class:`Hung` in what runs here, once so much real time has passed.

    Yields a list of what was said, for the case that somebody catches everything. Without effect
    outside the main thread, where nobody can be interrupted.
    """
    said: list[str] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        if _is_swallowed(frame):
            signal.setitimer(signal.ITIMER_REAL, 0.01, 1.0)
            return
        said.append(f"{HUNG} {seconds:g} s of real time, at {_busy_line(frame)}")
        raise Hung(said[-1])

    if threading.current_thread() is not threading.main_thread():
        yield said
        return
    before = signal.signal(signal.SIGALRM, interrupt)
    # Again and again: an app may go on.
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield said
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _is_swallowed(frame: FrameType | None) -> bool:
    """Tell whether the interpreter prints what is raised here and goes on: in clearing up."""
    clearing = {getattr(callback, "__code__", None) for callback in gc.callbacks}
    while frame is not None:
        if frame.f_code in clearing or frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def _busy_line(frame: FrameType | None) -> str:
    """Return the line that this thread is at, or the thread that it waits for."""
    if frame is not None and frame.f_code.co_filename.startswith(_KERNEL):
        main = threading.main_thread().ident
        for thread, other in sys._current_frames().items():
            at: FrameType | None = other
            while at is not None and at.f_code.co_filename.startswith(_KERNEL):
                at = at.f_back
            if thread == main or at is None or at.f_code.co_filename.startswith(_LIBRARY):
                continue
            return describe_frame(at, ())
    return describe_frame(frame, ())
