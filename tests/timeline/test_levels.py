"""Levels: few points, none of them far off."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simkit.timeline import Level, Timeline


def level(tolerance: float = 10.0) -> Level:
    return Level("queue", "twilio", "ms", tolerance=tolerance)


def test_before_anything_is_known_there_is_nothing():
    assert level().points == []
    assert level().value == 0.0


def test_a_steady_level_takes_two_points_however_long_it_lasts():
    queue = level()
    for n in range(10_000):
        queue.add(n * 20_000_000, 40.0 + n % 2)
    assert len(queue.points) == 2
    assert queue.value == 41.0


def test_a_step_is_two_points_of_one_instant_and_small_steps_at_once_are_one():
    queue = level()
    queue.add(5, 0.0)
    for filled in (100.0, 200.0, 300.0):
        queue.jump(5, filled)
    queue.add(305, 0.0)
    assert queue.points == [(5, 0.0), (5, 300.0), (305, 0.0)]


@given(
    st.lists(
        st.tuples(st.integers(1, 50), st.floats(0, 500, allow_nan=False)), min_size=2, max_size=60
    )
)
def test_no_point_that_is_left_out_is_further_off_than_allowed(steps):
    queue, t_ns, known = level(), 0, []
    for after_ns, value in steps:
        t_ns += after_ns
        queue.add(t_ns, value)
        known.append((t_ns, value))
    times, values = zip(*queue.points, strict=True)
    for at, value in known:
        assert abs(np.interp(at, times, values) - value) <= 10.0 + 1e-6
    assert queue.points[-1] == known[-1]


def test_a_timeline_keeps_one_level_of_a_name_for_each_call():
    timeline = Timeline()
    one = timeline.level("queue", "twilio", "ms", tolerance=1.0, call=1)
    assert timeline.level("queue", "twilio", "ms", tolerance=1.0, call=1) is one
    assert timeline.level("queue", "twilio", "ms", tolerance=1.0, call=2) is not one
    assert [kept.call for kept in timeline.levels] == [1, 2]


def test_levels_and_disturbances_are_no_events():
    timeline = Timeline()
    timeline.level("queue", "twilio", "ms", tolerance=1.0).add(1, 1.0)
    timeline.disturb("link a > b", "stall", 0.5, 0, 500_000_000)
    assert len(timeline) == 0
    assert str(timeline) == ""
    assert [(event.kind, event.fields["where"]) for event in timeline.disturbances] == [
        ("stall", "link a > b")
    ]
