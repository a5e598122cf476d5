"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable

import click

from . import completion

Decorator = Callable[[Callable[..., None]], Callable[..., None]]

recording_argument = click.argument(
    "recording", type=click.Path(), shell_complete=completion.recordings
)
seed_option = click.option(
    "--seed", type=int, default=0, show_default=True, help="Seed of the simulation."
)
checks_option = click.option(
    "--checks", "every_check", is_flag=True, help="Name every check, those that held, too."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
audio_option = click.option(
    "--audio",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write the call as stereo WAV or FLAC: left mouth, right ear; a second call beside it, as "
    "FILE-2, and so on.",
)

html_option = click.option(
    "--html",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write the call as a page to look at and listen to, in one file.",
)


def drawing_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that write a run as a trace and as a picture."""
    for option in reversed(
        (
            click.option(
                "--trace",
                type=click.Path(dir_okay=False),
                metavar="FILE",
                help="Write the run as trace events, for ui.perfetto.dev or chrome://tracing.",
            ),
            click.option(
                "--svg",
                type=click.Path(dir_okay=False),
                metavar="FILE",
                help="Draw the call that fails, or the first: for a document or a pull request.",
            ),
            click.option(
                "--from",
                "from_s",
                type=float,
                metavar="SECONDS",
                help="With --svg: where it begins.",
            ),
            click.option(
                "--to", "to_s", type=float, metavar="SECONDS", help="With --svg: where it ends."
            ),
        )
    ):
        command = option(command)
    return command


def check_text(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return what was given, unless it is bytes in another encoding than the terminal's."""
    try:
        (value or "").encode()
    except UnicodeEncodeError:
        raise click.BadParameter(f"expected text in UTF-8; found {value!r}") from None
    return value


def app_option(what: str) -> Decorator:
    """Return the option that names an application; ``what`` says what for."""
    return click.option(
        "--app",
        callback=check_text,
        metavar="MODULE:ATTR",
        help=what,
        shell_complete=completion.apps,
    )


def output_option(what: str) -> Decorator:
    """Return the option that names the folder in which something is made."""
    return click.option(
        "-o", "--output", required=True, type=click.Path(), metavar="FOLDER", help=what
    )


def check_processes(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Return how many processes; None for ``auto``."""
    if value is None or value == "auto":
        return None
    if not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= 1000):
        raise click.BadParameter(f"expected auto, or a number from 1 to 1000; found {value!r}")
    return int(value)


processes_option = click.option(
    "-n",
    "processes",
    callback=check_processes,
    metavar="N",
    help="Processes that run at once; as many as there are processors if not given, or auto.",
)
upstream_option = click.option(
    "--upstream",
    callback=check_text,
    metavar="SERVICE",
    shell_complete=completion.upstreams,
    help="What the bridge speaks to in Vapi's place: openai-realtime, or HOST=MODULE:ATTR with a "
    "dialect.",
)


def wall_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that run a command in real time, against a process."""
    for option in reversed(
        (
            click.option(
                "--wall", is_flag=True, help="In real time on real sockets, not in a simulation."
            ),
            click.option(
                "--bridge",
                callback=check_text,
                metavar="URL",
                help="With --wall: where the bridge listens, with the path of its voice webhook if "
                "that is not /voice/inbound.",
            ),
            click.option(
                "--exec",
                "command",
                callback=check_text,
                metavar="COMMAND",
                help='With --wall: starts the bridge, as in --exec "node server.js" or '
                "--exec 'uvicorn app:app --port $PORT'; it is to listen on $PORT, or where "
                "--bridge says.",
            ),
            click.option(
                "-v", "--verbose", is_flag=True, help="With --wall: show what the bridge prints."
            ),
        )
    ):
        command = option(command)
    return command
