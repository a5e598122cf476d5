"""What is told of a call is short enough to be looked at."""

from __future__ import annotations

from simkit.report.page.plain import MOST_LETTERS, clipped, plain


def test_a_long_text_is_cut_and_says_by_how_much():
    text = clipped("x" * (MOST_LETTERS + 7))
    assert text == "x" * MOST_LETTERS + "... and 7 letters more"
    assert clipped("x" * MOST_LETTERS) == "x" * MOST_LETTERS


def test_of_many_items_the_first_are_shown():
    assert plain(list(range(102)))[99:] == [99, "... 2 more"]
    assert list(plain({str(n): n for n in range(101)}).items())[99:] == [
        ("99", 99),
        ("...", "1 more"),
    ]


def test_what_is_nested_too_deep_is_cut_off():
    deep: list[object] = []
    for _ in range(10_000):
        deep = [deep]
    assert str(plain(deep)) == "[[[[[[[['...']]]]]]]]"
    named: dict[str, object] = {}
    for _ in range(100):
        named = {"in": named}
    assert str(plain(named)) == "{'in': " * 8 + "'...'" + "}" * 8
