"""What shells complete besides options: names of scenarios, what can be set in them, recordings."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

import click
from click.shell_completion import CompletionItem, split_arg_string


def scenario_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the scenarios; in a list with commas, those after the last one."""
    from ..scenarios import REGISTRY

    before, comma, name = incomplete.rpartition(",")
    return [
        CompletionItem(f"{before}{comma}{one.name}", help=one.summary)
        for one in REGISTRY.values()
        if one.name.startswith(name)
    ]


def settings(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return what can be set in the scenario that stands on the line, with its default."""
    from ..scenarios import REGISTRY

    # click drops the other arguments of a line that ends with an option without its value.
    words = split_arg_string(os.environ.get("COMP_WORDS", ""))
    named = (REGISTRY[word] for word in words if word in REGISTRY)
    return [
        CompletionItem(one.describe(), help=one.range)
        for scenario in islice(named, 1)
        for one in scenario.parameters.values()
        if one.describe().startswith(incomplete)
    ]


def legs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the legs of a replay, with the ways in which each can go."""
    ways = [f"{leg}={way}" for leg in ("twilio", "vapi") for way in ("recorded", "live")]
    return [CompletionItem(way) for way in ways if way.startswith(incomplete)]


def recordings(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the recordings in the folder that was begun; any folder where it holds none."""
    from ..recording.format import EVENTS_FILE

    folder = Path(incomplete if incomplete.endswith("/") else Path(incomplete).parent)
    begun = "" if folder == Path() and not incomplete.startswith("./") else f"{folder}/"
    try:
        found = sorted(path.name for path in folder.iterdir() if (path / EVENTS_FILE).exists())
    except OSError:
        found = []
    items = [
        CompletionItem(begun + name) for name in found if (begun + name).startswith(incomplete)
    ]
    return items or [CompletionItem(incomplete, type="dir")]
