"""Signal handlers of a simulated loop: remembered, and run when a test raises the signal.

The process keeps its own handlers: a signal from outside would come at a real instant.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVarTuple

from .base import BaseLoop

Ts = TypeVarTuple("Ts")

_UNCATCHABLE = (signal.SIGKILL, signal.SIGSTOP)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end what runs here, also when the program under test takes it for an error.

    Servers answer HTTP 500 to whatever a handler raises, and go on. Without effect outside the main
    thread, and where somebody handles the signal already.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    pressed = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if pressed:
        raise KeyboardInterrupt


class SignalHandlers(BaseLoop):
    """The part of a loop that deals with signals."""

    def __init__(self) -> None:
        super().__init__()
        self._signal_handlers: dict[int, asyncio.Handle] = {}

    def add_signal_handler(self, sig: int, callback: Callable[[*Ts], object], *args: *Ts) -> None:
        """Remember a signal handler; :meth:`raise_signal` runs it.

        Raises:
            TypeError: ``sig`` is no number, or ``callback`` a coroutine.
            ValueError: there is no such signal.
            RuntimeError: it cannot be caught, or the loop is closed.
        """
        if asyncio.iscoroutine(callback) or asyncio.iscoroutinefunction(callback):
            raise TypeError("coroutines cannot be used with add_signal_handler()")
        _check_signal(sig)
        self._check_closed()
        if sig in _UNCATCHABLE:
            raise RuntimeError(f"sig {sig} cannot be caught")
        self._signal_handlers[sig] = asyncio.Handle(callback, args, self, None)

    def remove_signal_handler(self, sig: int) -> bool:
        """Forget a signal handler; True when there was one."""
        _check_signal(sig)
        return self._signal_handlers.pop(sig, None) is not None

    def raise_signal(self, sig: int) -> bool:
        """Deliver a signal to the program under test; True when it has a handler for it."""
        handle = self._signal_handlers.get(sig)
        if handle is None:
            return False
        self._ready.append(handle)
        return True

    def close(self) -> None:
        """Close the loop and forget its signal handlers."""
        super().close()
        self._signal_handlers.clear()


def _check_signal(sig: object) -> None:
    if not isinstance(sig, int):
        raise TypeError(f"sig must be an int, not {sig!r}")
    if sig not in signal.valid_signals():
        raise ValueError(f"invalid signal number {sig}")
