"""Disorder: messages out of order or twice, never changed."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simkit.wire.disorder import Disorder

SHARES = st.floats(0, 1)


def emitted(count: int, *, seed: int = 0, swap: float = 0.0, duplicate: float = 0.0) -> list[int]:
    disorder: Disorder[int] = Disorder(random.Random(seed), swap=swap, duplicate=duplicate)
    return [message for number in range(count) for message in disorder.emit(number)]


def test_without_shares_nothing_changes():
    assert emitted(100) == list(range(100))


def test_a_full_share_swaps_every_pair():
    assert emitted(6, swap=1.0) == [1, 0, 3, 2, 5, 4]


def test_a_full_share_sends_everything_twice():
    assert emitted(3, duplicate=1.0) == [0, 0, 1, 1, 2, 2]


def test_a_swapped_message_may_be_sent_twice_as_well():
    assert emitted(4, swap=1.0, duplicate=1.0) == [1, 1, 0, 0, 3, 3, 2, 2]


@given(seed=st.integers(), swap=SHARES, duplicate=SHARES, count=st.integers(0, 60))
def test_a_message_is_early_or_late_by_one_and_sent_at_most_twice(seed, swap, duplicate, count):
    sent = emitted(count, seed=seed, swap=swap, duplicate=duplicate)
    order = list(dict.fromkeys(sent))
    assert all(abs(place - number) <= 1 for place, number in enumerate(order))
    assert set(Counter(sent).values()) <= {1, 2}
    assert set(range(count - 1)) <= set(sent)


@given(seed=st.integers(), swap=SHARES, duplicate=SHARES)
def test_the_same_draw_makes_the_same_disorder(seed, swap, duplicate):
    once, twice = (emitted(50, seed=seed, swap=swap, duplicate=duplicate) for _ in range(2))
    assert once == twice


def test_shares_are_what_they_say():
    sent = emitted(10_000, swap=0.1, duplicate=0.2)
    twice = sum(count == 2 for count in Counter(sent).values())
    order = list(dict.fromkeys(sent))
    swapped = sum(place < number for place, number in enumerate(order))
    assert 0.18 < twice / 10_000 < 0.22
    assert 0.08 < swapped / (10_000 - swapped) < 0.12


@pytest.mark.parametrize("share", [-0.01, 1.01, 100, float("nan"), float("-inf")])
@pytest.mark.parametrize("name", ["swap", "duplicate"])
def test_a_share_outside_zero_to_one_is_refused_by_name(name, share):
    shares = {"swap": 0.0, "duplicate": 0.0, name: share}
    with pytest.raises(ValueError, match=f"{name} is a share from 0 to 1"):
        Disorder(random.Random(0), **shares)


def test_the_last_message_is_not_lost():
    disorder: Disorder[int] = Disorder(random.Random(0), swap=1.0, duplicate=0.0)
    sent = disorder.emit(1)
    assert sent + disorder.flush() == [1]
