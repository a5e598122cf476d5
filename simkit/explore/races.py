"""Conformance as a page: a row for each race, with a small picture of the call that opens its page.

The pages of the calls are files beside it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from urllib.parse import quote

from ..checks import NOT_JUDGED
from ..scenarios import Verdict
from .conformance import Row, not_judged
from .tables import LEGEND, filled, incomplete

_COLUMNS = ("race", "result", "stops after", "words lost", "leaks", "the call", "what is wrong")


def render(
    table: Sequence[Row],
    *,
    runs: int,
    app: str | None,
    seed: int,
    folder: str,
    how: Sequence[str] = (),
) -> str:
    """Return the page, the worst races first, equally bad ones in the catalogue's order.

    Args:
        table: what came of each scenario.
        runs: that were to be done; where fewer were, the page says that it is not complete.
        app: the bridge; None for simkit's own.
        seed: of each simulation.
        folder: where the pages of calls are, from where this one is.
        how: else it was run, in words.
    """
    unseen = not_judged(table)
    verdicts = [verdict for row in table for verdict in row.verdicts]
    return filled(
        "races.html",
        table,
        app=app,
        runs="",
        facts=[
            f"seed {seed}",
            f"{len(verdicts)} runs",
            f"{sum(verdict.call_seconds for verdict in verdicts):.0f} s of calls",
            *how,
            *([f"{NOT_JUDGED}: {'; '.join(unseen)}"] if unseen else []),
        ],
        incomplete=incomplete(len(verdicts), runs),
        columns=_COLUMNS,
        unfold="every variant",
        folder=quote(os.fsencode(folder)),
        legend=LEGEND,
        figures=_figures,
    )


def _figures(verdict: Verdict) -> str:
    told = []
    if verdict.time_to_stop_ms is not None:
        told.append(f"stops after {verdict.time_to_stop_ms:.0f} ms")
    if verdict.first_words_lost_ms:
        told.append(f"{verdict.first_words_lost_ms:.0f} ms of first words lost")
    if verdict.leaks:
        told.append(f"{verdict.leaks} leaks")
    return ", ".join(told)
