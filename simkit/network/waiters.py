"""Waiters: callers of the loop's ``sock_*`` methods, until their socket is ready."""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from ..kernel import OutsideWorldError

if TYPE_CHECKING:
    from .names import NamingLoop

T = TypeVar("T")


class Waiters:
    """Who waits for one socket to be readable, or to be writable; first come, first served.

    An attempt that has to wait raises ``BlockingIOError``, as a method of a non-blocking socket
    does.
    """

    def __init__(self, loop: NamingLoop) -> None:
        self._loop = loop
        self._waiting: deque[tuple[asyncio.Future[Any], Callable[[], Any]]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    async def until_done(self, attempt: Callable[[], T]) -> T:
        """Return what ``attempt`` returns as soon as it does not have to wait."""
        if not self._waiting:
            try:
                return attempt()
            except BlockingIOError:
                pass
        future: asyncio.Future[T] = self._loop.create_future()
        entry = (future, attempt)
        self._waiting.append(entry)
        try:
            return await future
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)

    def wake(self) -> None:
        """The socket became ready: let them try in the iteration that follows."""
        if self._waiting:
            self._loop.call_soon(self._try)

    def _try(self) -> None:
        while self._waiting:
            future, attempt = self._waiting[0]
            if not future.done():
                try:
                    result = attempt()
                except BlockingIOError:
                    return
                except OSError as error:
                    future.set_exception(error)
                else:
                    future.set_result(result)
            self._waiting.popleft()


def block(
    loop: NamingLoop,
    call: str,
    work: Callable[[], Coroutine[Any, Any, T]],
    timeout: float | None = None,
) -> T:
    """Do ``work`` in the loop while the calling thread, a worker, waits.

    Args:
        call: what the program called, for the error.
        timeout: virtual seconds, None: for ever.

    Raises:
        TimeoutError: that time has passed.
        OutsideWorldError: the calling thread is the loop's own.
    """
    if loop.threads.running() is None:
        raise OutsideWorldError(
            f"{call} would block the loop's own thread until something arrives, and nothing can "
            "arrive meanwhile: make it non-blocking and use the loop's methods (await "
            "loop.sock_recv(), loop.sock_accept()), or give it to asyncio.to_thread"
        )
    waiting = asyncio.run_coroutine_threadsafe(work(), loop)
    try:
        return waiting.result(timeout)
    except TimeoutError:
        if waiting.done():
            raise
        waiting.cancel()
        raise TimeoutError("timed out") from None


def not_ready() -> BlockingIOError:
    """Return the error of a non-blocking call that would have to wait."""
    return BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
