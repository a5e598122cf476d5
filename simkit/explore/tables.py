"""What the pages of many runs have in common: a row for each race, to be filtered and unfolded.

One HTML file with nothing from elsewhere. What a bridge says, and how it is called, is data in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from markupsafe import Markup

from .. import __version__
from ..report.page import SHARED_STYLE, policy, templates
from ..scenarios.job import RANKS, Result
from ..scenarios.registry import REGISTRY
from ..timeline.text import printable

_HERE = Path(__file__).parent
_MOST = 4000
"""Letters of what a bridge said that are shown."""


LEGEND = (
    ("mouth", "the caller speaks"),
    ("r0", "a reply of the agent is heard; the line above it: it is sent"),
    ("unknown", "something unknown is heard"),
    ("stop", "from an interruption until the agent is silent"),
    ("named", "clear"),
    ("bad", "an error, a fault"),
    ("broken", "a promise is broken"),
    ("sound", "by this sound, or silence"),
)
"""What stands for what in the small pictures of calls."""


class Race(Protocol):
    """A row."""

    @property
    def scenario(self) -> str:
        """Which race it is about."""

    @property
    def result(self) -> Result:
        """The worst that it came to."""

    @property
    def gravity(self) -> int:
        """How grave it is what broke: the less, the graver."""


class About(NamedTuple):
    """What a race is about."""

    summary: str
    paragraphs: list[str]
    text: str
    """Where the documentation says more; empty for a user's own scenario."""


def filled(template: str, table: Sequence[Race], *, app: str | None, runs: str, **told: Any) -> str:
    """Return a page, the worst races first, those that are equally bad in the order given.

    Args:
        template: its name.
        table: what came of each race.
        app: the bridge; None for simkit's own.
        runs: of how many runs the title speaks; empty: of none.
        told: what else the template asks for.
    """
    counts = Counter(row.result for row in table)
    lost = counts["failed"] + counts["error"]
    whose = shown(app) if app is not None else "simkit's bridge"
    races = f"{len(table)} races" if len(table) != 1 else "1 race"
    style = SHARED_STYLE.read_text("utf-8") + (_HERE / "table.css").read_text("utf-8")
    script = (_HERE / "table.js").read_text("utf-8")
    environment = templates(_HERE)
    environment.filters |= {
        "count": lambda value: "" if value is None else f"{value:.0f}",
        "first_line": lambda text: shown(text.partition("\n")[0]),
        "markup": Markup,
        "ms": lambda value: "" if value is None else f"{value:.0f} ms",
        "shown": shown,
    }
    return environment.get_template(template).render(
        title=f"{whose}: {lost if lost else 'none'} of {races} lost{runs}",
        counts=[(result, counts[result]) for result in reversed(RANKS)],
        rows=sorted(table, key=lambda row: (-RANKS.index(row.result), row.gravity)),
        abouts={row.scenario: _about(row.scenario) for row in table},
        version=__version__,
        style=Markup(style),  # noqa: S704 - our own
        script=Markup(script),  # noqa: S704
        policy=policy(script, style),
        **told,
    )


def incomplete(done: int, runs: int) -> str:
    """Return what a page says of runs of which not all were done; empty where all were."""
    return (
        "" if done == runs else f"Not complete: interrupted when {done} of {runs} runs were done."
    )


def shown(text: str) -> str:
    """Return what somebody wrote with what would hide or move something replaced, not too long."""
    cut = text if len(text) <= _MOST else f"{text[:_MOST]} ..."
    return "\n".join(printable(line) for line in cut.splitlines())


def _about(name: str) -> About:
    scenario = REGISTRY.get(name)
    if scenario is None:
        return About(name, [], "")
    summary, _, rest = scenario.description.replace("`", "").partition("\n")
    paragraphs = [" ".join(part.split()) for part in rest.split("\n\n")]
    is_ours = scenario.function.__module__.startswith("simkit.")
    text = f"simkit scenarios {name}" if is_ours else ""
    return About(summary, [part for part in paragraphs if part], text)
