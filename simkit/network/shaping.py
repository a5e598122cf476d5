"""Shaping: what a direction does to bytes besides letting its latency pass.

TCP as its two programs see it: one ordered stream of bytes that comes late, in bursts or not at
all, and of which nothing is ever missing in the middle. A segment takes its turn on the line
(bandwidth), travels (latency, jitter), may have to be sent again (loss), and waits for everything
sent before it on its connection.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ..kernel import seconds

if TYPE_CHECKING:
    from .link import Direction
    from .names import NamingLoop
    from .pipe import Pipe

DEFAULT_RTO = 0.2
"""Seconds; TCP_RTO_MIN of Linux."""

_RTO_MAX_NS = seconds(120)
_TRIES = 16
"""A segment is sent once and then again 15 times (tcp_retries2 of Linux)."""


class Shape:
    """The knobs of one direction, in what the network counts in, and what they do to its bytes.

    It draws from streams of entropy of its own, and only for a knob that is turned.
    """

    def __init__(self, direction: Direction, loop: NamingLoop) -> None:
        self._direction = direction
        self._entropy = loop.entropy
        self._streams: dict[str, random.Random] = {}
        self.calendar = loop.calendar
        self.bandwidth: int | None = None
        self.jitter_ns = (0, 0)
        self.loss = 0.0
        self.rto_ns = seconds(DEFAULT_RTO)
        self.mss = direction.mss
        self.reset_left: int | None = None
        """Bytes that still get through until a connection is reset; None: none will be."""
        self._line_free_ns = 0
        self._stalls: list[tuple[int, int]] = []
        self._silent = False
        self._kept: dict[Pipe, None] = {}
        """Connections of which something was sent into the silence."""
        self._unacknowledged: dict[Pipe, int] = {}
        """Bytes, read at the source of this direction, of which the sender does not know."""

    # Sending

    def send(self, pipe: Pipe, data: bytes) -> None:
        """Put bytes on the way, in segments; ``b""`` is the end of the stream."""
        if pipe.given_up:
            return
        # Segments that nothing can separate need not be cut.
        cut = self.bandwidth is not None or self.jitter_ns[1] or self.loss
        size = self.mss if cut else len(data) or 1
        for start in range(0, len(data) or 1, size):
            segment = data[start : start + size]
            arrival_ns = self._arrival_ns(len(segment))
            if arrival_ns is None:
                pipe.given_up = True
                self._time_out_later(pipe, self.calendar._now)
                return
            pipe.put(self.after_stalls(max(arrival_ns, pipe.last_arrival_ns)), segment)

    def _arrival_ns(self, size: int) -> int | None:
        """Return when a segment sent now would arrive on an open road; None: never."""
        left_ns = now_ns = self.calendar._now
        if self.bandwidth is not None:
            left_ns = max(now_ns, self._line_free_ns) + size * 8_000_000_000 // self.bandwidth
            self._line_free_ns = left_ns
        again_ns = 0
        if self.loss:
            losses = self._losses()
            if losses == _TRIES:
                return None
            again_ns = self._backoff_ns(losses)
        return left_ns + self._direction.latency_ns + self._draw_jitter() + again_ns

    def _losses(self) -> int:
        """Draw how many times in a row a segment is lost."""
        draw = self._stream(" loss").random
        losses = 0
        while losses < _TRIES and draw() < self.loss:
            losses += 1
        return losses

    def _backoff_ns(self, losses: int) -> int:
        """Return how long it takes until a segment is sent for the last time."""
        return sum(min(self.rto_ns << turn, _RTO_MAX_NS) for turn in range(losses))

    def _draw_jitter(self) -> int:
        low_ns, high_ns = self.jitter_ns
        return self._stream("").randint(low_ns, high_ns) if high_ns else 0

    def _stream(self, purpose: str) -> random.Random:
        found = self._streams.get(purpose)
        if found is None:
            direction = self._direction
            name = f"link:{direction.source}>{direction.target}{purpose}"
            found = self._streams[purpose] = self._entropy.stream(name)
        return found

    def signal(self, action: Callable[[], object]) -> None:
        """Carry a segment that opens a connection; it is not sent again by itself."""
        if self.loss and self._stream(" loss").random() < self.loss:
            return
        arrival_ns = self.calendar._now + self._direction.latency_ns + self._draw_jitter()
        self.calendar.at(self.after_stalls(arrival_ns), partial(self._signal_arrives, action))

    def _signal_arrives(self, action: Callable[[], object]) -> None:
        if self._silent:
            return
        now_ns = self.calendar._now
        until_ns = self.after_stalls(now_ns)
        if until_ns > now_ns:
            self.calendar.at(until_ns, partial(self._signal_arrives, action))
        else:
            action()

    # Arriving

    def admits(self, pipe: Pipe) -> bool:
        """Tell whether what is due on ``pipe`` arrives; if not, it does so later, or never."""
        if not pipe.in_flight:
            return False  # the kernel that had sent it has given up
        if self._silent:
            if pipe not in self._kept:
                self._kept[pipe] = None
                self._time_out_later(pipe, pipe.in_flight[0][1])
            pipe.kept += 1
            return False
        now_ns = self.calendar._now
        until_ns = self.after_stalls(max(now_ns, pipe.blocked_until_ns))
        if until_ns > now_ns:
            self.calendar.at(until_ns, pipe._arrive)
            return False
        if pipe.opening is not None:
            pipe.in_flight.popleft()
            opening, pipe.opening = pipe.opening, None
            opening()
            return False
        return True

    def admits_reset(self, pipe: Pipe, backward: Pipe) -> bool:
        """Tell whether an RST arrives, behind the bytes of ``pipe``."""
        if self._silent:
            # Whoever sent it has forgotten the connection, and sends nothing again.
            pipe.give_up()
            self._kept.pop(pipe, None)
            return False
        now_ns = self.calendar._now
        until_ns = self.after_stalls(max(now_ns, pipe.blocked_until_ns))
        if until_ns > now_ns:
            self.calendar.at(until_ns, partial(pipe._reset_arrives, backward))
            return False
        return True

    def count(self, pipe: Pipe, data: bytes) -> bytes:
        """Return what of ``data`` gets through before a reset, and reset the connection."""
        left = self.reset_left
        if left is None or not data:
            return data
        if len(data) < left:
            self.reset_left = left - len(data)
            return data
        self.reset_left = None
        pipe.cut()
        return data[:left]

    # Stalls

    def stall(self, start_ns: int, end_ns: int) -> None:
        """Let nothing arrive from one instant until just before the other."""
        now_ns = self.calendar._now
        kept = [stall for stall in self._stalls if stall[1] > now_ns]
        self._stalls = sorted([*kept, (start_ns, end_ns)])

    def after_stalls(self, when_ns: int) -> int:
        """Return when what is due at an instant gets through."""
        for start_ns, end_ns in self._stalls:
            if start_ns <= when_ns < end_ns:
                when_ns = end_ns
        return when_ns

    # Silence

    @property
    def silent(self) -> bool:
        """Nothing gets through, and nobody is told."""
        return self._silent

    @silent.setter
    def silent(self, value: bool) -> None:
        self._silent = value
        if value:
            return
        again_ns = self.after_stalls(self.calendar._now + self._direction.latency_ns)
        kept, self._kept = self._kept, {}
        for pipe in kept:
            pipe.blocked_until_ns = again_ns
            pipe.last_arrival_ns = max(pipe.last_arrival_ns, again_ns)
            for _ in range(pipe.kept):
                self.calendar.at(again_ns, pipe._arrive)
            pipe.kept = 0
        unacknowledged, self._unacknowledged = self._unacknowledged, {}
        for pipe, size in unacknowledged.items():
            self.acknowledge(pipe, size)

    def acknowledge(self, pipe: Pipe, size: int) -> None:
        """Tell the sender of ``pipe`` this way that ``size`` bytes have been read."""
        if self._silent:
            self._unacknowledged[pipe] = self._unacknowledged.get(pipe, 0) + size
            return
        now_ns = self.calendar._now
        unhindered_ns = now_ns + self._direction.latency_ns
        arrival_ns = self.after_stalls(unhindered_ns)
        if arrival_ns > unhindered_ns:
            self.calendar.at(arrival_ns, lambda: pipe.acknowledge(size, 0))
        else:
            pipe.acknowledge(size, self._direction.latency_ns)

    def _time_out_later(self, pipe: Pipe, sent_ns: int) -> None:
        """End the connection as its sender's kernel does, unless something gets through."""
        silence = pipe.silence = object()

        def time_out() -> None:
            if pipe.silence is silence and (pipe.given_up or pipe.kept):
                self._kept.pop(pipe, None)
                pipe.give_up()
                pipe.timed_out = True
                pipe._was_reset()

        give_up_ns = sent_ns + self._backoff_ns(_TRIES)
        self.calendar.at(max(give_up_ns, self.calendar._now), time_out)
