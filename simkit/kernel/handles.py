"""Handles and generators of asyncio, made and kept in less time.

Nearly everything that a loop does is one handle; asyncio's own constructors ask for debug mode and
pass through three calls each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextvars import Context, copy_context
from typing import Any
from weakref import ref

_new_handle = asyncio.Handle.__new__
_new_timer = asyncio.TimerHandle.__new__


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
    timer: Any = _new_timer(asyncio.TimerHandle)
    timer._context = copy_context() if context is None else context
    timer._loop = loop
    timer._callback = callback
    timer._args = args
    timer._cancelled = False
    timer._repr = None
    timer._source_traceback = None
    timer._when = when
    timer._scheduled = False
    return timer  # type: ignore[no-any-return]


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
