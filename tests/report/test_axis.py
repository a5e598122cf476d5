"""Which instants have a line, and how instants are written."""

from __future__ import annotations

import pytest

from simkit.report import axis

S = 1_000_000_000


@pytest.mark.parametrize(
    ("ns", "exact", "short"),
    [
        (99_999_499_999, "99.999 s", "99.9995 s"),
        (100 * S, "1:40.000", "1:40"),
        (129 * S + S // 2, "2:09.500", "2:09.5"),
        (130 * S, "2:10.000", "2:10"),
        (3600 * S, "60:00.000", "60:00"),
    ],
)
def test_from_a_hundred_seconds_on_there_are_minutes(ns, exact, short):
    assert (axis.instant(ns), axis.name(ns)) == (exact, short)


def test_lines_of_half_a_day_are_an_hour_apart():
    assert list(axis.lines(1, 3 * 3600 * S, 1801 * S)) == [h * 3600 * S for h in (1, 2, 3)]
    assert list(axis.lines(0, 2 * 3600 * S, 9000 * S)) == [h * 3600 * S for h in (0, 1, 2)]
