"""A server's end of a socket that may keep its client waiting for the upgrade."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from websockets.server import ServerProtocol

from .websocket import WebSocketPeer

if TYPE_CHECKING:
    from ..timeline import Clock


class SlowOpening(WebSocketPeer):
    """Holds back what arrives for a while, the request for the upgrade above all.

    Tells when messages left and reach the client, as far as the network knows.

    Args:
        delay_ns: how long, from the first byte on; 0: not at all.
    """

    def __init__(self, core: ServerProtocol, clock: Clock, delay_ns: int) -> None:
        super().__init__(core)
        self._clock = clock
        self._opening_delay_ns = delay_ns
        self._held: bytes | None = b"" if delay_ns else None
        self._release_timer: Any = None

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        if self._held is None:
            WebSocketPeer.data_received(self, data)  # super() takes longer: a frame each 20 ms
            return
        if not self._held:
            due_ns = self._clock.read_ns() + self._opening_delay_ns
            self._release_timer = self._clock.call_at(due_ns, self._release)
        self._held += data

    def _release(self) -> None:
        held, self._held = self._held or b"", None
        super().data_received(held)

    @property
    def arrival_ns(self) -> int:
        """When what was sent last reaches the client."""
        found: int | None = self.transport.get_extra_info("simkit.arrival_ns")
        return self._clock.read_ns() if found is None else found

    @property
    def sent_ns(self) -> int:
        """When what arrived last left the client."""
        found: int | None = self.transport.get_extra_info("simkit.sent_ns")
        return self._clock.read_ns() if found is None else found

    @property
    def first_sent_ns(self) -> int | None:
        """When the first of what arrived in one piece left the client; None: nobody knows."""
        found: int | None = self.transport.get_extra_info("simkit.first_sent_ns")
        return found

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
