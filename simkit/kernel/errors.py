"""Errors of the kernel: each says what happened, when in virtual time, and what to do."""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
from types import CodeType, FrameType
from typing import Any

_ASYNCIO_DIR = os.path.dirname(asyncio.__file__)
_OURS = (_ASYNCIO_DIR, os.path.dirname(__file__))
_INSTALLED = ("/site-packages/", "/dist-packages/")
_SIMKIT_DIR = os.path.dirname(os.path.dirname(__file__))
_LIBRARIES = ("<frozen", os.path.dirname(os.__file__), _SIMKIT_DIR)
_BRIDGE_DIR = os.path.join(_SIMKIT_DIR, "bridge")


class SimulationError(RuntimeError):
    """Base of everything simkit raises because a simulation cannot go on."""


class DeadlockError(SimulationError):
    """Nothing is scheduled and nothing is ready: every task waits for ever."""


class LivelockError(SimulationError):
    """The program keeps running callbacks while the virtual clock stands still."""


class TimeLimitError(SimulationError):
    """The virtual clock passed the limit that was set for the run."""


class ForeignThreadError(SimulationError):
    """Another thread tried to schedule work on a simulated loop.

    Its instant would depend on the machine, so the run could not be repeated.
    """


class OutsideWorldError(SimulationError, OSError):
    """The program under test tried to leave the simulation through a real socket."""


def describe_tasks(tasks: set[asyncio.Task[Any]]) -> str:
    """Return one line per task: its name and the line it awaits, oldest first."""
    lines = [f"  {task.get_name()}: {await_line(task)}" for task in sorted(tasks, key=_age)]
    return "\n".join(lines) if lines else "  (no task is pending)"


def await_line(task: asyncio.Task[Any]) -> str:
    """Say where a suspended task waits, in the user's terms.

    The innermost line of the program is the useful one, or else the innermost outside asyncio:
    ``await queue.get()`` in the bridge, not the future inside ``Queue.get``.
    """
    coro: Any = task.get_coro()
    if inspect.iscoroutine(coro) and inspect.getcoroutinestate(coro) == inspect.CORO_CREATED:
        return "has not started"
    first: tuple[CodeType, int] | None = None
    last: tuple[CodeType, int] | None = None
    own: tuple[CodeType, int] | None = None
    while coro is not None:
        found = _frame_and_next(coro)
        if found is None:
            break
        frame, code, coro = found
        if frame is None:
            break
        first = first or (code, frame.f_lineno)
        if not code.co_filename.startswith(_ASYNCIO_DIR):
            last = (code, frame.f_lineno)
        if not is_library(code.co_filename):
            own = (code, frame.f_lineno)
    place = own or last or first
    if place is None:
        return "has not started"
    code, line = place
    return f"awaits at {_place(code, line)}"


def armed_line(timer: asyncio.TimerHandle) -> str:
    """Say which line of the program armed a timer; "" where a library did, or a task sleeps."""
    armed: tuple[CodeType, int] | None = getattr(timer, "armed", None)
    if armed is None or is_library(armed[0].co_filename):
        return ""
    code, instruction = armed
    lines = (line for start, end, line in code.co_lines() if start <= instruction < end)
    return _place(code, next(lines, None) or code.co_firstlineno)


def describe_frame(frame: FrameType | None, leaving_out: tuple[str, ...]) -> str:
    """Return the line at which a thread is, in the innermost file that is not left out."""
    while frame is not None and frame.f_code.co_filename in leaving_out:
        frame = frame.f_back
    if frame is None:
        return ""
    return _place(frame.f_code, frame.f_lineno)


def _frame_and_next(coro: Any) -> tuple[FrameType | None, CodeType, Any] | None:
    for prefix in ("cr", "gi", "ag"):
        if hasattr(coro, f"{prefix}_frame"):
            onward = "gi_yieldfrom" if prefix == "gi" else f"{prefix}_await"
            return (
                getattr(coro, f"{prefix}_frame"),
                getattr(coro, f"{prefix}_code"),
                getattr(coro, onward),
            )
    return None


def running_line() -> str:
    """Say which line of the program is running: the innermost outside of kernel and asyncio."""
    frame: FrameType | None = sys._getframe(1)
    asking = sys._getframe(1).f_code.co_filename
    while frame is not None and frame.f_code.co_filename.startswith((asking, *_OURS)):
        frame = frame.f_back
    return "" if frame is None else _place(frame.f_code, frame.f_lineno)


def running_task() -> str:
    """Name the task that is running; "" where none is."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return ""
    return task.get_name() if task is not None else ""


def raising_line(error: BaseException | None) -> str:
    """Say which line raised: the program's innermost, or else that outside kernel and asyncio."""
    found = own = ""
    step = error.__traceback__ if error is not None else None
    while step is not None:
        code = step.tb_frame.f_code
        if not found or not code.co_filename.startswith(_OURS):
            found = _place(code, step.tb_lineno)
        if not is_library(code.co_filename):
            own = _place(code, step.tb_lineno)
        step = step.tb_next
    return own or found


def is_library(filename: str) -> bool:
    """Tell whether a file is Python's, an installed package's or simkit's: no line to mend."""
    if filename.startswith(_BRIDGE_DIR):
        return False
    is_installed = any(folder in filename.replace(os.sep, "/") for folder in _INSTALLED)
    return is_installed or filename.startswith(_LIBRARIES)


def _place(code: CodeType, line: int) -> str:
    return f"{short_path(code.co_filename)}:{line} in {code.co_qualname}"


def short_path(filename: str) -> str:
    """Keep a package's path, or the last two parts: messages are the same on every machine."""
    path = filename.replace(os.sep, "/")
    for folder in _INSTALLED:
        if folder in path and not filename.startswith(_SIMKIT_DIR):
            return path.rpartition(folder)[2]
    return "/".join(path.split("/")[-2:])


def _age(task: asyncio.Task[Any]) -> int:
    return getattr(task, "number", 0)
