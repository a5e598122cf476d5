"""What simkit uses of asyncio besides its public interface, declared once.

CPython's own loop, tasks and transports are extended, not rewritten; that takes a few attributes
that typeshed does not list. They are the same in CPython 3.11 to 3.13.
"""

from __future__ import annotations

import asyncio
from asyncio import base_events, futures, transports
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections import deque

    class BaseLoop(asyncio.BaseEventLoop):
        """``asyncio.BaseEventLoop`` with what its subclasses rely on."""

        _ready: deque[Any]
        _stopping: bool
        _closed: bool
        _asyncgens: Any
        _debug: bool
        _thread_id: int | None
        _task_factory: Any
        _clock_resolution: float
        _executor_shutdown_called: bool
        _current_handle: asyncio.Handle | None

        def _call_soon(self, callback: Any, args: Any, context: Any) -> asyncio.Handle: ...
        def _check_closed(self) -> None: ...
        def _check_thread(self) -> None: ...
        def _check_callback(self, callback: Any, method: str) -> None: ...
        def _check_default_executor(self) -> None: ...

    class FlowControl(asyncio.Transport):
        """asyncio's own flow control, which the subclass tells of its buffer's size."""

        _loop: Any
        _extra: dict[str, Any]

        def __init__(self, extra: dict[str, Any], loop: Any) -> None: ...
        def _maybe_pause_protocol(self) -> None: ...
        def _maybe_resume_protocol(self) -> None: ...

else:
    BaseLoop = asyncio.BaseEventLoop
    FlowControl = transports._FlowControlMixin

format_handle: Callable[[asyncio.Handle], str] = base_events._format_handle  # type: ignore[attr-defined]
"""Describes a callback for the log: as its task, where it is one's."""

convert_error: Callable[[BaseException], BaseException] = futures._convert_future_exc  # type: ignore[attr-defined]
"""Makes an error of ``concurrent.futures`` asyncio's own, as for what a thread raised."""
