"""Waiting: caller audio while Vapi is not there, at a cold start or between two sockets."""

from __future__ import annotations

from collections import deque


class Waiting:
    """Keeps the newest audio within a bound; the oldest is dropped for it.

    Args:
        limit: bytes.

    >>> waiting = Waiting(limit=4)
    >>> [waiting.push(frame) for frame in (b"ab", b"cd", b"ef")]
    [0, 0, 2]
    >>> waiting.take()
    b'cdef'
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._frames: deque[bytes] = deque()
        self.size = 0
        """Bytes that wait."""

    def push(self, frame: bytes) -> int:
        """Keep a frame; returns how many bytes were dropped for it."""
        dropped = max(0, len(frame) - self._limit)
        if dropped:
            frame = frame[dropped:]
        if frame:
            self._frames.append(frame)
            self.size += len(frame)
        while self.size > self._limit:
            oldest = len(self._frames.popleft())
            self.size -= oldest
            dropped += oldest
        return dropped

    def take(self) -> bytes:
        """Return what waits, in order; nothing waits any more."""
        sound = b"".join(self._frames)
        self._frames.clear()
        self.size = 0
        return sound
