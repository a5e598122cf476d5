"""How much is queued in the play-out, as it is kept for pictures."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.timeline import Clock, Level
from simkit.twilio import PlayOut

MS = 1_000_000


class Hand(Clock):
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.t_ns = 0
        self.read_ns = lambda: self.t_ns


class Filled:
    """A play-out whose depth is kept."""

    def __init__(self, buffer_ms: int = 0) -> None:
        self.clock = Hand()
        self.depth = Level("queue", "twilio", "ms", tolerance=10.0)
        self.playout = PlayOut(
            self.clock,
            grid_ns=0,
            buffer_ns=buffer_ms * MS,
            mark_delay_ns=0,
            limit=10_000_000,
            returns=lambda name: None,
            depth=self.depth,
        )

    def at(self, t_ms: float, action: str, *arguments: bytes) -> float:
        self.clock.t_ns = round(t_ms * MS)
        before = self.playout.queued / 8
        getattr(self.playout, action)(*arguments)
        return before

    @property
    def points(self) -> list[tuple[float, float]]:
        return [(t_ns / MS, value) for t_ns, value in self.depth.points]


def test_a_reply_that_comes_at_once_is_a_step_and_then_a_slope():
    queue = Filled()
    for _ in range(50):
        queue.at(100, "media", bytes(160))
    queue.at(3000, "stop")
    # The first packet leaves in the instant in which it comes.
    assert queue.points[:3] == [(100, 0.0), (100, 980.0), (1100, 0.0)]
    assert {value for _, value in queue.points[2:]} == {0.0}


def test_it_was_empty_when_the_last_of_it_had_played_however_soon_the_stream_ends():
    queue = Filled()
    queue.at(100, "media", bytes(8000))
    queue.at(1119, "stop")
    assert queue.points[2:4] == [(1100, 0.0), (1119, 0.0)]


def test_a_clear_empties_the_queue_at_once():
    queue = Filled()
    queue.at(0, "media", bytes(8000))
    queue.at(500, "clear")
    queue.at(2000, "media", bytes(160))
    assert queue.points == [
        (0, 0.0),
        (0, 1000.0),
        (500, 480.0),
        (500, 0.0),
        (2000, 0.0),
        (2000, 20.0),
    ]


def test_frames_that_come_as_fast_as_they_play_take_a_few_points():
    queue = Filled(buffer_ms=40)
    for number in range(1000):
        queue.at(number * 20, "media", bytes(160))
    assert len(queue.points) <= 4


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("media"), st.integers(1, 400), st.integers(1, 60)),
            st.tuples(st.just("clear"), st.integers(1, 400), st.just(0)),
        ),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from([0, 40]),
)
def test_what_is_kept_is_near_what_is_queued(steps, buffer_ms):
    queue, now_ms, known = Filled(buffer_ms), 0, []
    for action, after_ms, frames in [("media", 0, 1), *steps]:
        now_ms += after_ms
        before = queue.at(now_ms, action, *([bytes(160 * frames)] if action == "media" else []))
        known.append((now_ms, before, queue.playout.queued / 8))
    queue.at(now_ms + 100_000, "stop")
    times, values = (np.array(column) for column in zip(*queue.points, strict=True))
    for at, before, after in known:
        # From the left it is the level before, from the right the one after.
        least, most = sorted((before, after))
        close = [values[i] for i in np.flatnonzero(times == at)] or [np.interp(at, times, values)]
        for value in close:
            assert least - 31 <= value <= most + 31, (at, before, after)
