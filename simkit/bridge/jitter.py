"""Jitter: audio that comes unevenly is kept for a while and goes on evenly, frame by frame."""

from __future__ import annotations

from collections.abc import Callable

FRAME_NS = 20_000_000
STEP_NS = 500_000_000
"""Audio that comes so much later than that before it makes the buffer deeper."""
DEEPEST_NS = 1_000_000_000
_PAUSE_NS = 2_000_000_000
_CALM_NS = 5_000_000_000
_LESS_NS = 100_000_000


class JitterBuffer:
    """Keeps audio until it is as deep as it should be, then hands on a frame every 20 ms.

    It is deeper after a step in the delay of over 500 ms, by as much as the step, up to a second;
    from then on by 100 ms less every 5 calm seconds. What it is too deep by goes in the pauses:
    quiet frames are left out. When it is empty, silence is handed on and the keeping begins anew.

    Args:
        frame: bytes of 20 ms.
        silence: such a frame.
        depth_ns: how deep it is at least.
        limit_ns: what it may hold; the oldest is dropped for more.
        is_quiet: tells whether a frame may be left out.
    """

    def __init__(
        self,
        *,
        frame: int,
        silence: bytes,
        depth_ns: int,
        limit_ns: int,
        is_quiet: Callable[[bytes], bool],
    ) -> None:
        self._frame = frame
        self._silence = silence
        self._least_ns = depth_ns
        self._limit = limit_ns // FRAME_NS * frame
        self._is_quiet = is_quiet
        self._sound = bytearray()
        self._start_ns: int | None = None
        self._expected_ns: int | None = None
        self._chunk_ns = 0
        self._calm_since_ns = 0
        self._playing = False
        self.depth_ns = depth_ns
        """How deep it should be."""
        self.left_out = 0
        """Quiet frames that were left out so far."""

    @property
    def held_ns(self) -> int:
        """How much it holds."""
        return len(self._sound) * FRAME_NS // self._frame

    def push(self, sound: bytes, now_ns: int) -> int:
        """Take audio; returns how many bytes of older audio were dropped for it."""
        self._chunk_ns = len(sound) * FRAME_NS // self._frame
        self._measure(now_ns)
        if self._start_ns is None:
            self._start_ns = now_ns + self.depth_ns
        self._sound += sound
        dropped = max(0, len(self._sound) - self._limit)
        if dropped:
            dropped += dropped % 2  # whole samples
            del self._sound[:dropped]
        return dropped

    def pull(self, now_ns: int) -> bytes:
        """Return the next frame."""
        if not self._playing:
            is_due = self._start_ns is not None and now_ns >= self._start_ns
            # The latest chunk is no reserve: the next one is as long in coming.
            if not is_due and self.held_ns < self.depth_ns + self._chunk_ns:
                return self._silence
            self._playing = True
        frame = self._next()
        enough_ns = self.depth_ns + self._chunk_ns + FRAME_NS
        while self.held_ns >= enough_ns and self._is_quiet(frame):
            self.left_out += 1
            frame = self._next()
        if not self._sound:
            self._playing, self._start_ns = False, None
        return frame

    def _next(self) -> bytes:
        frame = bytes(self._sound[: self._frame])
        del self._sound[: self._frame]
        return frame + self._silence[len(frame) :]

    def _measure(self, now_ns: int) -> None:
        """Compare when audio comes with when it should, after what came before."""
        step_ns = 0 if self._expected_ns is None else now_ns - self._expected_ns
        self._expected_ns = now_ns + self._chunk_ns
        if STEP_NS < step_ns <= _PAUSE_NS:  # a longer one is a pause of the caller's
            self.depth_ns = max(self.depth_ns, min(step_ns, DEEPEST_NS))
            self._calm_since_ns = now_ns
        elif self.depth_ns > self._least_ns and now_ns - self._calm_since_ns >= _CALM_NS:
            self.depth_ns = max(self._least_ns, self.depth_ns - _LESS_NS)
            self._calm_since_ns = now_ns
