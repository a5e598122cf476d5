"""Lines: real connections whose bytes take as long as a link says."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from .links import WallDirection
from .pacing import Pacing


class _Due(NamedTuple):
    """Something that happens at an end of the line once it has crossed it."""

    due_ns: int
    sent_ns: int
    happens: Callable[..., object]
    args: tuple[Any, ...]


class Line(asyncio.Transport, asyncio.Protocol):
    """A connection between a fake and the bridge, as long as the link between their hosts.

    To the fake it is the transport, to the real transport it is the protocol. What the fake writes
    leaves a latency later, what arrives is handed on a latency later, in order and by absolute
    deadlines; the end of a direction, a close and a reset as well. ``get_extra_info`` knows
    ``simkit.sent_ns`` and ``simkit.arrival_ns``, so that messages are dated at the bridge.

    Args:
        make_protocol: makes the fake's protocol.
        pacing: time.
        out: the direction towards the bridge.
        back: the direction from it.
        is_accepted: the bridge opened it. What it says first is as late as if its connecting had
            taken a round trip; a kernel on the loopback does not wait for that.
        forwarded: headers that a proxy in front of the bridge adds to the first request.
        on_over: called once when the real connection is gone.
    """

    def __init__(
        self,
        make_protocol: Callable[[], asyncio.BaseProtocol],
        *,
        pacing: Pacing,
        out: WallDirection,
        back: WallDirection,
        is_accepted: bool,
        forwarded: bytes,
        on_over: Callable[[Line], object],
    ) -> None:
        super().__init__()
        self._make_protocol = make_protocol
        self._protocol: Any = None
        self._real: Any = None
        self._pacing = pacing
        self._out, self._back = out, back
        self._is_accepted = is_accepted
        self._forwarded = forwarded
        self._on_over = on_over
        self._leaving: deque[_Due] = deque()
        self._arriving: deque[_Due] = deque()
        self._leave_timer: asyncio.TimerHandle | None = None
        self._arrive_timer: asyncio.TimerHandle | None = None
        self._not_before_ns = 0
        self._sent_ns: int | None = None
        self._is_open = False
        self._paused = False
        self._closing = False
        self._lost = False

    # The real connection's protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The real connection is there."""
        self._real = transport
        if self._is_accepted:
            there_and_back_ns = self._out.latency_ns + self._back.latency_ns
            self._not_before_ns = self._pacing.real_ns() + there_and_back_ns
            self.open()

    def open(self) -> asyncio.BaseProtocol:
        """Tell the fake that the connection is there, and return its protocol."""
        self._protocol = self._make_protocol()
        self._is_open = True
        self._protocol.connection_made(self)
        self._deliver()
        return self._protocol  # type: ignore[no-any-return]

    def data_received(self, data: bytes) -> None:
        """Bytes left the bridge."""
        self._arrive(self._hand_on, data)

    def eof_received(self) -> bool:
        """The bridge closed its direction; the other one stays as it is."""
        self._arrive(self._hand_on_eof)
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """The real connection is gone."""
        self._leaving.clear()
        self._on_over(self)
        self._arrive(self._lose, error)

    def pause_writing(self) -> None:
        """The bridge reads too slowly."""
        if self._is_open and not self._lost:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """The bridge has caught up."""
        if self._is_open and not self._lost:
            self._protocol.resume_writing()

    def _arrive(self, happens: Callable[..., object], *args: Any) -> None:
        sent_ns = max(self._pacing.real_ns(), self._not_before_ns)
        self._arriving.append(_Due(sent_ns + self._back.latency_ns, sent_ns, happens, args))
        self._deliver()

    def _deliver(self) -> None:
        """Hand on what is due, and set the timer for the next."""
        if self._arrive_timer is not None:
            self._arrive_timer.cancel()
            self._arrive_timer = None
        while self._arriving and self._is_open and not self._paused:
            due_ns, sent_ns, happens, args = self._arriving[0]
            if due_ns > self._pacing.read_ns():
                self._arrive_timer = self._pacing.call_at(due_ns, self._deliver)
                return
            self._arriving.popleft()
            self._sent_ns = sent_ns
            happens(*args)

    def _hand_on(self, data: bytes) -> None:
        if not self._closing:
            self._protocol.data_received(data)

    def _hand_on_eof(self) -> None:
        if not self._closing and not self._protocol.eof_received():
            self.close()

    def _lose(self, error: Exception | None) -> None:
        self._closing = True
        if not self._lost:
            self._lost = True
            self._protocol.connection_lost(error)

    # The fake's transport

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes."""
        if data and not self._closing:
            if self._forwarded:
                request, _, rest = bytes(data).partition(b"\r\n")
                data = request + b"\r\n" + self._forwarded + rest
                self._forwarded = b""
            self._leave(self._send, bytes(data))

    def write_eof(self) -> None:
        """Close this direction, behind what was written."""
        self._leave(self._send_eof)

    def can_write_eof(self) -> bool:
        """Both directions can be closed one by one."""
        return True

    def close(self) -> None:
        """Close, behind what was written; nothing more is handed on."""
        if not self._closing:
            self._closing = True
            self._leave(self._real.close)
            self._end(None)

    def abort(self) -> None:
        """Lose the connection: the bridge learns of it a latency later."""
        self._leave(self._real.abort)
        if not self._closing:
            self._closing = True
            self._end(None)

    def cut(self) -> None:
        """End the real connection at once: the world is over."""
        self._closing = self._lost = True
        for timer in (self._leave_timer, self._arrive_timer):
            if timer is not None:
                timer.cancel()
        if self._real is not None:
            self._real.abort()
        self._on_over(self)

    def _end(self, error: Exception | None) -> None:
        asyncio.get_running_loop().call_soon(self._lose, error)

    def _leave(self, happens: Callable[..., object], *args: Any) -> None:
        now_ns = self._pacing.read_ns()
        self._leaving.append(_Due(now_ns + self._out.latency_ns, now_ns, happens, args))
        if self._leave_timer is None:
            self._send_due()

    def _send_due(self) -> None:
        self._leave_timer = None
        data: list[bytes] = []
        while self._leaving and self._leaving[0].due_ns <= self._pacing.real_ns():
            due = self._leaving.popleft()
            if due.happens == self._send:
                data += due.args  # what leaves at one instant takes one call of the system
                continue
            self._send(b"".join(data))
            data.clear()
            due.happens(*due.args)
        self._send(b"".join(data))
        if self._leaving:
            due_ns = self._leaving[0].due_ns
            self._leave_timer = self._pacing.call_really_at(due_ns, self._send_due)

    def _send(self, data: bytes) -> None:
        if data and not self._real.is_closing():
            self._real.write(data)

    def _send_eof(self) -> None:
        if not self._real.is_closing():
            self._real.write_eof()

    def is_closing(self) -> bool:
        """Tell whether it is closed or about to be."""
        return self._closing

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand on to another protocol from now on."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the fake's protocol."""
        return self._protocol  # type: ignore[no-any-return]

    def pause_reading(self) -> None:
        """Hand on nothing more; the bridge is held up once the kernel's buffers are full."""
        self._paused = True
        self._real.pause_reading()

    def resume_reading(self) -> None:
        """Hand on again."""
        self._paused = False
        if not self._real.is_closing():
            self._real.resume_reading()
        asyncio.get_running_loop().call_soon(self._deliver)

    def is_reading(self) -> bool:
        """Tell whether anything is handed on."""
        return not self._paused and not self._closing

    def get_write_buffer_size(self) -> int:
        """Return how many bytes the bridge's kernel has not taken, without those on the way."""
        return int(self._real.get_write_buffer_size())

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the low and the high mark."""
        return self._real.get_write_buffer_limits()  # type: ignore[no-any-return]

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the marks of flow control."""
        self._real.set_write_buffer_limits(high, low)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the connection; TLS never is: the bridge's proxy ends it."""
        if name == "simkit.sent_ns":
            return self._sent_ns
        if name == "simkit.arrival_ns":
            return self._pacing.read_ns() + self._out.latency_ns
        return self._real.get_extra_info(name, default)
