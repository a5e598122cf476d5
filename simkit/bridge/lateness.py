"""Lateness: is caller audio current, or was it held up somewhere and comes all at once?"""

from __future__ import annotations

_MS = 1_000_000
_PATIENCE_NS = 2_000_000_000
_CATCHING_UP_NS = 500_000_000


class Lateness:
    """Compares when frames arrive with the timestamps that Twilio gave them.

    The smallest difference seen so far is taken for no delay at all. After a stall the frames that
    were held up are late by as much, then by less and less. Those that stay late for two seconds
    are none of that: the sender's clock has jumped, and is believed from then on.

    Args:
        limit_ns: what is later than this is stale.

    >>> lateness = Lateness(limit_ns=2_000_000_000)
    >>> [lateness.is_stale(ms, now_ns=at * 1_000_000) for ms, at in ((0, 9), (20, 29), (40, 3000))]
    [False, False, True]
    """

    def __init__(self, limit_ns: int) -> None:
        self._limit_ns = limit_ns
        self._least_ns: int | None = None
        self._since_ns = self._first_ns = 0
        self.late_ns = 0
        """How late the last stale frame was."""
        self.stale = 0
        """Stale frames in a row so far."""

    def is_stale(self, timestamp_ms: int, now_ns: int) -> bool:
        """Tell whether a frame is too late to be of use."""
        delay_ns = now_ns - timestamp_ms * _MS
        if self._least_ns is None or delay_ns < self._least_ns:
            self._least_ns = delay_ns
        late_ns = delay_ns - self._least_ns
        if late_ns <= self._limit_ns:
            return False
        if not self.stale:
            self._since_ns, self._first_ns = now_ns, late_ns
        elif now_ns - self._since_ns >= _PATIENCE_NS:
            if late_ns > self._first_ns - _CATCHING_UP_NS:
                self._least_ns = delay_ns
                return False
            self._since_ns, self._first_ns = now_ns, late_ns
        self.late_ns = late_ns
        self.stale += 1
        return True
