"""Frames that are due, sent and told apart: what both sides of a call under load are made of."""

from __future__ import annotations

import asyncio
import heapq
import time
from array import array
from typing import Any

import numpy as np

from simkit.audio import mulaw

FRAME_NS = 20_000_000

LEVELS = [code for code in range(256) if abs(int(mulaw.decode(bytes([code]))[0])) > 500]
_LEVEL_OF = {int(mulaw.decode(bytes([code]))[0]): index for index, code in enumerate(LEVELS)}
_INDEX_OF = {code: index for index, code in enumerate(LEVELS)}
MULAW = [bytes([code]) * 160 for code in LEVELS]
PCM = [np.full(320, mulaw.decode(bytes([code]))[0], "<i2").tobytes() for code in LEVELS]


class Wheel:
    """Sends everybody's frames when they are due, by one timer."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: list[tuple[int, int, Direction]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._number = 0

    def add(self, direction: Direction, due_ns: int) -> None:
        """Send from an instant on."""
        self._number += 1
        heapq.heappush(self._due, (due_ns, self._number, direction))
        if self._timer is not None:
            self._timer.cancel()
        self._turn()

    def _turn(self) -> None:
        due = self._due
        while due:
            at_ns, number, direction = due[0]
            if at_ns > time.monotonic_ns():
                self._timer = self._loop.call_at(at_ns / 1e9, self._turn)
                return
            if direction.is_sending:
                direction.send(at_ns)
                heapq.heapreplace(due, (at_ns + FRAME_NS, number, direction))
            else:
                heapq.heappop(due)


class Direction:
    """One direction of a call: what was sent, and when it came out of the bridge.

    Args:
        frame_bytes: size of a frame as it comes out.
    """

    def __init__(self, frame_bytes: int) -> None:
        self.frame_bytes = frame_bytes
        self.is_sending = False
        self.due_ns = array("q")
        """When each frame was due to be sent."""
        self.sent_ns = array("q")
        """When it was."""
        self.came_ns = array("q")
        """When it came out."""
        self.lost = self.doubled = 0
        self._rest = b""

    def emit(self, number: int) -> None:
        """Send a frame; a phone or an agent puts its own in here."""

    def send(self, due_ns: int) -> None:
        """Send the next frame."""
        number = len(self.due_ns)
        self.due_ns.append(due_ns)
        self.sent_ns.append(time.monotonic_ns())
        self.emit(number)

    def came(self, data: bytes) -> None:
        """Take sound that came out of the bridge, in pieces of any size."""
        now_ns = time.monotonic_ns()
        size = self.frame_bytes
        if self._rest:
            data = self._rest + data
        end = len(data) - len(data) % size
        self._rest = data[end:]
        for at in range(0, end, size):
            if size == 160:
                level = _INDEX_OF.get(data[at + 80], -1)
            else:
                middle = at + 320
                level = _LEVEL_OF.get(
                    int.from_bytes(data[middle : middle + 2], "little", signed=True), -1
                )
            expected = len(self.came_ns) % len(LEVELS)
            if level != expected:
                missing = (level - expected) % len(LEVELS)
                if level >= 0 and missing > len(LEVELS) // 2:
                    self.doubled += 1
                    continue
                missing = missing if level >= 0 else 1
                self.lost += missing
                # What was lost never came: an hour late.
                self.came_ns.extend([now_ns + 3600 * 10**9] * (missing - (level < 0)))
            self.came_ns.append(now_ns)

    def latencies_ms(self, begin_ns: int, end_ns: int) -> Any:
        """Return how late each frame due within a span came out; those missing, at least."""
        due = np.array(self.due_ns, dtype=np.int64)
        came = np.full(len(due), time.monotonic_ns(), dtype=np.int64)
        count = min(len(due), len(self.came_ns))
        came[:count] = self.came_ns[:count]
        wanted = (due >= begin_ns) & (due < end_ns)
        return (came - due)[wanted] / 1e6

    def errors_ms(self, begin_ns: int, end_ns: int) -> Any:
        """Return how late each frame due within a span was sent: the error of the load itself."""
        due = np.array(self.due_ns, dtype=np.int64)
        wanted = (due >= begin_ns) & (due < end_ns)
        return (np.array(self.sent_ns, dtype=np.int64) - due)[wanted] / 1e6
