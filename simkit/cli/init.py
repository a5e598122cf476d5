"""The command that writes the first test of a project."""

from __future__ import annotations

import click

from .main import main
from .options import app_option


@main.command("init")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path())
@app_option("The bridge; looked for in the project's files if not given.")
@click.option(
    "--webhook",
    metavar="PATH",
    help="Of the voice webhook, as in /incoming-call; looked for if not given.",
)
@click.option("--yes", is_flag=True, help="Ask nothing: take what is likeliest.")
@click.option("--force", is_flag=True, help="Write over files that are there.")
def init_command(folder: str, app: str | None, webhook: str | None, yes: bool, force: bool) -> None:
    """Write a first test of your bridge, and run it."""
    from .init_project import run_init

    run_init(folder, app=app, webhook=webhook, yes=yes, force=force)
