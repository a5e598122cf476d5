"""Order by number: whatever comes, each is handed on once, in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simkit.bridge.reorder import InOrder


@given(first=st.sampled_from([0, 1]), shuffled=st.permutations(range(12)), data=st.data())
def test_each_is_handed_on_once_and_in_order(first, shuffled, data):
    numbers = [first + number for number in shuffled]
    # Where counting begins shows in the first one.
    numbers.sort(key=lambda number: number != first)
    again = data.draw(st.lists(st.sampled_from(numbers), max_size=6))
    order, out = InOrder(), []
    for number in numbers + again:
        out += order.push(number, number)
        assert order.had(number)
    assert out == sorted(numbers)
    assert order.dropped == len(again)
    assert order.next == first + 12
    assert not order.is_waiting


def test_counting_begins_at_one_also_when_the_first_is_late():
    order = InOrder()
    assert order.push(2, "b") == []
    assert order.is_waiting
    assert order.push(1, "a") == ["a", "b"]


def test_nothing_was_there_before_the_first():
    order = InOrder()
    assert not order.had(1)
    assert not order.had(0)


def test_an_item_that_is_held_is_not_taken_twice():
    order = InOrder()
    order.push(1, "a")
    assert order.push(3, "c") == []
    assert order.had(3)
    assert order.push(3, "again") == []
    assert order.dropped == 1
    assert order.push(2, "b") == ["b", "c"]


def test_giving_up_says_how_many_are_missing():
    order = InOrder()
    order.push(1, "a")
    order.push(4, "d")
    order.push(5, "e")
    order.push(7, "g")
    assert order.skip() == (2, ["d", "e"])
    assert order.skip() == (1, ["g"])
    assert order.skip() == (0, [])
    assert order.push(6, "late") == []
    assert order.dropped == 1


@pytest.mark.parametrize("held", [250, 251])
def test_no_more_than_250_are_held(held):
    order = InOrder()
    order.push(1, 1)
    out = [order.push(number, number) for number in range(3, 3 + held)]
    assert out[249] == []
    if held == 251:
        assert out[250] == list(range(3, 254))
        assert not order.is_waiting
