"""The play-out queue: what plays when."""

from __future__ import annotations

import asyncio
import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from simkit import new_event_loop
from simkit.timeline import Clock
from simkit.twilio import PlayOut

MS = 1_000_000


def played(script, *, buffer_ns: int = 40 * MS):
    """Run (instant in ms, action, argument) and return bursts and returned marks."""
    marks: list[tuple[int, str]] = []

    async def run():
        clock = Clock(asyncio.get_running_loop())
        playout = PlayOut(
            clock,
            grid_ns=0,
            buffer_ns=buffer_ns,
            mark_delay_ns=0,
            limit=10_000_000,
            returns=lambda name: marks.append((clock.now_ns // MS, name)),
        )
        for when_ms, action, argument in script:
            await clock.sleep_until(when_ms * MS)
            getattr(playout, action)(*argument)
        await asyncio.sleep(60)
        return [(burst.start_ns // MS, len(burst.data)) for burst in playout.bursts]

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(run()), marks


def test_audio_begins_on_the_grid_after_the_buffer():
    assert played([(5, "media", (b"a" * 160,))])[0] == [(60, 160)]


def test_audio_that_comes_in_time_joins_what_plays():
    script = [(t, "media", (b"a" * 160,)) for t in (0, 20, 40, 60)]
    assert played(script)[0] == [(40, 640)]


def test_audio_that_comes_too_late_begins_anew():
    script = [(0, "media", (b"a" * 160,)), (61, "media", (b"b" * 160,))]
    assert played(script)[0] == [(40, 160), (120, 160)]


def test_a_packet_that_left_half_full_is_padded():
    script = [(0, "media", (b"a" * 100,)), (50, "media", (b"b" * 160,))]
    assert played(script)[0] == [(40, 320)]


def test_a_clear_lets_the_packet_finish_that_is_leaving():
    script = [(0, "media", (b"a" * 8000,)), (145, "clear", ())]
    assert played(script)[0] == [(40, 6 * 160)]


def test_a_clear_before_the_first_packet_leaves_nothing():
    script = [(0, "media", (b"a" * 8000,)), (30, "clear", ())]
    assert played(script)[0] == []


def test_marks_return_in_order_at_the_end_of_their_audio():
    script = [
        (0, "mark", ("now",)),
        (0, "media", (b"a" * 800,)),
        (0, "mark", ("one",)),
        (0, "media", (b"a" * 800,)),
        (0, "mark", ("two",)),
    ]
    assert played(script)[1] == [(0, "now"), (140, "one"), (240, "two")]


def test_a_clear_with_nothing_pending_does_nothing():
    assert played([(0, "clear", ()), (10, "media", (b"a" * 160,))])[0] == [(60, 160)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from("mkc"), st.integers(1, 2000)),
        min_size=1,
        max_size=25,
    ),
    st.integers(0, 200),
)
def test_whatever_is_sent_plays_in_order_without_overlap_and_every_mark_returns_once(
    steps, buffer_ms
):
    at, script, names, sent = 0, [], [], 0
    for wait, kind, size in steps:
        at += wait
        if kind == "m":
            script.append((at, "media", (b"a" * size,)))
            sent += size
        elif kind == "k":
            names.append(f"m{len(names)}")
            script.append((at, "mark", (names[-1],)))
        else:
            script.append((at, "clear", ()))
    bursts, marks = played(script, buffer_ns=buffer_ms * MS)
    assert [name for _, name in marks] == names
    assert sum(size for _, size in bursts) <= sent + 160 * len(steps)
    for (start, size), (later, _) in itertools.pairwise(bursts):
        assert later >= start + size / 8
    assert all(start % 20 == 0 for start, _ in bursts)
