"""A server's end of a socket that may keep its client waiting for the upgrade."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from websockets.server import ServerProtocol

from .websocket import WebSocketPeer


class Timers(Protocol):
    """What a slow opening needs of a clock."""

    def read_ns(self) -> int:
        """Return the instant."""

    def call_at(self, when_ns: int, callback: Callable[..., object], *args: Any) -> Any:
        """Call something at an instant."""


class SlowOpening(WebSocketPeer):
    """Holds back what arrives for a while, the request for the upgrade above all.

    Args:
        delay_ns: how long, from the first byte on; 0: not at all.
    """

    def __init__(self, core: ServerProtocol, clock: Timers, delay_ns: int) -> None:
        super().__init__(core)
        self._opening_clock = clock
        self._opening_delay_ns = delay_ns
        self._held: bytes | None = b"" if delay_ns else None
        self._release_timer: Any = None

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        if self._held is None:
            super().data_received(data)
            return
        if not self._held:
            due_ns = self._opening_clock.read_ns() + self._opening_delay_ns
            self._release_timer = self._opening_clock.call_at(due_ns, self._release)
        self._held += data

    def _release(self) -> None:
        held, self._held = self._held or b"", None
        super().data_received(held)

    def eof_received(self) -> None:
        """The client has gone, perhaps while it was kept waiting."""
        self._give_up()
        super().eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._give_up()
        super().connection_lost(error)

    def _give_up(self) -> None:
        """Whoever has gone is not answered any more."""
        if self._release_timer is not None:
            self._release_timer.cancel()
