"""The jitter buffer: uneven in, even out; deeper after a step, and shallow again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.bridge.jitter import DEEPEST_NS, FRAME_NS, JitterBuffer

MS = 1_000_000
FRAME = 4
SILENCE = bytes(FRAME)


def make(depth_ms: int = 200, limit_ms: int = 2000) -> JitterBuffer:
    return JitterBuffer(
        frame=FRAME,
        silence=SILENCE,
        depth_ns=depth_ms * MS,
        limit_ns=limit_ms * MS,
        is_quiet=lambda frame: frame == SILENCE,
    )


def numbered(number: int) -> bytes:
    return (number + 1).to_bytes(2, "big") * 2


def play(buffer: JitterBuffer, arrivals: dict[int, list[bytes]], until_ms: int) -> list[bytes]:
    """Push at given ms, and pull every 20 ms."""
    pulled = []
    for ms in range(until_ms):
        for sound in arrivals.get(ms, []):
            buffer.push(sound, ms * MS)
        if ms % 20 == 19:
            pulled.append(buffer.pull(ms * MS))
    return pulled


def voiced(pulled: list[bytes]) -> list[bytes]:
    return [frame for frame in pulled if frame != SILENCE]


def test_audio_waits_until_there_is_a_reserve():
    arrivals = {20 * n: [numbered(n)] for n in range(50)}
    pulled = play(make(), arrivals, 1200)
    assert pulled.index(numbered(0)) in (9, 10)
    first = pulled.index(numbered(0))
    assert pulled[first : first + 50] == [numbered(n) for n in range(50)]


def test_what_is_late_by_less_than_the_reserve_leaves_no_gap():
    arrivals: dict[int, list[bytes]] = {}
    for n in range(100):
        arrivals.setdefault(20 * n + (160 if n % 10 == 3 else 0), []).append(numbered(n))
    pulled = play(make(), dict(sorted(arrivals.items())), 2400)
    first = pulled.index(numbered(0))
    assert SILENCE not in pulled[first : first + 100]


def test_it_is_deeper_after_a_step_and_shallow_again_after_calm():
    buffer = make()
    arrivals = {20 * n: [numbered(n)] for n in range(50)}
    arrivals[1780] = [numbered(n) for n in range(50, 90)]  # a stall of 780 ms, then all at once
    for n in range(90, 200):
        arrivals[20 * n] = [numbered(n)]
    pulled = play(buffer, arrivals, 4000)
    assert voiced(pulled) == [numbered(n) for n in range(len(voiced(pulled)))]
    assert len(voiced(pulled)) == 161
    assert 700 * MS < buffer.depth_ns <= 800 * MS
    for n in range(200, 2000):
        buffer.push(numbered(n), 20 * n * MS)
        buffer.pull((20 * n + 19) * MS)
    assert buffer.depth_ns == 200 * MS


def test_a_pause_of_the_caller_is_no_jitter():
    buffer = make()
    buffer.push(numbered(0), 0)
    buffer.push(numbered(1), 30_000 * MS)
    assert buffer.depth_ns == 200 * MS


def test_it_is_never_deeper_than_a_second():
    buffer = make()
    buffer.push(numbered(0), 0)
    buffer.push(numbered(1), 1_900 * MS)
    assert buffer.depth_ns == DEEPEST_NS


@pytest.mark.parametrize(
    ("late_ns", "deep_ns"),
    [
        (500 * MS, 200 * MS),
        (500 * MS + 1, 500 * MS + 1),
        (2000 * MS, DEEPEST_NS),
        (2000 * MS + 1, 200 * MS),
    ],
)
def test_a_step_is_over_500_ms_and_a_pause_over_2_s(late_ns, deep_ns):
    buffer = make()
    buffer.push(numbered(0), 0)
    buffer.push(numbered(1), FRAME_NS + late_ns)
    assert buffer.depth_ns == deep_ns


def test_it_is_shallower_by_100_ms_after_each_5_calm_seconds():
    buffer = make()
    buffer.push(numbered(0), 0)
    depths = []
    for n in range(2000):
        buffer.push(numbered(n), FRAME_NS * (n + 1) + 600 * MS)
        depths.append(buffer.depth_ns // MS)
    assert [depths.index(deep) for deep in (600, 500, 400, 300, 200)] == [0, 250, 500, 750, 1000]
    assert min(depths) == 200


def test_the_first_audio_is_never_late():
    buffer = make()
    buffer.push(numbered(0), 600 * MS)
    assert buffer.depth_ns == 200 * MS


def test_it_begins_with_the_reserve_or_when_that_is_due_whichever_is_first():
    buffer = make()
    assert buffer.pull(0) == SILENCE
    buffer.push(numbered(0), 0)
    assert buffer.pull(200 * MS - 1) == SILENCE
    assert buffer.pull(200 * MS) == numbered(0)
    for held in (10, 11):
        buffer = make()
        for n in range(held):
            buffer.push(numbered(n), 0)
        assert buffer.pull(0) == (numbered(0) if held == 11 else SILENCE)


def test_once_empty_it_keeps_a_reserve_again():
    buffer = make()
    buffer.push(numbered(0), 0)
    assert buffer.pull(200 * MS) == numbered(0)
    buffer.push(numbered(1), 200 * MS)
    assert buffer.pull(400 * MS - 1) == SILENCE
    assert buffer.pull(400 * MS) == numbered(1)


def test_a_quiet_frame_is_left_out_for_each_that_is_too_many():
    for held, left_out in ((11, 0), (12, 0), (13, 1), (14, 2)):
        buffer = make()
        for _ in range(held):
            buffer.push(SILENCE, 0)
        buffer.pull(0)
        assert (buffer.left_out, buffer.held_ns) == (left_out, 220 * MS if held > 11 else 200 * MS)


def test_what_it_is_too_deep_by_goes_in_the_pauses():
    buffer = make()
    chunk = [numbered(n) for n in range(30)] + [SILENCE] * 30 + [numbered(n) for n in range(30, 40)]
    for frame in chunk:
        buffer.push(frame, 0)
    pulled = [buffer.pull(n * FRAME_NS) for n in range(80)]
    assert voiced(pulled) == [numbered(n) for n in range(40)]
    assert 0 < buffer.left_out < 30


def test_the_oldest_is_dropped_beyond_the_limit():
    buffer = make()
    dropped = [buffer.push(numbered(n), 0) for n in range(150)]
    assert sum(dropped) == 50 * FRAME
    assert buffer.held_ns == 2000 * MS
    assert buffer.pull(0) == numbered(50)


def test_chunks_of_any_size_are_cut_into_frames():
    buffer = make(depth_ms=0)
    buffer.push(b"abcdefg", 0)
    assert [buffer.pull(n * FRAME_NS) for n in range(3)] == [b"abcd", b"efg\0", SILENCE]


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 60)), max_size=60),
    st.integers(0, 1000),
)
def test_nothing_is_invented_reordered_or_kept_beyond_the_bound(steps, depth_ms):
    buffer = make(depth_ms)
    sent, got, now_ms, number, dropped = b"", b"", 0, 0, 0
    for wait, size in steps:
        for _ in range(wait // 20):
            got += buffer.pull(now_ms * MS)
            now_ms += 20
        sound = b"".join(numbered(number + n) for n in range(size))
        number += size
        dropped += buffer.push(sound, now_ms * MS)
        sent += sound
        assert buffer.held_ns <= 2000 * MS
        assert depth_ms * MS <= buffer.depth_ns <= max(DEEPEST_NS, depth_ms * MS)
    for n in range(250):
        got += buffer.pull(now_ms * MS + n * FRAME_NS)
    came = [got[at : at + 2] for at in range(0, len(got), 2) if got[at : at + 2] != b"\0\0"]
    whole = [sent[at : at + 2] for at in range(0, len(sent), 2)]
    assert len(came) == len(whole) - dropped // 2
    rest = iter(whole)
    assert all(sample in rest for sample in came)
    assert buffer.held_ns == 0
