"""The commands that judge a bridge as a whole."""

from __future__ import annotations

import re
from typing import Any

import click

from . import completion
from .main import main
from .options import app_option, processes_option, seed_option, upstream_option, wall_options

limit_option = click.option(
    "--limit",
    type=click.FloatRange(1.0, 3600.0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Real time that a run may take.",
)


@main.command("conformance")
@app_option("The bridge to judge; simkit's own if not given.")
@upstream_option
@click.option(
    "--scenario",
    "names",
    multiple=True,
    metavar="NAME",
    shell_complete=completion.scenario_names,
    help="Only this one; repeatable.",
)
@seed_option
@processes_option
@limit_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option(
    "--html",
    type=click.Path(),
    metavar="FILE|FOLDER",
    help="Write the table as a page, and a page for each call beside it.",
)
@click.option(
    "--junit", "junit_file", type=click.Path(dir_okay=False), metavar="FILE", help="Write XML."
)
@click.option(
    "--write-tests",
    "tests",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Write each failing race as a test of your own, into test_races.py there.",
)
@click.option("--force", is_flag=True, help="With --write-tests: also over a file that is there.")
@wall_options
def conformance_command(
    wall: bool, bridge: str | None, command: str | None, verbose: bool, **options: Any
) -> None:
    """Run every scenario against a bridge, and tell what it gets wrong."""
    from .conformance import run_conformance

    told = {"wall": wall, "bridge": bridge, "command": command, "verbose": verbose}
    run_conformance(wall=told, **options)


def _seeds(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, int]:
    """Return the first seed, and how many there are."""
    found = re.fullmatch(r"(?:(\d{1,9})-)?(\d{1,9})", value)
    if found is not None:
        first, last = (int(found[1]), int(found[2])) if found[1] else (0, int(found[2]) - 1)
        if first <= last:
            return first, last - first + 1
    raise click.BadParameter(f"expected a number, or first-last; found {value!r}")


@main.command("campaign")
@click.option(
    "--scenarios",
    default="all",
    show_default=True,
    metavar="NAME,...",
    shell_complete=completion.scenario_names,
    help="Which; or all.",
)
@click.option(
    "--seeds",
    callback=_seeds,
    default="100",
    show_default=True,
    metavar="N|A-B",
    help="How many seeds, from 0; or from one to another.",
)
@click.option(
    "--varied/--plain",
    default=True,
    show_default=True,
    help="Let a seed change distances, timings and the caller, too.",
)
@app_option("The bridge; simkit's own if not given.")
@upstream_option
@processes_option
@click.option("--dask", metavar="ADDRESS", help="Run on the Dask cluster of this scheduler.")
@limit_option
@click.option(
    "--output",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Append every verdict to this file, one JSON object a line.",
)
@click.option("--resume", is_flag=True, help="With --output: go on with the file of before.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write what came of it as a page.",
)
def campaign_command(**options: Any) -> None:
    """Run scenarios with all their variants and many seeds, and keep what fails."""
    from .campaign import run_campaign

    run_campaign(**options)
