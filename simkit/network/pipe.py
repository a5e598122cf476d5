"""Pipes: one direction of a connection, ordered bytes on their way and then waiting to be read."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from .link import Direction

if TYPE_CHECKING:
    from .loop import SimLoop
    from .stream import StreamTransport

_END = b""


class Pipe:
    """One direction of a connection.

    Bytes written at one instant travel together, as a kernel would coalesce them. ``b""`` on the
    way is the end of the stream (FIN).
    """

    __slots__ = (
        "_calendar",
        "_in_flight",
        "_last_arrival_ns",
        "arrived",
        "closed",
        "direction",
        "reader",
        "reset",
        "unread",
        "writer",
    )

    def __init__(self, loop: SimLoop, direction: Direction) -> None:
        self._calendar = loop.calendar
        self.direction = direction
        self.writer: StreamTransport | None = None
        self.reader: StreamTransport | None = None
        self.unread = 0
        """Bytes sent and not read yet by the far program: what the window limits."""
        self.arrived: deque[tuple[int, bytes]] = deque()
        """(instant it was sent, bytes), waiting for the far program to read."""
        self.reset = False
        """The far end answered with RST; nothing more gets through."""
        self._in_flight: deque[tuple[int, int, list[bytes]]] = deque()
        self._last_arrival_ns = 0
        self.closed = False
        """The far program has closed its socket; until it is accepted, there is just no reader."""

    @property
    def room(self) -> int:
        """How many bytes may be sent now."""
        return self.direction.window - self.unread

    @property
    def last_arrival_ns(self) -> int:
        """When the last byte sent so far arrives, or arrived."""
        return self._last_arrival_ns

    def send(self, data: bytes) -> None:
        """Put bytes on the way."""
        self.unread += len(data)
        now = self._calendar._now
        arrival = now + self.direction.latency_ns
        if arrival < self._last_arrival_ns:
            arrival = self._last_arrival_ns
        in_flight = self._in_flight
        if in_flight and in_flight[-1][0] == arrival and in_flight[-1][1] == now and data:
            last = in_flight[-1][2]
            if last[0]:
                last.append(data)
                return
        self._last_arrival_ns = arrival
        in_flight.append((arrival, now, [data]))
        self._calendar.at(arrival, self._arrive)

    def send_end(self) -> None:
        """Put the end of the stream on the way, behind everything sent."""
        self.send(_END)

    def send_reset(self, backward: Pipe) -> None:
        """Tell the writer of ``backward`` that nobody listens any more (RST)."""
        arrival = max(self._calendar._now + self.direction.latency_ns, self._last_arrival_ns)
        self._last_arrival_ns = arrival
        self._calendar.at(arrival, backward._was_reset)

    def _arrive(self) -> None:
        _, sent_ns, parts = self._in_flight.popleft()
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        if self.closed:
            if data and self.writer is not None:
                # The program at this end has closed its socket: the kernel answers with RST.
                self.writer._in.send_reset(self)
            return
        self.arrived.append((sent_ns, data))
        if self.reader is not None:
            self.reader._wake()

    def _was_reset(self) -> None:
        self.reset = True
        if self.writer is not None:
            self.writer._was_reset()
