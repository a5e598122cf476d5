"""Pipes: one direction of a connection, ordered bytes on their way and then waiting to be read."""

from __future__ import annotations

from asyncio.sslproto import SSLProtocol
from collections import deque
from collections.abc import Callable
from functools import partial
from heapq import heappush
from typing import TYPE_CHECKING

from ..kernel import Choices, Trail, checksum
from ..kernel.calendar import ARRIVAL
from ..kernel.choices import chosen_ns, chosen_size
from .link import Direction

if TYPE_CHECKING:
    from .end import End
    from .names import NamingLoop

_END = b""


class Pipe:
    """One direction of a connection.

    Bytes written at one instant travel together, as a kernel would coalesce them. ``b""`` on the
    way is the end of the stream (FIN). How long they travel is the latency of the direction,
    unless it has a :class:`~simkit.network.shaping.Shape`.
    """

    __slots__ = (
        "_calendar",
        "arrived",
        "blocked_until_ns",
        "closed",
        "direction",
        "given_up",
        "in_flight",
        "kept",
        "last_arrival_ns",
        "opening",
        "reader",
        "reset",
        "silence",
        "timed_out",
        "unread",
        "writer",
    )

    def __init__(self, loop: NamingLoop, direction: Direction) -> None:
        self._calendar = loop.calendar
        self.direction = direction
        self.writer: End | None = None
        self.reader: End | None = None
        self.unread = 0
        """Bytes sent and not read yet by the far program: what the window limits."""
        self.arrived: deque[tuple[int, bytes]] = deque()
        """(instant it was sent, bytes), waiting for the far program to read."""
        self.reset = False
        """The far end answered with RST; nothing more gets through."""
        self.in_flight: deque[tuple[int, int, list[bytes]]] = deque()
        """(instant it is due, instant it was sent, bytes), in the order of both."""
        self.last_arrival_ns = 0
        """When the last byte sent so far arrives, or arrived."""
        self.closed = False
        """The far program has closed its socket; until it is accepted, there is just no reader."""

        # Only a shape uses what follows.
        self.opening: Callable[[], object] | None = None
        """What the first thing to arrive does, which is the end of the handshake."""
        self.kept = 0
        """How many of those in flight were due during a silence."""
        self.blocked_until_ns = 0
        """When what was sent into a silence arrives after all; nothing may before it."""
        self.silence: object = None
        """The silence that the sender's kernel has last begun to wait for the end of."""
        self.given_up = False
        """The sender's kernel sends nothing any more, nor again."""
        self.timed_out = False
        """It was reset by the sender's kernel, which got no answer."""

    @property
    def room(self) -> int:
        """How many bytes may be sent now."""
        return self.direction.window_bytes - self.unread

    def send(self, data: bytes) -> None:
        """Put bytes on the way."""
        calendar = self._calendar
        if calendar.trail is not None:
            self._note(calendar.trail, data)
        self.unread += len(data)
        direction = self.direction
        if calendar.choices is not None:
            self._send_chosen(calendar.choices, data)
            return
        if direction.shape is not None:
            direction.shape.send(self, data)
            return
        arrival = calendar._now + direction.latency_ns
        if arrival <= self.last_arrival_ns:
            self.put(self.last_arrival_ns, data)
            return
        # What put and Calendar.at do, without the calls: nearly every frame passes here.
        self.last_arrival_ns = arrival
        self.in_flight.append((arrival, calendar._now, [data]))
        heappush(calendar._queue, (arrival, ARRIVAL, next(calendar._eid), self._arrive))

    def _send_chosen(self, choices: Choices, data: bytes) -> None:
        """Let somebody choose how the bytes are cut, and by how much each part is late."""
        direction = self.direction
        way = f"{direction.source} > {direction.target}"
        first = chosen_size(choices, "segment", way, len(data)) if len(data) > 1 else len(data)
        for part in (data[:first], data[first:]) if first < len(data) else (data,):
            if direction.shape is not None:
                direction.shape.send(self, part)
                continue
            late_ns = chosen_ns(choices, "arrival", way)
            arrival = max(
                self._calendar._now + direction.latency_ns + late_ns, self.last_arrival_ns
            )
            if part is not data and self.in_flight and self.in_flight[-1][0] == arrival:
                arrival += 1  # what arrives at one instant is one read
            self.put(arrival, part)

    def put(self, arrival: int, data: bytes) -> None:
        """Let bytes arrive at an instant, not before those sent before them."""
        now = self._calendar._now
        in_flight = self.in_flight
        if in_flight and in_flight[-1][0] == arrival and in_flight[-1][1] == now and data:
            last = in_flight[-1][2]
            if last[0]:
                last.append(data)
                return
        self.last_arrival_ns = arrival
        in_flight.append((arrival, now, [data]))
        self._calendar.at(arrival, self._arrive)

    def open(self, action: Callable[[], object]) -> None:
        """Put the last segment of the handshake on the way; ``action`` is what its arrival does."""
        shape = self.direction.shape
        if shape is None:
            self._calendar.at(self._calendar._now + self.direction.latency_ns, action)
        else:
            self.opening = action
            shape.send(self, _END)

    def _note(self, trail: Trail, data: bytes) -> None:
        way = f"{self.direction.source} > {self.direction.target}"
        if isinstance(getattr(self.writer, "_protocol", None), SSLProtocol):
            # OpenSSL draws from the operating system, and a signature's length varies.
            trail.note("bytes", f"{way} TLS")
        else:
            trail.note("bytes", f"{way} {len(data)} {checksum(data)}")

    def send_end(self) -> None:
        """Put the end of the stream on the way, behind everything sent."""
        self.send(_END)

    def send_reset(self, backward: Pipe) -> None:
        """Tell the writer of ``backward`` that nobody listens any more (RST)."""
        arrival = max(self._calendar._now + self.direction.latency_ns, self.last_arrival_ns)
        self.last_arrival_ns = arrival
        self._calendar.at(arrival, partial(self._reset_arrives, backward))

    def _reset_arrives(self, backward: Pipe) -> None:
        shape = self.direction.shape
        if shape is None or shape.admits_reset(self, backward):
            backward._was_reset()

    def _arrive(self) -> None:
        shape = self.direction.shape
        if shape is not None and not shape.admits(self):
            return
        _, sent_ns, parts = self.in_flight.popleft()
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        if self.closed:
            if data and self.writer is not None:
                # The program at this end has closed its socket: the kernel answers with RST.
                self.writer._in.send_reset(self)
            return
        if shape is not None and data:
            data = shape.count(self, data)
            if not data:
                return
        self.arrived.append((sent_ns, data))
        if self.reader is not None:
            self.reader._wake()

    def acknowledge(self, size: int, delay_ns: int) -> None:
        """Note that the far program has read; a writer that waits knows ``delay_ns`` from now."""
        self.unread -= size
        if self.writer is not None and self.writer._buffer:
            self.writer._flush_later(delay_ns)

    def cut(self) -> None:
        """Reset the connection here, at the end of this direction, for both its programs."""
        self.closed = True
        if self.writer is not None:
            backward = self.writer._in
            backward._was_reset()
            backward.send_reset(self)

    def give_up(self) -> None:
        """Forget what is on the way: the sender's kernel will not send it again."""
        self.given_up = True
        self.kept = 0
        self.in_flight.clear()

    def error(self) -> OSError:
        """Return what a program that polls reads after a reset."""
        if self.timed_out:
            return TimeoutError(110, "Connection timed out")
        return ConnectionResetError(104, "Connection reset by peer")

    def _was_reset(self) -> None:
        self.reset = True
        if self.writer is not None:
            self.writer._was_reset()
