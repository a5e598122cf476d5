"""Streams: TCP connections in memory, delivered straight to asyncio protocols.

A :class:`StreamTransport` is one end, between two pipes. It behaves as asyncio's own selector
transport does on a kernel socket: same buffering, same flow control, same order of callbacks, same
errors.
"""

from __future__ import annotations

import asyncio
from asyncio import constants
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from ..kernel import PollHandle
from ..kernel.base import FlowControl
from .end import End
from .pipe import Pipe
from .sockets import SimSocket

if TYPE_CHECKING:
    from .names import NamingLoop

MAX_READ = 256 * 1024
"""Bytes that one read delivers at most, as in asyncio's selector transport."""


BACKLOG = 16 * 1024
"""Bytes that wait to be sent, from which on the peer counts as a slow reader: half a second of
audio, and less than any library waits for."""


class StreamTransport(End, FlowControl):
    """One end of a connection in memory.

    ``get_extra_info`` knows what asyncio's transports know (``socket``, ``sockname``,
    ``peername``, ``sslcontext`` where TLS was elided) and three instants, all virtual ns:
    ``simkit.sent_ns``, when the bytes just delivered left the peer, ``simkit.first_sent_ns``, when
    the first of them did, and ``simkit.arrival_ns``, when the bytes written last reach it.
    """

    _start_tls_compatible = True
    _sendfile_compatible = constants._SendfileMode.FALLBACK

    meets_certificate = False
    """The server at the other end begins every connection with TLS of its own."""

    tls_is_elided = False
    """The upgrade of this connection to TLS was skipped; see ``start_tls``."""

    def __init__(
        self,
        loop: NamingLoop,
        protocol: asyncio.BaseProtocol,
        *,
        incoming: Pipe,
        outgoing: Pipe,
        context: Context,
        sock: SimSocket,
        extra: dict[str, Any],
        server: Any = None,
        waiter: asyncio.Future[None] | None = None,
        accepted: bool = False,
    ) -> None:
        FlowControl.__init__(self, extra, loop)
        End.__init__(self, incoming, outgoing, sock)
        self._extra["socket"] = sock
        self._extra["sockname"] = sock.getsockname()
        self._extra["peername"] = sock.getpeername()
        self._context = context
        way = f"{outgoing.direction.target} > {outgoing.direction.source}"
        self._read_handle = PollHandle(way, self._read_ready, loop, context)
        self._buffer: bytearray = bytearray()
        self._server = server
        self._closing = False
        self._conn_lost = False
        self._paused = False
        self._started = False
        self._polls = False  # it has begun to read, and is neither paused nor closing
        self._woken = False
        self._flush_due = False
        self._eof_written = False
        self.set_protocol(protocol)
        if server is not None:
            _attach(server, self)
        loop.network.openings.add(
            "accepted" if accepted else "client",
            self,
            context,
            sock.getsockname(),
            sock.getpeername(),
        )
        loop.call_soon(self._protocol.connection_made, self, context=context)
        loop.call_soon(self._start_reading, context=context)
        if waiter is not None:
            loop.call_soon(_release, waiter, context=context)

    def __repr__(self) -> str:
        state = "closing" if self._closing else "open"
        here, there = self._extra["sockname"], self._extra["peername"]
        return f"<StreamTransport {here} > {there} {state}>"

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return information about the connection; see the class."""
        if name == "simkit.sent_ns":
            return self._sent_ns
        if name == "simkit.first_sent_ns":
            return self._first_sent_ns
        if name == "simkit.arrival_ns":
            return self._out.last_arrival_ns
        return self._extra.get(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Switch to another protocol."""
        self._protocol: Any = protocol
        self._buffered = isinstance(protocol, asyncio.BufferedProtocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the current protocol."""
        return self._protocol  # type: ignore[no-any-return]

    # Reading

    def is_reading(self) -> bool:
        """True while data is delivered as it arrives."""
        return not self._closing and not self._paused

    def pause_reading(self) -> None:
        """Leave what arrives in the receive buffer."""
        if not self._closing:
            self._paused = True
            self._polls = False

    def resume_reading(self) -> None:
        """Deliver again; what has arrived meanwhile comes with the next poll."""
        if self._closing or not self._paused:
            return
        self._paused = False
        self._polls = self._started
        if self._has_something_to_read():
            self._poll_again()

    def _start_reading(self) -> None:
        self._started = True
        self._polls = self.is_reading()
        if self._polls and self._has_something_to_read():
            self._poll_again()

    def _poll_again(self) -> None:
        if not self._woken and self._started:
            self._woken = True
            self._loop.readable(self._read_handle)

    def _wake(self) -> None:
        if self._sock.watched:
            self._sock.show_readable()
        if self._polls and not self._woken:
            self._woken = True
            self._loop._ready.append(self._read_handle)

    def _was_reset(self) -> None:
        self._wake()
        if self._buffer and (not self.is_reading() or self._end_read):
            self._loop.call_soon(self._write_failed, context=self._context)

    def _write_failed(self) -> None:
        if self._buffer and not self._conn_lost:
            self._fatal_error(self._reset_error())

    def _read_ready(self) -> None:
        self._woken = False
        if not self._polls:
            return
        arrived = self._in.arrived
        if not arrived:
            # Behind an end that was read asyncio polls no more: the next write shows the reset.
            if self._out.reset and not self._end_read:
                self._fatal_error(self._out.error())
            return
        if not arrived[0][1]:
            arrived.popleft()
            self._read_end()
        elif self._buffered:
            self._read_into_buffer()
        else:
            data = self._take(MAX_READ)
            try:
                self._protocol.data_received(data)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                self._fatal_error(error, "Fatal error: protocol.data_received() call failed.")
                return
        if (arrived or self._out.reset) and self._polls:
            self._poll_again()

    def _read_into_buffer(self) -> None:
        try:
            buffer = self._protocol.get_buffer(-1)
            if not len(buffer):
                raise RuntimeError("get_buffer() returned an empty buffer")
            data = self._take(min(len(buffer), MAX_READ))
            buffer[: len(data)] = data
            self._protocol.buffer_updated(len(data))
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fatal_error(error, "Fatal error: protocol.buffer_updated() call failed.")

    def _read_end(self) -> None:
        self._end_read = True
        try:
            keep_open = self._protocol.eof_received()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fatal_error(error, "Fatal error: protocol.eof_received() call failed.")
            return
        if not keep_open:
            self.close()

    # Writing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes; what exceeds the window waits in the transport's buffer."""
        if data.__class__ is not bytes:
            if not isinstance(data, (bytes, bytearray, memoryview)):
                raise TypeError(
                    f"data argument must be a bytes-like object, not {type(data).__name__!r}"
                )
            data = bytes(data)
        loop = self._loop
        if loop.undecided:
            decided: bytes = loop.decided(data, self)
            data = decided
        if loop.charge_ns is not None:
            loop.stall(loop.charge_ns("write", copy_context()))
        if self._eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        if not data or self._conn_lost:
            return
        pipe = self._out
        if pipe.reset:
            self._fatal_error(self._reset_error())
            return
        if not self._buffer:
            room = pipe.direction.window_bytes - pipe.unread
            if len(data) <= room:
                pipe.send(data)
                return
            if room > 0:
                pipe.send(data[:room])
                data = data[room:]
        self._buffer += data
        self._maybe_pause_protocol()
        if len(self._buffer) > BACKLOG:
            self._loop.network.on_backlog(self, len(self._buffer))

    def _flush_later(self, delay_ns: int) -> None:
        if not self._flush_due:
            self._flush_due = True
            calendar = self._loop.calendar
            calendar.at(calendar._now + delay_ns, self._acknowledged)

    def _acknowledged(self) -> None:
        if self._loop is not None:
            self._loop.call_soon(self._flush, context=self._context)

    def _flush(self) -> None:
        self._flush_due = False
        if self._conn_lost:
            return
        room = self._out.room
        if room > 0 and self._buffer:
            self._out.send(bytes(self._buffer[:room]))
            del self._buffer[:room]
        self._maybe_resume_protocol()
        if not self._buffer:
            self._loop.network.on_backlog(self, 0)
            if self._closing:
                self._conn_lost = True
                self._call_connection_lost(None)
            elif self._eof_written:
                self._send_end()

    def get_write_buffer_size(self) -> int:
        """Return the bytes that wait for the window to open."""
        return len(self._buffer)

    def can_write_eof(self) -> bool:
        """Streams can be half-closed."""
        return True

    def write_eof(self) -> None:
        """Close the sending direction once everything is sent."""
        if self._closing or self._eof_written:
            return
        self._eof_written = True
        if not self._buffer:
            self._send_end()

    # Closing

    def is_closing(self) -> bool:
        """True once close or abort was called, or the connection was lost."""
        return self._closing

    def close(self) -> None:
        """Stop reading, send what is buffered, then close."""
        if self._closing:
            return
        self._closing = True
        self._polls = False
        if not self._buffer:
            self._conn_lost = True
            self._loop.call_soon(self._call_connection_lost, None, context=self._context)

    def abort(self) -> None:
        """Close at once; what waits in the transport's buffer is lost."""
        self._force_close(None)

    def _fatal_error(self, error: BaseException, message: str = "Fatal error on transport") -> None:
        if not isinstance(error, OSError):
            self._loop.call_exception_handler(
                {
                    "message": message,
                    "exception": error,
                    "transport": self,
                    "protocol": self._protocol,
                }
            )
        self._force_close(error)

    def _force_close(self, error: BaseException | None) -> None:
        if self._conn_lost:
            return
        self._buffer.clear()
        self._closing = True
        self._polls = False
        self._conn_lost = True
        self._loop.call_soon(self._call_connection_lost, error, context=self._context)

    def _call_connection_lost(self, error: BaseException | None) -> None:
        try:
            self._protocol.connection_lost(error)
        finally:
            self._close_socket()
            self._loop.network.openings.remove(self)
            server, self._server = self._server, None
            self._protocol = None
            if server is not None:
                _detach(server, self)


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.cancelled():
        waiter.set_result(None)


_attach: Callable[[Any, StreamTransport], None]
_detach: Callable[[Any, StreamTransport], None]
if asyncio.base_events.Server._attach.__code__.co_argcount == 1:  # type: ignore[attr-defined]

    def _attach(server: Any, transport: StreamTransport) -> None:
        server._attach()

    def _detach(server: Any, transport: StreamTransport) -> None:
        server._detach()
else:  # Python 3.13 counts the transports themselves

    def _attach(server: Any, transport: StreamTransport) -> None:
        server._attach(transport)

    def _detach(server: Any, transport: StreamTransport) -> None:
        server._detach(transport)
