"""Ends: what the kernel keeps of one end of a connection, whoever reads and writes there."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

from .pipe import Pipe
from .sockets import SimSocket


class End:
    """One end of a connection, between the pipe that comes in and the pipe that goes out."""

    _buffer: Sized
    """What waits to be sent until the window opens; whatever it is, it is true then."""

    def __init__(self, incoming: Pipe, outgoing: Pipe, sock: SimSocket) -> None:
        self._in = incoming
        self._out = outgoing
        self._sock = sock
        self._sent_ns = self._first_sent_ns = 0
        self._end_sent = False
        self._end_read = False
        incoming.reader = self
        outgoing.writer = self
        sock.transport = self

    @property
    def peer(self) -> End | None:
        """The other end; None while nobody reads there."""
        return self._out.reader

    @property
    def peer_has_ended(self) -> bool:
        """The other end sends nothing any more."""
        return self._in.writer is None or self._in.writer._end_sent

    # What the pipes call

    def _wake(self) -> None:
        """Called as an arrival: the descriptor became readable."""
        raise NotImplementedError

    def _was_reset(self) -> None:
        """Called as an RST arrives: the descriptor polls as readable and as writable."""
        raise NotImplementedError

    def _flush_later(self, delay_ns: int) -> None:
        """The far program has read: the acknowledgement is on its way."""
        raise NotImplementedError

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return information about the connection."""
        raise NotImplementedError

    # What both kinds of ends do

    def _has_something_to_read(self) -> bool:
        return bool(self._in.arrived) or self._out.reset

    def polls_readable(self) -> bool:
        """Tell whether a descriptor would poll as readable: an end stays so once it was read."""
        return self._end_read or self._has_something_to_read()

    def _reset_error(self) -> OSError:
        """Return what the kernel says on writing after a reset: EPIPE if the peer's end came."""
        ended = self._end_read or (self._in.arrived and not self._in.arrived[-1][1])
        if ended and not self._out.timed_out:
            return BrokenPipeError(32, "Broken pipe")
        return self._out.error()

    def _take(self, limit: int) -> bytes:
        """Take up to ``limit`` bytes out of the receive buffer and open the window by as much."""
        pipe = self._in
        arrived = pipe.arrived
        self._sent_ns, data = arrived.popleft()
        self._first_sent_ns = self._sent_ns
        size = len(data)
        if arrived or size > limit:
            parts = [data]
            while arrived and arrived[0][1] and size < limit:
                self._sent_ns, data = arrived.popleft()
                parts.append(data)
                size += len(data)
            data = b"".join(parts)
            if size > limit:
                arrived.appendleft((self._sent_ns, data[limit:]))
                data, size = data[:limit], limit
        back = self._out.direction
        if back.shape is not None:
            back.shape.acknowledge(pipe, size)
        else:
            pipe.unread -= size
            writer = pipe.writer
            if writer is not None and writer._buffer:
                writer._flush_later(back.latency_ns)
        if self._sock.watched and not self._has_something_to_read():
            self._sock.show_drained()
        return data

    def _send_end(self) -> None:
        if not self._end_sent:
            self._end_sent = True
            self._out.send_end()

    def _close_socket(self) -> None:
        """Do what the kernel does when a program closes its descriptor."""
        self._sock.close()
        unread = self._in.arrived
        self._in.reader = None
        self._in.closed = True
        if self._out.reset:
            pass
        elif unread and unread[0][1]:
            self._out.send_reset(self._in)
        else:
            self._send_end()
        unread.clear()
