"""Rate watch: does the agent's audio come as fast as its declared format says?

Audio of another rate than declared makes no error anywhere: the caller hears noise, or speech at
half or double speed.
"""

from __future__ import annotations

_SECOND = 1_000_000_000
_GAP_NS = _SECOND * 14 // 100
_STEP_NS = _SECOND // 2
_STEPS = 6
_WRONG = (0.25, 0.5, 2.0, 4.0)
_TOLERANCE = 0.15


class RateWatch:
    """Watches a stream that is sent in real time; what comes in bursts says nothing.

    Bytes are counted half a second at a time. When six of those in a row, without a gap of 0.14 s,
    hold the same wrong share of what was declared (a quarter, half, twice or four times, within
    15 %), the stream is of another rate or width.

    Unless it is speech ahead of time, which a service may send at twice its speed for as long. None
    sends silence ahead of time: where that comes as fast, or all of it too slowly, it is certain.

    Args:
        bytes_per_second: as declared.
    """

    is_certain = False
    """Whether what was found can be nothing else."""

    def __init__(self, bytes_per_second: int) -> None:
        self._due = bytes_per_second
        self._bytes = self._silent = 0
        self._last_ns = self._began_ns = self._until_ns = -_SECOND
        self._found = 0.0
        self._steps = 0
        self._had_silence = False

    def arrived(self, size: int, now_ns: int, *, is_silence: bool) -> float | None:
        """Count bytes; returns the wrong share once it is certain, else None."""
        gap_ns = now_ns - self._last_ns
        self._last_ns = now_ns
        if gap_ns > _GAP_NS:
            self._steps = 0
            self._begin(now_ns)
        self._bytes += size
        if is_silence:
            self._silent += size
        return None if now_ns < self._until_ns else self._judge(now_ns)

    def _begin(self, now_ns: int) -> None:
        self._bytes = self._silent = 0
        self._began_ns = now_ns
        self._until_ns = now_ns + _STEP_NS

    def _judge(self, now_ns: int) -> float | None:
        share = self._bytes / (self._due * (now_ns - self._began_ns) / _SECOND)
        wrong = next((w for w in _WRONG if abs(share - w) <= _TOLERANCE * w), 0.0)
        goes_on = wrong > 0 and wrong == self._found
        self._steps = self._steps + 1 if goes_on else int(wrong > 0)
        self._had_silence = (goes_on and self._had_silence) or self._silent == self._bytes
        self._found = wrong
        self._begin(now_ns)
        if not wrong or self._steps < _STEPS:
            return None
        self.is_certain = wrong < 1 or self._had_silence
        return wrong
