"""`simkit recording`: what can be done with recordings besides replaying them."""

from __future__ import annotations

import click

from . import completion
from .group import Commands
from .options import output_option, recording_argument


@click.group("recording", cls=Commands)
def recording_group() -> None:
    """Look at recordings, cut and merge them, and finish what a crash left."""


@recording_group.command("check")
@click.argument(
    "recordings",
    nargs=-1,
    required=True,
    type=click.Path(),
    shell_complete=completion.recordings,
)
@click.option("--recover", "finish", is_flag=True, help="Finish what a crash left unfinished.")
def check_command(recordings: tuple[str, ...], finish: bool) -> None:
    """Read recordings whole, and say what each is."""
    from .recording import run_check

    run_check(recordings, finish=finish)


@recording_group.command("show")
@recording_argument
def show_command(recording: str) -> None:
    """Print every event of a recording, one a line."""
    from .recording import run_show

    run_show(recording)


@recording_group.command("cut")
@recording_argument
@output_option("Where the part goes; must not exist.")
@click.option(
    "--from",
    "from_s",
    type=click.FloatRange(0, 14_400),
    default=0.0,
    metavar="SECONDS",
    help="Where it begins.",
)
@click.option(
    "--to", "to_s", type=click.FloatRange(0, 14_400), metavar="SECONDS", help="Where it ends."
)
def cut_command(recording: str, output: str, from_s: float, to_s: float | None) -> None:
    """Copy a part of a recording: what sets the call up stays, numbers go on without a gap."""
    from .recording import run_cut

    run_cut(recording, output, from_s=from_s, to_s=to_s)


@recording_group.command("merge")
@click.argument("first", type=click.Path(), shell_complete=completion.recordings)
@click.argument("second", type=click.Path(), shell_complete=completion.recordings)
@output_option("Where the result goes; must not exist.")
@click.option(
    "--offset",
    "offset_s",
    type=click.FloatRange(-14_400, 14_400),
    metavar="SECONDS",
    help="How much later the second one began; found by what both hold if not given.",
)
def merge_command(first: str, second: str, output: str, offset_s: float | None) -> None:
    """Make one recording of two of the same call."""
    from .recording import run_merge

    run_merge(first, second, output, offset_s=offset_s)
