"""Play-out: the queue between what a server sent and what the caller hears.

Audio leaves in packets of 20 ms on a fixed grid. Nothing ticks: what plays when follows from the
instants of arrival, so that a message costs the same however much audio it holds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ..audio import mulaw
from ..audio.spool import Spool
from ..timeline import Clock, Level

PACKET = 160
"""Bytes of mu-law in one packet."""
PACKET_NS = 20_000_000
BYTE_NS = 125_000
_BYTES_PER_MS = 8
_STEADY_NS = 200_000_000
"""A depth that was no news for longer did not rise or fall slowly all the time: it stayed."""
_SILENT = bytes([mulaw.SILENCE])


@dataclass
class Burst:
    """Audio that plays without a gap: its first instant, and its bytes."""

    start_ns: int
    data: Spool = field(default_factory=Spool)
    padding: tuple[int, int] = (0, 0)
    """First and last byte, exclusive, of the silence that filled up a packet last."""

    @property
    def end_ns(self) -> int:
        """When its last byte has played."""
        return self.start_ns + len(self.data) * BYTE_NS


class PlayOut:
    """One stream's queue of audio and marks.

    Args:
        clock: tells the time.
        grid_ns: instant of any packet; all others lie whole packets away.
        buffer_ns: from arrival in an empty queue to the first sound.
        mark_delay_ns: from the end of the audio before a mark to its return.
        limit: bytes of queued audio beyond which more is discarded.
        pads: fill each piece of audio up with silence to whole packets.
        depth: kept up to date with the milliseconds that are queued; None: nobody asks.
        returns: called with the name of a mark whose audio has played or was cleared.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        grid_ns: int,
        buffer_ns: int,
        mark_delay_ns: int,
        limit: int,
        returns: Callable[[str], object],
        pads: bool = False,
        depth: Level | None = None,
    ) -> None:
        self._clock = clock
        self._grid_ns = grid_ns
        self._buffer_ns = buffer_ns
        self._mark_delay_ns = mark_delay_ns
        self._limit = limit
        self._returns = returns
        self._pads = pads
        self._depth = depth
        self._noted = self._noted_ns = 0
        """The last depth that was kept, in bytes: a packet more or less is no news."""
        self._last_ns = 0
        """When something was queued last."""
        self._pending: deque[tuple[int, str, asyncio.TimerHandle]] = deque()
        self._marks_seen = 0
        self._over = Spool()
        self.bursts: list[Burst] = []
        """Everything that was or will be played, in order; cleared audio is not in it."""
        self.is_clear = True
        """Nothing stands between it and who listens."""

    @property
    def queued(self) -> int:
        """Bytes that have not left yet."""
        if not self.bursts:
            return 0
        burst = self.bursts[-1]
        return len(burst.data) - self._left(burst, self._clock.read_ns())

    def media(self, data: bytes) -> bool:
        """Queue audio; False when the queue was full and some of it was discarded."""
        if self._pads:
            data += _SILENT * (-len(data) % PACKET)
        now_ns = self._clock.read_ns()
        waits = 0
        if self.bursts:
            burst = self.bursts[-1]
            waits = burst.data.size - self._left(burst, now_ns)
            queued = waits + len(data)
            if waits and queued <= self._limit:
                burst.data.extend(data)  # as nearly always: behind what has not left yet
                self._last_ns = now_ns
                if not -PACKET <= queued - self._noted <= PACKET:
                    self._note(now_ns, waits, queued)
                return True
        room = self._limit - waits
        fits = len(data) <= room
        data = data if fits else data[: max(0, room)]
        if data:
            self._note(now_ns, waits, waits + len(data))
            self._burst_for(now_ns).data.extend(data)
        return fits

    def _note(self, now_ns: int, before: int, after: int) -> None:
        """Keep the depth, in bytes just before and after something happened."""
        depth, noted = self._depth, self._noted
        held = self._noted_ns + _STEADY_NS < self._last_ns < now_ns
        self._noted, self._noted_ns = after, now_ns
        if depth is None:
            return
        if held:
            depth.add(self._last_ns, noted / _BYTES_PER_MS)
        if not before:
            end_ns = self.bursts[-1].end_ns if self.bursts else now_ns
            if depth.value and (end_ns < now_ns - PACKET_NS or not after):
                depth.add(min(end_ns, now_ns), 0.0)  # it had run empty, not just then
            if not depth.value:
                depth.add(now_ns, 0.0)
        if after < before or after > before + PACKET:
            depth.add(now_ns, before / _BYTES_PER_MS)
            depth.jump(now_ns, after / _BYTES_PER_MS)
        else:
            depth.add(now_ns, after / _BYTES_PER_MS)

    def _burst_for(self, now_ns: int) -> Burst:
        if self.bursts:
            burst = self.bursts[-1]
            left = self._left(burst, now_ns)
            whole = len(burst.data) % PACKET == 0
            # A packet that left half full is padded; what comes later goes into the next.
            if left < len(burst.data) or (whole and now_ns <= burst.end_ns):
                return burst
            if now_ns <= burst.end_ns:
                half = len(burst.data)
                burst.data.extend(_SILENT * (-half % PACKET))
                burst.padding = (half, len(burst.data))
                return burst
        start_ns = self._on_grid(now_ns + self._buffer_ns)
        if self.bursts:
            before = self.bursts[-1]
            start_ns = max(start_ns, self._on_grid(before.end_ns))
            before.data = self._over.take(before.data)
        self.bursts.append(Burst(start_ns))
        return self.bursts[-1]

    def mark(self, name: str) -> None:
        """Return the mark when everything queued now has played; at once when nothing is."""
        now_ns = self._clock.read_ns()
        end_ns = self.bursts[-1].end_ns if self.bursts else now_ns
        if end_ns <= now_ns and not self._pending:
            self._returns(name)
            return
        number = self._marks_seen = self._marks_seen + 1
        due_ns = max(end_ns + self._mark_delay_ns, now_ns)
        timer = self._clock.call_at(due_ns, self._played, number)
        self._pending.append((number, name, timer))

    def _played(self, number: int) -> None:
        # Marks come back in the order they were sent, those due at one instant too.
        while self._pending and self._pending[0][0] <= number:
            _, name, timer = self._pending.popleft()
            timer.cancel()
            self._returns(name)

    def clear(self) -> int:
        """Drop what has not left and return all pending marks; returns the bytes dropped."""
        dropped = 0
        if self.bursts:
            burst = self.bursts[-1]
            left = self._left(burst, self._clock.read_ns())
            dropped = len(burst.data) - left
            self._note(self._clock.read_ns(), dropped, 0)
            del burst.data[left:]
            if len(burst.data) == burst.padding[1]:
                # What the packet was filled up for does not come any more.
                del burst.data[burst.padding[0] :]
            if not burst.data:
                self.bursts.pop()
        if self._pending:
            self._played(self._pending[-1][0])
        return dropped

    def stop(self) -> None:
        """End: nothing more leaves, and no mark comes back."""
        for _, _, timer in self._pending:
            timer.cancel()
        self._pending.clear()
        self.clear()

    def _left(self, burst: Burst, now_ns: int) -> int:
        """Return how many bytes have left in packets by ``now_ns``."""
        if now_ns < burst.start_ns:
            return 0
        left = ((now_ns - burst.start_ns) // PACKET_NS + 1) * PACKET
        size = burst.data.size
        return left if left < size else size

    def _on_grid(self, when_ns: int) -> int:
        return when_ns + (self._grid_ns - when_ns) % PACKET_NS
