"""Draws what the caller hears in each race: with a bridge as tutorials write it, and with simkit's.

``python docs/races/figures.py`` writes the pictures beside it anew. The tests compare.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simkit.cli.files import verdict
from simkit.cli.outcome import ENVIRONMENT
from simkit.network.openings import LeftOpenWarning
from simkit.report import Outcome, draw
from simkit.scenarios import REGISTRY, find, simulate

FOLDER = Path(__file__).parent / "figures"
TUTORIAL = Path(__file__).parents[2] / "examples" / "fastapi-bridge"
SETTINGS: dict[str, dict[str, Any]] = {
    "barge-in": {"lead": 60.0, "silence_frames": False},
    "cold-start": {"late": 1.2},
    "format-mismatch": {"rate": 32_000},
    "llm-timeout": {"thinks": 12.0},
    "malformed": {"side": "vapi", "how": "invalid-json"},
    "odd-chunks": {"size": 1},
    "reconnect": {"phase": "caller-speaks"},
    "second-barge-in": {"latency": 0.08},
    "vapi-never-opens": {"trouble": "create 401"},
}
"""Where the race shows best with other numbers than by default."""


def outcome(name: str, *, tutorial: bool) -> Outcome:
    """Run a race against the tutorial's bridge, or simkit's."""
    with _tutorial_at_hand():
        app = "bridge:app" if tutorial else None
        return simulate(find(name), SETTINGS.get(name, {}), app=app)


def picture(name: str, *, tutorial: bool) -> str:
    """Return what came of it as SVG, with the verdict above."""
    result = outcome(name, tutorial=tutorial)
    whose = "As tutorials write it" if tutorial else "simkit's bridge"
    return draw(
        result.timeline,
        call=result.worst_call,
        heading=f"{whose}: {verdict(result)}",
        checks=result.checks,
    )


def place(name: str, *, tutorial: bool) -> Path:
    """Return where the picture of a race is kept."""
    return FOLDER / f"{name}{'-tutorial' if tutorial else ''}.svg"


@contextmanager
def _tutorial_at_hand() -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(ENVIRONMENT)
    sys.path.insert(0, str(TUTORIAL))
    quiet = logging.NullHandler()  # its errors are in the picture, and what it leaves open
    logging.getLogger().addHandler(quiet)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LeftOpenWarning)
            yield
    finally:
        logging.getLogger().removeHandler(quiet)
        sys.path.remove(str(TUTORIAL))
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for race in REGISTRY:
        for whose in (True, False):
            place(race, tutorial=whose).write_text(picture(race, tutorial=whose))
        print(race)
