"""Conformance as a page: a row for each race, with a small picture of the call that opens its page.

One HTML file with nothing from elsewhere. What a bridge says, and how it is called, is data in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from .. import __version__
from ..report.page import SHARED_STYLE, policy
from ..scenarios import Verdict
from ..scenarios.registry import REGISTRY
from ..timeline.text import printable
from .conformance import RANKS, Row

_HERE = Path(__file__).parent
_LEGEND = (
    ("mouth", "the caller speaks"),
    ("r0", "a reply of the agent is heard; the line above it: it is sent"),
    ("unknown", "something unknown is heard"),
    ("stop", "from an interruption until the agent is silent"),
    ("named", "clear"),
    ("bad", "an error, a fault"),
    ("broken", "a promise is broken"),
)
_MOST = 4000
"""Letters of what a bridge said that are shown."""


class _About(NamedTuple):
    summary: str
    paragraphs: list[str]
    text: str
    """Where the documentation says more; empty for a user's own scenario."""


def render(
    table: Sequence[Row],
    *,
    runs: int,
    app: str | None,
    seed: int,
    folder: str,
    how: Sequence[str] = (),
) -> str:
    """Return the page, the worst races first, each kind in the catalogue's order.

    Args:
        table: what came of each scenario.
        runs: that were to be done; where fewer were, the page says that it is not complete.
        app: the bridge; None for simkit's own.
        seed: of each simulation.
        folder: where the pages of calls are, from where this one is.
        how: else it was run, in words.
    """
    worst_first = sorted(table, key=lambda row: -RANKS.index(row.result))
    verdicts = [verdict for row in table for verdict in row.verdicts]
    counts = Counter(row.result for row in table)
    lost = counts["failed"] + counts["error"]
    whose = shown(app) if app is not None else "simkit's bridge"
    races = f"{len(table)} races" if len(table) != 1 else "1 race"
    own_style, script = ((_HERE / f"races.{kind}").read_text("utf-8") for kind in ("css", "js"))
    style = SHARED_STYLE.read_text("utf-8") + own_style
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": lambda value: "" if value is None else f"{value:.0f}",
        "figures": _figures,
        "first_line": lambda text: shown(text.partition("\n")[0]),
        "markup": Markup,
        "ms": lambda value: "" if value is None else f"{value:.0f} ms",
        "shown": shown,
    }
    return environment.get_template("races.html").render(
        title=f"{whose}: {lost} of {races} lost" if lost else f"{whose}: none of {races} lost",
        facts=[
            f"seed {seed}",
            f"{len(verdicts)} runs",
            f"{sum(verdict.call_seconds for verdict in verdicts):.0f} s of calls",
            *how,
        ],
        incomplete=""
        if len(verdicts) == runs
        else f"Not complete: interrupted when {len(verdicts)} of {runs} runs were done.",
        counts=[(result, counts[result]) for result in reversed(RANKS)],
        rows=worst_first,
        about={row.scenario: _about(row.scenario) for row in table},
        folder=folder,
        legend=_LEGEND,
        version=__version__,
        style=Markup(style),  # noqa: S704 - our own
        script=Markup(script),  # noqa: S704
        policy=policy(script, style),
    )


def shown(text: str) -> str:
    """Return what somebody wrote with what would hide or move something replaced, not too long."""
    cut = text if len(text) <= _MOST else f"{text[:_MOST]} ..."
    return "\n".join(printable(line) for line in cut.splitlines())


def _about(name: str) -> _About:
    scenario = REGISTRY.get(name)
    if scenario is None:
        return _About(name, [], "")
    summary, _, rest = scenario.description.replace("`", "").partition("\n")
    paragraphs = [" ".join(part.split()) for part in rest.split("\n\n")]
    is_ours = scenario.function.__module__.startswith("simkit.")
    text = f"docs/races/{name}.md" if is_ours else ""
    return _About(summary, [part for part in paragraphs if part], text)


def _figures(verdict: Verdict) -> str:
    told = []
    if verdict.time_to_stop_ms is not None:
        told.append(f"stops after {verdict.time_to_stop_ms:.0f} ms")
    if verdict.first_words_lost_ms:
        told.append(f"{verdict.first_words_lost_ms:.0f} ms of first words lost")
    if verdict.leaks:
        told.append(f"{verdict.leaks} leaks")
    return ", ".join(told)
