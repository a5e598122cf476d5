"""Pairing two rows of instants."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simkit.timeline.pairing import paired

instants = st.lists(st.integers(0, 10_000), max_size=12).map(sorted)


@given(instants, instants, st.none() | st.integers(0, 3_000))
def test_everything_is_told_once_and_in_order(first, second, most_ns):
    pairs = paired(first, second, most_ns)
    assert [a for a, _ in pairs if a is not None] == list(range(len(first)))
    assert [b for _, b in pairs if b is not None] == list(range(len(second)))
    assert (None, None) not in pairs
    together = [(first[a], second[b]) for a, b in pairs if a is not None and b is not None]
    if most_ns is None:
        assert len(together) == min(len(first), len(second))
    else:
        assert all(abs(a - b) <= most_ns + 1 for a, b in together)


@given(instants, st.data())
def test_one_that_is_missing_leaves_every_other_at_its_place(first, data):
    first = sorted(set(first)) or [0]
    gone = data.draw(st.integers(0, len(first) - 1))
    second = first[:gone] + first[gone + 1 :]
    for most_ns in (None, 10_000):
        assert [a for a, b in paired(first, second, most_ns) if b is None] == [gone]
        assert [b for a, b in paired(second, first, most_ns) if a is None] == [gone]


def test_partners_are_no_further_apart_than_is_said():
    assert paired([0], [500], 500) == [(0, 0)]
    assert sorted(paired([0], [502], 500), key=str) == [(0, None), (None, 0)]


def test_rows_too_long_for_a_table_are_paired_by_their_numbers():
    first = list(range(0, 6_000, 10))
    pairs = paired(first, first[1:], 1_000)
    assert pairs[0] == (0, 0)
    assert pairs[-1] == (599, None)
