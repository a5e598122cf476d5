"""The page of a scenario in both worlds: simulated above, in real time below."""

from __future__ import annotations

from collections.abc import Iterator

from ..report import Outcome
from ..report.page import Page
from ..report.page.model import Difference
from ..report.page.pair import paired
from ..timeline import difference as compared
from ..timeline.text import printable

_LOOPBACK = ("bandwidth", "mss")
_MOST = 200
"""Differences that are told."""


def page_of_both(
    name: str,
    virtual: Outcome,
    wall: Outcome,
    found: compared.Difference,
    *,
    limit_ms: float,
    same: bool,
) -> Page:
    """Return the page of one run in both worlds.

    Args:
        name: of the scenario.
        virtual: what came of it in the simulation.
        wall: what came of it in real time.
        found: what differs.
        limit_ms: events that are no further off are as they should be.
        same: whether the two worlds are held to agree.
    """
    above = virtual.page(name, panels=2)
    below = wall.page(f"{name}: simulated, and in real time", panels=2)
    above.panels[0].title, below.panels[0].title = "simulated", "in real time"
    # How the loopback cuts what it carries is no disturbance.
    panel = above.panels[0]
    panel.spans = [span for span in panel.spans if span.text not in _LOOPBACK]
    begun_ns = [compared.begun_ns(one.timeline) for one in (virtual, wall)]
    told = list(_differences(found, limit_ms, *begun_ns))
    page = paired(above, below, told[:_MOST])
    within = sum(abs(pair.late_ms) <= limit_ms for pair in found.pairs)
    sentence = f"{within} of {len(found.pairs)} events are within {limit_ms:g} ms of the simulation"
    page.verdict = [
        f"{sentence}, in {'another' if found.order else 'the same'} order.",
        *([f"{printable(found.order)}."] if found.order else []),
        *page.verdict,
    ]
    page.remarks.append("how late an event is counts from what last set the pace before it")
    if len(told) > _MOST:
        page.remarks.append(f"of {len(told)} differences the first {_MOST} are told")
    page.passed = same
    return page


def _differences(
    found: compared.Difference, limit_ms: float, above_ns: int, below_ns: int
) -> Iterator[Difference]:
    """Yield what is out of order and what is out of limits, in the order of time."""
    told = {(odd.first_ns, odd.second_ns): odd for odd in reversed(found.odd)}
    entries = [(odd.t_ns, _out_of_order(odd), odd.first_ns, odd.second_ns) for odd in told.values()]
    entries += [
        (pair.first_ns, _late(pair), pair.first_ns, pair.second_ns)
        for pair in found.pairs
        if abs(pair.late_ms) > limit_ms
    ]
    entries.sort(key=lambda entry: entry[:2])
    for number, (_, sentence, first_ns, second_ns) in enumerate(entries, 1):
        yield Difference(
            number=number,
            above=None if first_ns is None else (above_ns + first_ns) // 1000,
            below=None if second_ns is None else (below_ns + second_ns) // 1000,
            sentence=printable(sentence),
            cause=None,
        )


def _out_of_order(odd: compared.Odd) -> str:
    what = odd.sentence.partition(": ")[2]
    if odd.second_ns is None:
        return f"only in the simulation: {what}"
    return f"only in real time: {what}" if odd.first_ns is None else odd.sentence


def _late(pair: compared.Pair) -> str:
    when = "later" if pair.late_ms > 0 else "earlier"
    return f"{pair.what}: {abs(pair.late_ms):.0f} ms {when} in real time"
