"""Handles and generators of asyncio, made and kept in less time.

Nearly everything that a loop does is one handle; asyncio's own constructors ask for debug mode and
pass through three calls each time.
"""

from __future__ import annotations

import asyncio
from asyncio import format_helpers
from collections.abc import Callable, Iterator
from contextvars import Context, copy_context
from types import CodeType, FrameType
from typing import Any
from weakref import ref

WAKES = asyncio.futures._set_result_unless_cancelled  # type: ignore[attr-defined]
"""The callback of ``asyncio.sleep``, whose task has a line of its own."""


def arming(frame: FrameType, loop_file: str) -> tuple[CodeType, int]:
    """Return the function and its instruction that arm a timer, outside of the loop's own file."""
    while frame.f_code.co_filename == loop_file and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code, frame.f_lasti  # the line of it takes longer to find


class TimerHandle(asyncio.TimerHandle):
    """A timer that takes one call to cancel: ``asyncio.sleep`` does so each time it has slept."""

    __slots__ = ("armed", "made_ns")

    armed: tuple[CodeType, int]
    """The function and its instruction that armed it; none where a task does but sleep."""
    made_ns: int
    """When it was set."""

    def cancel(self) -> None:
        """Let the callback not run."""
        timer: Any = self
        if timer._cancelled or timer._loop._debug:
            super().cancel()
            return
        timer._cancelled = True
        timer._callback = timer._args = None
        if timer._scheduled:
            timer._loop.calendar.timer_cancelled()


_new_handle = asyncio.Handle.__new__
_new_timer = TimerHandle.__new__


def make_handle(
    callback: Callable[..., object], args: Any, loop: Any, context: Context | None
) -> asyncio.Handle:
    """Return an ``asyncio.Handle`` as its constructor makes it outside debug mode."""
    handle: Any = _new_handle(asyncio.Handle)
    handle._context = copy_context() if context is None else context
    handle._loop = loop
    handle._callback = callback
    handle._args = args
    handle._cancelled = False
    handle._repr = None
    handle._source_traceback = None
    return handle  # type: ignore[no-any-return]


def make_timer(
    when: float, callback: Callable[..., object], args: Any, loop: Any, context: Context | None
) -> asyncio.TimerHandle:
    """Return an ``asyncio.TimerHandle`` as its constructor makes it outside debug mode."""
    timer: Any = _new_timer(TimerHandle)
    timer._context = copy_context() if context is None else context
    timer._loop = loop
    timer._callback = callback
    timer._args = args
    timer._cancelled = False
    timer._repr = None
    timer._source_traceback = None
    timer._when = when
    timer._scheduled = False
    timer.made_ns = loop.calendar._now
    return timer  # type: ignore[no-any-return]


def report_failure(handle: Any, error: BaseException) -> None:
    """Tell the loop's exception handler of a callback that failed, as ``Handle._run`` does."""
    source = format_helpers._format_callback_source(handle._callback, handle._args)
    context = {"message": f"Exception in callback {source}", "exception": error, "handle": handle}
    if handle._source_traceback:
        context["source_traceback"] = handle._source_traceback
    handle._loop.call_exception_handler(context)


def forget_frames(made: Any, frames: int) -> None:
    """In debug mode, let the traceback of where something was made end in the program."""
    if made._source_traceback:
        del made._source_traceback[-frames:]


class Generators:
    """The asynchronous generators that are alive, in the order of their first step.

    Takes the place of the loop's ``WeakSet``, which forgets their order: what is closed first
    when the loop shuts down would depend on memory addresses. Every ``asynccontextmanager``
    comes through here, so all of it but the iteration is C code.
    """

    def __init__(self) -> None:
        self._alive: dict[ref[Any], None] = {}

    def add(self, generator: Any) -> None:
        """Remember a generator for as long as it lives."""
        alive = self._alive
        alive[ref(generator, alive.pop)] = None

    def discard(self, generator: Any) -> None:
        """Forget a generator."""
        self._alive.pop(ref(generator), None)

    def clear(self) -> None:
        """Forget them all."""
        self._alive.clear()

    def __len__(self) -> int:
        return len(self._alive)

    def __iter__(self) -> Iterator[Any]:
        found = [alive() for alive in list(self._alive)]
        return iter([generator for generator in found if generator is not None])
