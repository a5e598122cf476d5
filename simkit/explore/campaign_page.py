"""A campaign as a page: how often each race came to which result, and every kind of failure.

All of it is what the tally keeps: it does not grow with the number of runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ..scenarios.job import RANKS, Result, gravity
from .campaign import STEP_MS, Campaign, Failure, Tally
from .tables import LEGEND, filled, incomplete

_WIDTH = 280
_HEIGHT = 40
_SCALES_MS = (500, 1000, 2000, 5000)
"""Ends of the axis: the first that holds 95 of 100 runs of every race."""
_LINES = 5
"""Parts into which lines divide the axis."""
_BARS = 50
_MOST_KINDS = 3
"""Of failures, that stand in a race's row."""


@dataclass
class _Kind:
    check: str
    count: int
    first: list[Failure]
    """Those of the lowest seeds."""


@dataclass
class _Row:
    scenario: str
    results: dict[Result, int]
    kinds: list[_Kind]
    """The most frequent first."""
    picture: str = ""
    told: str = ""
    """What the picture shows, in figures."""

    @property
    def runs(self) -> int:
        return sum(self.results.values())

    @property
    def passed(self) -> int:
        return self.results["passed"]

    @property
    def result(self) -> Result:
        """The worst that any run came to."""
        return max((one for one in RANKS if self.results[one]), key=RANKS.index)

    @property
    def gravity(self) -> int:
        return min((gravity(kind.check) for kind in self.kinds), default=0)


def pictured(tally: Tally) -> list[Failure]:
    """Return the failures of which the page may show the call: in each row, of each kind one."""
    names = sorted({scenario for scenario, _ in tally.first})
    return [kind.first[0] for name in names for kind in _kinds(name, tally)[:_MOST_KINDS]]


def render(
    campaign: Campaign,
    tally: Tally,
    *,
    runs: int,
    speed: str,
    pictures: Mapping[str, str] | None = None,
) -> str:
    """Return the page; the same for the same verdicts, in whichever order they came.

    Args:
        campaign: what was to be run.
        tally: what came of it.
        runs: that were to be done; where fewer were, the page says that it is not complete.
        speed: how fast they were, in words.
        pictures: of calls, by the commands that repeat them.
    """
    scale_ms = _scale(tally)
    first, last = campaign.first_seed, campaign.first_seed + campaign.seeds - 1
    names = dict.fromkeys(campaign.scenarios)
    return filled(
        "campaign.html",
        [_row(name, tally, scale_ms) for name in names if _was_run(name, tally)],
        app=campaign.app,
        runs=f" in {tally.runs:,} runs",
        facts=[
            f"seeds {first} to {last}" if first < last else f"seed {first}",
            "a seed varies distances and timings, too" if campaign.varied else "nothing varied",
            f"{tally.runs:,} runs",
            f"{tally.call_seconds:,.0f} s of calls",
            *([f"to {campaign.upstream}"] if campaign.upstream else []),
        ],
        incomplete=incomplete(tally.runs, runs),
        columns=("race", "result", "stops after", "what is wrong"),
        unfold="every failure",
        scale=scale_ms if tally.stops else 0,
        step=scale_ms // _LINES,
        digest=tally.digest,
        speed=speed,
        most=_MOST_KINDS,
        pictures=pictures or {},
        legend=LEGEND if pictures else (),
    )


def _was_run(name: str, tally: Tally) -> bool:
    return any(tally.results[name, result] for result in RANKS)


def _kinds(name: str, tally: Tally) -> list[_Kind]:
    kinds = [
        _Kind(check, tally.failed[scenario, check], first)
        for (scenario, check), first in tally.first.items()
        if scenario == name
    ]
    return sorted(kinds, key=lambda kind: (-kind.count, kind.check))


def _row(name: str, tally: Tally, scale_ms: int) -> _Row:
    results = {result: tally.results[name, result] for result in RANKS}
    row = _Row(name, results, _kinds(name, tally))
    stops = tally.stops.get(name)
    if stops:
        row.told = (
            f"{stops.total():,} runs: half within {_within(stops, 0.5)} ms, "
            f"all within {max(stops) * STEP_MS} ms"
        )
        row.picture = _histogram(stops, scale_ms, row.told)
    return row


def _within(stops: Counter[int], share: float) -> int:
    """Return the milliseconds within which a share of the runs stopped."""
    left = share * stops.total()
    for steps in sorted(stops):
        left -= stops[steps]
        if left <= 0:
            break
    return steps * STEP_MS


def _scale(tally: Tally) -> int:
    most = max((_within(stops, 0.95) for stops in tally.stops.values()), default=0)
    return next((scale for scale in _SCALES_MS if most <= scale), _SCALES_MS[-1])


def _histogram(stops: Counter[int], scale_ms: int, told: str) -> str:
    """Return how often runs stopped when as a small SVG, in which a single run can be seen."""
    bars = [0] * _BARS
    for steps, count in stops.items():
        at = (max(steps, 1) * STEP_MS - 1) * _BARS // scale_ms
        bars[min(at, _BARS - 1)] += count
    width, tallest = _WIDTH / _BARS, max(bars)
    lines = "".join(f"M{_WIDTH * part // _LINES} 0V{_HEIGHT}" for part in range(1, _LINES))
    drawn = ""
    for at, count in enumerate(bars):
        if count:
            height = max(2.0, count / tallest * (_HEIGHT - 2))
            drawn += f"M{at * width:g} {_HEIGHT}v-{height:.1f}h{width - 1:g}V{_HEIGHT}z"
    return (
        f'<svg class="strip" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" '
        f'role="img" aria-label="{told}"><path class="grid" d="{lines}"/>'
        f'<path class="bars" d="{drawn}"/></svg>'
    )
