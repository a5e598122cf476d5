"""``simkit scenarios`` and ``simkit run``: the catalogue, and one of it against a bridge."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from ..network.serve import AppError
from ..report import Outcome, console, print_table
from ..scenarios import REGISTRY, Job, Scenario, ScenarioError, find, play, simulate
from ..scenarios.advice import advice
from ..scenarios.substitute import ACCOUNTS
from ..wall import WallError
from .files import Files
from .main import Refusal
from .outcome import ENVIRONMENT, report
from .wall import environment_for, open_wall, settled


def list_scenarios(name: str | None, *, as_json: bool) -> None:
    """Print each scenario with its first line and its parameters, or all of one."""
    try:
        found = list(REGISTRY.values()) if name is None else [find(name)]
    except ScenarioError as error:
        raise Refusal(str(error)) from None
    if as_json:
        entries = [
            {
                "name": scenario.name,
                "description": scenario.description,
                "needs": scenario.needs,
                "parameters": {p.name: p.default for p in scenario.parameters.values()},
            }
            for scenario in found
        ]
        click.echo(json.dumps(entries, indent=2))
    elif name is None:
        _print_list(found)
    else:
        _print_one(found[0])


def _print_list(found: Sequence[Scenario]) -> None:
    """Print a line for each in a pipe; on a terminal what can be set stands below its sentence."""
    out = console()
    table = Table.grid(padding=(0, 2))
    for scenario in found:
        summary = Text(scenario.summary.replace("`", ""))
        shown = " ".join(p.describe() for p in scenario.parameters.values())
        if out.is_terminal and shown:
            table.add_row(scenario.name, Text("\n").join((summary, Text(shown, style="dim"))))
        elif out.is_terminal:
            table.add_row(scenario.name, summary)
        else:
            table.add_row(scenario.name, summary, Text(shown))
    print_table(out, table)
    if out.is_terminal:
        out.print("\n`simkit scenarios NAME` tells how to win one.", markup=False)


def _print_one(scenario: Scenario) -> None:
    out = console()
    for paragraph in advice(scenario):
        out.print(Text(paragraph))
        out.print()
    table = Table.grid(padding=(0, 2))
    for parameter in scenario.parameters.values():
        table.add_row("--set", Text(parameter.describe()), parameter.range)
    print_table(out, table)


def run_scenario(
    name: str,
    *,
    app: str | None,
    settings: Sequence[str],
    seed: int,
    varied: bool,
    upstream: str | None,
    every_check: bool,
    as_json: bool,
    wall: bool,
    bridge: str | None,
    command: str | None,
    verbose: bool,
    **written: Any,
) -> None:
    """Run a scenario, report, and exit with 0, 1 or 2."""
    files = Files(**written)
    files.check()
    if varied and (wall or bridge or command):
        raise Refusal("--varied changes a simulated world: leave out --wall")
    if upstream is not None and (wall or bridge or command):
        raise Refusal("--upstream is part of a simulated world: leave out --wall")
    os.environ.update(ENVIRONMENT | ACCOUNTS)
    try:
        scenario = find(name)
        chosen = scenario.settings(settings)

        def once() -> Outcome:
            with open_wall(
                wall,
                seed,
                app=app,
                bridge=bridge,
                command=command,
                verbose=verbose,
                env=environment_for(scenario, chosen, is_own=not (app or bridge or command)),
            ) as world:
                if world is not None:
                    return play(scenario, world, chosen)
            return simulate(scenario, chosen, app=app, seed=seed, varied=varied, upstream=upstream)

        # What the bridge prints is not part of the report, which may be JSON for a program.
        with console(sys.stderr).status(f"running {name}"), contextlib.redirect_stdout(sys.stderr):
            result, runs = settled(once)
    except (ScenarioError, AppError, WallError) as error:
        raise Refusal(str(error)) from None
    what = {"scenario": name, "settings": chosen, "seed": seed, "varied": varied}
    title = " ".join([name, *settings, *([f"seed {seed}"] if seed else [])])
    job = Job(name, chosen, seed, app, varied, upstream)
    again = "" if wall else job.command()
    report(
        result,
        what,
        as_json=as_json,
        every_check=every_check,
        title=title,
        files=files,
        runs=runs,
        again=again,
    )
