"""Sockets of the seed dialect that wait for a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ..wire import seed_dialect
from .pool import Pool
from .vapi_socket import VapiError, VapiSocket

_QUIET = 1.0
"""Seconds without a message after which a used socket is clean."""
_MOST_KEPT = 1_048_576
"""Bytes that a new socket may say before anybody listens."""


class SeedSockets:
    """Opens sockets ahead; each serves one call, or one after the other where that is wanted.

    What a new socket says while it waits (a greeting perhaps) is kept for the call that gets it. A
    used one is told to be silent and to forget, and handed on only after Vapi has answered a ping
    behind that and said nothing for a second; one that speaks afterwards is closed.

    Args:
        open_one: opens a socket; raises :class:`VapiError`.
        size: how many wait.
        reuses: whether a socket serves again.
    """

    def __init__(
        self, open_one: Callable[[], Awaitable[VapiSocket]], *, size: int, reuses: bool
    ) -> None:
        self._open_one = open_one
        self._reuses = reuses
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[VapiSocket, _Waiting] = {}
        self._lent: set[VapiSocket] = set()
        self.pool: Pool[VapiSocket] = Pool(self._make, self._discard, size=size)

    async def _make(self) -> VapiSocket:
        socket = await self._open_one()
        if not socket.is_open:
            raise VapiError(f"socket closed with {socket.close_code}", socket.close_code)
        waiting = self._waiting[socket] = _Waiting()
        socket.on_gone = lambda code: self._lose(socket)

        def keep(message: bytes, is_text: bool) -> None:
            waiting.kept.append((message, is_text))
            waiting.size += len(message)
            if waiting.size > _MOST_KEPT:
                self._lose(socket)
                socket.finish()

        socket.on_message = keep
        return socket

    def take(self, wanted: VapiSocket) -> VapiSocket | None:
        """Return a socket that is open, with the listeners of ``wanted``; None: open that one."""
        socket = self.pool.take()
        if socket is None:
            return None
        waiting = self._waiting.pop(socket)
        if self._reuses and socket not in self._lent:
            self._lent.add(socket)
            self.pool.lend(1)
            socket.closed.add_done_callback(lambda closed: self._returned(socket))
        socket.on_gone, socket.on_pong_seconds = wanted.on_gone, wanted.on_pong_seconds

        def hand_over() -> None:
            socket.on_message = wanted.on_message
            for message, is_text in waiting.kept:
                socket.on_message(message, is_text)

        # Once whoever takes it knows that it is open.
        self._loop.call_soon(hand_over)
        return socket

    def take_back(self, socket: VapiSocket) -> bool:
        """Clean a used socket for another call; False when it is to be closed."""
        if not self._reuses or not socket.is_open:
            return False
        waiting = self._waiting[socket] = _Waiting()

        def drop(message: bytes, is_text: bool) -> None:
            if waiting.is_ready:  # it speaks, and nobody knows to whom
                self._lose(socket)
                socket.finish()
            elif waiting.quiet is not None:
                waiting.quiet.cancel()
                waiting.quiet = self._loop.call_later(_QUIET, ready)

        def answered(seconds: float) -> None:
            if waiting.quiet is None and not waiting.is_ready:
                waiting.quiet = self._loop.call_later(_QUIET, ready)

        def ready() -> None:
            waiting.is_ready = True
            waiting.quiet = None
            self._returned(socket)
            if not self.pool.put(socket):
                self._discard(socket)

        socket.on_message = drop
        socket.on_pong_seconds = answered
        socket.on_gone = lambda code: self._lose(socket)
        socket.send_text(seed_dialect.encode(seed_dialect.CancelResponse()))
        socket.send_text(seed_dialect.encode(seed_dialect.Flush()))
        socket.ping()
        return True

    def _returned(self, socket: VapiSocket) -> None:
        if socket in self._lent:
            self._lent.discard(socket)
            self.pool.lend(-1)

    def _lose(self, socket: VapiSocket) -> None:
        waiting = self._waiting.pop(socket, None)
        if waiting is not None and waiting.quiet is not None:
            waiting.quiet.cancel()
        self.pool.lost(socket)

    def _discard(self, socket: VapiSocket) -> None:
        self._lose(socket)
        socket.send_text(seed_dialect.encode(seed_dialect.Flush()))
        socket.finish()

    async def close(self) -> None:
        """Close every socket that waits; takes a second at most."""
        sockets = list(self._waiting)
        await self.pool.close()
        for socket in sockets:
            self._discard(socket)
        for socket in sockets:
            await socket.closed


class _Waiting:
    """What is known of a socket without a call."""

    def __init__(self) -> None:
        self.kept: list[tuple[bytes, bool]] = []
        self.size = 0
        self.is_ready = False
        self.quiet: asyncio.TimerHandle | None = None
