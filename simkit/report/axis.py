"""A time axis: which instants have a line, and how instants are written.

Up to 100 seconds they are seconds, as timelines write them; from then on minutes, too.
"""

from __future__ import annotations

from collections.abc import Iterator

_MINUTES_FROM_NS = 100_000_000_000
_STEPS_NS = [
    round(step * 1e9)
    for step in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
]
"""Between lines; twelve hours have room."""


def lines(start_ns: int, end_ns: int, least_ns: float) -> Iterator[int]:
    """Yield the instants at which an axis has a line.

    Args:
        start_ns: where it begins.
        end_ns: where it ends, which may have one.
        least_ns: how far they are from each other at least, where such steps are known.

    >>> list(lines(10**9, 3 * 10**9, 0.7e9))
    [1000000000, 2000000000, 3000000000]
    """
    step_ns = next((step for step in _STEPS_NS if step >= least_ns), _STEPS_NS[-1])
    yield from range(-(-start_ns // step_ns) * step_ns, end_ns + 1, step_ns)


def instant(ns: int) -> str:
    """Write an instant to the millisecond.

    >>> instant(3_647_000_000), instant(1_834_532_000_000)
    ('3.647 s', '30:34.532')
    """
    ns = round(ns / 1e6) * 1_000_000
    return _written(ns, f"{ns / 1e9:.3f}", ".3f")


def name(ns: int) -> str:
    """Write an instant as short as it is exact, for a line.

    >>> name(2_500_000_000), name(120_000_000_000)
    ('2.5 s', '2:00')
    """
    return _written(ns, f"{ns / 1e9:g}", "g")


def _written(ns: int, seconds: str, form: str) -> str:
    if ns < _MINUTES_FROM_NS:
        return f"{seconds} s"
    minutes, rest_ns = divmod(ns, 60_000_000_000)
    rest = format(rest_ns / 1e9, form)
    return f"{minutes}:{'0' if rest_ns < 10_000_000_000 else ''}{rest}"
