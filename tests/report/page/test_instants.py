"""Instants that a sentence tells become links to them."""

from __future__ import annotations

import pytest

from simkit.report.page.render import instants


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("At 3.690 s the caller interrupted.", {"3.690 s": 3_690_000}),
        ("first at 4.075 s: mark not sent, then at 5.1", {"4.075 s": 4_075_000}),
        ("call 1 ended at 8.539 and its socket was open", {"8.539": 8_539_000}),
        ("before the call ended (now 5.185 s).", {"5.185 s": 5_185_000}),
        ("it took 2.000 s; 31951 at 1.2.345, at 1.2345, flat 3.690", {}),
        ("nothing", {}),
    ],
)
def test_instants_are_found_and_nothing_is_lost(sentence, found):
    pieces = list(instants(sentence))
    assert "".join(text for text, _ in pieces) == sentence
    assert {text: at for text, at in pieces if at is not None} == found
