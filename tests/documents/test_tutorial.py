"""docs/tutorial.md: its steps lead from the one example to the other."""

from __future__ import annotations

import re

from .steps import EXAMPLE, PAGE, rows, versions


def test_the_steps_begin_with_the_bridge_and_end_with_the_mended_one():
    first, *_, last = versions()
    assert first == (EXAMPLE / "bridge.py").read_text()
    assert last == (EXAMPLE / "mended.py").read_text()


def test_the_table_has_a_row_for_each_step_and_its_lines():
    headings = re.findall(r"^## (\d+)\. ", PAGE.read_text(), re.MULTILINE)
    assert [number for number, _, _, _ in rows()] == ["0", *headings]
    assert [lines for _, _, lines, _ in rows()] == [len(v.splitlines()) for v in versions()]


def test_the_table_begins_and_ends_with_what_the_kept_tables_count():
    for kept, (_, _, _, passed) in ("bridge.txt", rows()[0]), ("mended.txt", rows()[-1]):
        assert f"scenarios: {passed} passed" in (EXAMPLE / kept).read_text()
