"""The commands that judge a bridge as a whole."""

from __future__ import annotations

from typing import Any

import click

from .main import main, processes_option, upstream_option, wall_options


@main.command("conformance")
@click.option(
    "--app", metavar="MODULE:ATTR", help="The bridge to judge; simkit's own if not given."
)
@upstream_option
@click.option(
    "--scenario", "names", multiple=True, metavar="NAME", help="Only this one; repeatable."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of each simulation.")
@processes_option
@click.option(
    "--limit",
    type=click.FloatRange(1.0, 3600.0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Real time that a run may take.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
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
