"""Diffs in documents."""

from __future__ import annotations

import pytest

from .blocks import name_of, patched

DIFF = """\
--- app.py
+++ app.py
@@ -1,3 +1,3 @@
 first

-second
+third
@@ -9 +9,2 @@
 last
+very last
"""


def test_a_diff_changes_what_it_names():
    assert name_of(DIFF) == "app.py"
    assert patched("first\n\nsecond\nlast\n", DIFF.replace("\n\n", "\n \n")) == (
        "first\n\nthird\nlast\nvery last\n"
    )


@pytest.mark.parametrize("text", ["first\n\nlast\n", "first\n\nsecond\nlast\nlast\n"])
def test_what_a_hunk_replaces_has_to_be_there_once(text):
    with pytest.raises(ValueError, match=r"expected once, found [02] times"):
        patched(text, DIFF)
