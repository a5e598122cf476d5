"""The commands, and what they have in common."""

from __future__ import annotations

from typing import IO, Any

import click

from .. import __version__


class Refusal(click.ClickException):
    """Input of no use: one line on stderr, exit code 2."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print one line, whatever the message holds."""
        line = " ".join(self.format_message().split())
        click.echo(f"simkit: {line}", err=True, file=file)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="simkit")
def main() -> None:
    """Deterministic simulation of phone calls, to test voice bridges between Twilio and Vapi."""


@main.command("replay")
@click.argument("recording", type=click.Path())
@click.option(
    "--app", metavar="MODULE:ATTR", help="The bridge to replay against; simkit's own if not given."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the simulation.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@click.option(
    "--audio",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write the call as stereo WAV or FLAC: left mouth, right ear.",
)
def replay_command(
    recording: str, app: str | None, seed: int, as_json: bool, audio: str | None
) -> None:
    """Replay a recorded call against a bridge: timeline, measures and checks."""
    from .replay import run_replay

    run_replay(recording, app=app, seed=seed, as_json=as_json, audio=audio)


@main.command("bridge")
@click.option("--config", type=click.Path(), metavar="FILE", help="TOML with the table [bridge].")
@click.option("--check", is_flag=True, help="Print the configuration in force, and end.")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on; 0 for any that is free.")
@click.option("--log", type=click.Choice(["json", "text"]), help="One JSON object a line, or text.")
def bridge_command(
    config: str | None, check: bool, host: str | None, port: int | None, log: str | None
) -> None:
    """Run the bridge: Twilio calls on one side, Vapi on the other.

    Secrets come from the environment (TWILIO_AUTH_TOKEN, VAPI_API_KEY) or from files named there
    (TWILIO_AUTH_TOKEN_FILE, VAPI_API_KEY_FILE).
    """
    from .bridge import run_bridge

    run_bridge(config, check=check, host=host, port=port, log=log)


@main.command("import")
@click.argument("log", type=click.Path())
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(),
    metavar="FOLDER",
    help="Where the recording goes; must not exist.",
)
@click.option(
    "--voice",
    type=click.Choice(["synthetic", "espeak"]),
    default="synthetic",
    show_default=True,
    help="Who speaks: the same bits everywhere, or words that people understand.",
)
def import_command(log: str, output: str, voice: str) -> None:
    """Make a recording of an event log."""
    from .import_log import run_import

    run_import(log, output, voice=voice)
