"""``select.select`` and ``select.poll`` over sockets in memory, in a worker thread."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .adopted import Adopted, adopted_by_number
from .waiters import block, not_ready

if TYPE_CHECKING:
    from .connections import ConnectingLoop

Watched = list[tuple[Any, Adopted, bool]]
"""What is asked for: something to name it by, the socket, and True to read, False to write."""


def number_of(watched: Any) -> int:
    """Return the descriptor's number of a socket, or of a number."""
    return watched if isinstance(watched, int) else watched.fileno()


class Poll:
    """A ``select.poll`` object."""

    def __init__(self, loop: ConnectingLoop, real: Any) -> None:
        self._loop = loop
        self._real = real
        self._masks: dict[int, tuple[Adopted, int]] = {}

    def register(self, fd: Any, eventmask: int = select.POLLIN | select.POLLOUT) -> None:
        """Watch a descriptor or socket."""
        state = adopted_by_number(number_of(fd))
        if state is None:
            self._real.register(fd, eventmask)
        else:
            self._masks[number_of(fd)] = state, eventmask

    def modify(self, fd: Any, eventmask: int) -> None:
        """Watch it for something else."""
        if number_of(fd) in self._masks:
            self.register(fd, eventmask)
        else:
            self._real.modify(fd, eventmask)

    def unregister(self, fd: Any) -> None:
        """Watch it no longer."""
        if self._masks.pop(number_of(fd), None) is None:
            self._real.unregister(fd)

    def poll(self, timeout: float | None = None) -> list[tuple[int, int]]:
        """Return what is ready; ``timeout`` in virtual milliseconds, None or negative: for ever."""
        if not self._masks:
            return self._real.poll(timeout)  # type: ignore[no-any-return]
        watched = [
            ((fd, bit), state, bit == select.POLLIN)
            for fd, (state, mask) in self._masks.items()
            for bit in (select.POLLIN, select.POLLOUT)
            if mask & bit
        ]
        seconds = None if timeout is None or timeout < 0 else timeout / 1000
        found: dict[int, int] = {}
        for fd, bit in wait(self._loop, "poll", watched, seconds):
            found[fd] = found.get(fd, 0) | bit
        return list(found.items()) + self._real.poll(0)  # type: ignore[no-any-return]


def select_in(
    loop: ConnectingLoop,
    real: Any,
    readers: Iterable[Any],
    writers: Iterable[Any],
    others: Iterable[Any],
    timeout: float | None = None,
) -> tuple[list[Any], list[Any], list[Any]]:
    """Do what ``select.select`` does; all of it must be in memory, or all of it real."""
    asked = [(one, True) for one in readers] + [(one, False) for one in writers]
    watched: Watched = []
    for one, reads in asked:
        state = adopted_by_number(number_of(one))
        if state is not None:
            watched.append(((one, reads), state, reads))
    if len(watched) < len(asked) or not asked:
        return real(readers, writers, others, timeout)  # type: ignore[no-any-return]
    ready = wait(loop, "select", watched, timeout)
    return [one for one, reads in ready if reads], [one for one, reads in ready if not reads], []


def wait(loop: ConnectingLoop, call: str, watched: Watched, timeout: float | None) -> list[Any]:
    """Return the names of what is ready, as soon as something is, or when time is up."""
    loop.threads.catch_up()
    ready = [name for name, state, reads in watched if _ready(state, reads)]
    if ready or timeout == 0:
        return ready

    async def until_ready() -> None:
        waits = [
            loop.create_task(_waiters(state, reads).until_done(_attempt(state, reads)))
            for _, state, reads in watched
        ]
        try:
            await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in waits:
                waiting.cancel()

    block(loop, f"select.{call}", until_ready)
    return [name for name, state, reads in watched if _ready(state, reads)]


def _attempt(state: Adopted, reads: bool) -> Callable[[], None]:
    def attempt() -> None:
        if not _ready(state, reads):
            raise not_ready()

    return attempt


def _ready(state: Adopted, reads: bool) -> bool:
    if state.backlog is not None:
        return reads and bool(state.backlog)
    if state.kind == socket.SOCK_DGRAM:
        return not reads or state.datagrams().ready
    return state.stream().readable if reads else state.stream().writable


def _waiters(state: Adopted, reads: bool) -> Any:
    if state.backlog is not None:
        return state.backlog.acceptors
    if reads or state.kind == socket.SOCK_DGRAM:
        return state.readers()
    return state.stream().writers
