"""The commands, and what they have in common."""

from __future__ import annotations

import warnings
from typing import IO, Any

import click

from .. import __version__
from . import completion
from .group import Commands
from .options import (
    app_option,
    audio_option,
    check_processes,
    checks_option,
    drawing_options,
    html_option,
    json_option,
    output_option,
    recording_argument,
    seed_option,
    upstream_option,
    wall_options,
)
from .recordings import recording_group


class Refusal(click.ClickException):
    """Input of no use: one line on stderr, exit code 2."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print one line, whatever the message holds."""
        line = " ".join(self.format_message().split())
        click.echo(f"simkit: {line}", err=True, file=file)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="simkit")
def main() -> None:
    """Test voice bridges between Twilio and Vapi in a simulation of phone calls."""
    # Python's warning of what a program left open; the check of teardown says it.
    warnings.filterwarnings("ignore", r"\d+ left open at the end")


@main.command("replay")
@recording_argument
@app_option("The bridge to replay against; simkit's own if not given.")
@seed_option
@click.option(
    "--leg",
    "legs",
    shell_complete=completion.legs,
    multiple=True,
    metavar="LEG=WAY",
    help="twilio or vapi, recorded or live; recorded if not given and both were captured.",
)
@click.option(
    "--tolerance",
    "tolerance_ms",
    type=click.FloatRange(0.0, 10_000.0),
    metavar="MS",
    help="By how much what the bridge sends may differ from the recording; 50 if not given, 100 "
    "where a leg is live.",
)
@click.option("--all", "is_folder", is_flag=True, help="RECORDING is a folder of recordings.")
@click.option(
    "-n",
    "processes",
    callback=check_processes,
    metavar="N",
    help="With --all: recordings that are replayed at once; as many as there are processors if "
    "not given, or auto.",
)
@checks_option
@json_option
@audio_option
@html_option
@drawing_options
@wall_options
def replay_command(
    recording: str,
    is_folder: bool,
    processes: int | None,
    as_json: bool,
    legs: tuple[str, ...],
    **options: Any,
) -> None:
    """Replay a recorded call against a bridge: timeline, measures, checks, and what diverges."""
    ways = dict(leg.partition("=")[::2] for leg in legs)
    if not is_folder:
        if processes is not None:
            raise Refusal("-n: goes with --all only, which replays every recording in a folder")
        from .replay import run_replay

        run_replay(recording, legs=ways, as_json=as_json, **options)
        return
    kept_for_one = ("every_check", "audio", "html", "trace", "svg", "from_s", "to_s")
    for name in ("wall", "bridge", "command", "verbose", *kept_for_one):
        if options.pop(name):
            option = {"command": "exec", "every_check": "checks"}.get(name, name.removesuffix("_s"))
            raise Refusal(f"--{option}: does not go with --all")
    from .replay_all import run_all

    run_all(recording, processes=processes, as_json=as_json, legs=ways, **options)


@main.command("report")
@click.argument("what", metavar="RUN|RECORDING", type=click.Path())
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Where the page goes; ends in .html.",
)
@click.option(
    "--audio",
    type=click.Path(),
    metavar="FILE",
    help="With a RUN: what its --audio wrote, to be listened to.",
)
def report_command(what: str, output: str, audio: str | None) -> None:
    """Write a page of a run that was saved as JSON, or of a recording as it was recorded.

    A RUN is what `simkit run --json` or `simkit replay --json` printed. Of a recording, the page
    shows what its events and its audio tell; no bridge is run. What cannot be read of it is left
    out, and the page says so.
    """
    from .report import run_report

    run_report(what, output, audio=audio)


@main.command("fakes")
@click.option(
    "--bridge",
    default="http://127.0.0.1:3000",
    show_default=True,
    metavar="URL",
    help="Where your bridge listens, with the path of its voice webhook if that is not "
    "/voice/inbound.",
)
@click.option(
    "--exec",
    "command",
    metavar="COMMAND",
    help='Start the bridge, as in --exec "node server.js" or '
    "--exec 'uvicorn app:app --port $PORT'.",
)
@click.option("--twilio-port", default=8701, show_default=True, help="Of Twilio's REST API.")
@click.option("--vapi-port", default=8702, show_default=True, help="Of Vapi's API.")
@click.option(
    "--latency",
    type=(click.FloatRange(0, 10_000), click.FloatRange(0, 10_000)),
    default=(20.0, 10.0),
    show_default=True,
    metavar="MS MS",
    help="One way between Twilio and the bridge, and between the bridge and Vapi.",
)
@click.option("--first-message", metavar="TEXT", help="The assistant says it first.")
@click.option("--reply", "replies", multiple=True, metavar="TEXT", help="Said in turn; repeatable.")
@click.option(
    "--call",
    "number",
    metavar="NUMBER",
    help="Call this number of the bridge, and end with the call. Without it the fakes run until "
    "Ctrl-C, and programs call with POST /2010-04-01/Accounts/<sid>/Calls.json.",
)
@click.option(
    "--say",
    "says",
    multiple=True,
    metavar="TEXT",
    help="With --call: said by the caller each time the agent has finished; repeatable.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of what the fakes draw.")
@click.option("-v", "--verbose", is_flag=True, help="With --exec: show what the bridge prints.")
def fakes_command(**options: Any) -> None:
    """Run fake Twilio and Vapi on this machine, in real time, for a bridge in any language."""
    from .fakes import run_fakes

    run_fakes(**options)


@main.command("bridge")
@click.option("--config", type=click.Path(), metavar="FILE", help="TOML with the table [bridge].")
@click.option("--check", is_flag=True, help="Print the configuration in force, and end.")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on; 0 for any that is free.")
@click.option("--log", type=click.Choice(["json", "text"]), help="One JSON object a line, or text.")
@click.option("--record", metavar="FOLDER", help="Keep a recording of each call in this folder.")
def bridge_command(config: str | None, check: bool, **settings: Any) -> None:
    """Run the bridge: Twilio calls on one side, Vapi on the other.

    Secrets come from the environment (TWILIO_AUTH_TOKEN, VAPI_API_KEY) or from files named there
    (TWILIO_AUTH_TOKEN_FILE, VAPI_API_KEY_FILE).
    """
    from .bridge import run_bridge

    run_bridge(config, check=check, **settings)


@main.command("record")
@click.option("-o", "--output", required=True, metavar="FOLDER", help="Where recordings go.")
@click.option(
    "--bridge",
    required=True,
    metavar="URL",
    help="Where the bridge listens, as in http://127.0.0.1:3000.",
)
@click.option(
    "--listen",
    "listen_at",
    default="127.0.0.1:8080",
    show_default=True,
    metavar="HOST:PORT",
    help="Where Twilio is to come in; port 0 for any that is free.",
)
@click.option("--vapi", default="https://api.vapi.ai", show_default=True, metavar="URL")
@click.option(
    "--vapi-listen",
    default="127.0.0.1:8081",
    show_default=True,
    metavar="HOST:PORT",
    help="What the bridge is to be told is Vapi.",
)
@click.option("--tls-cert", default="", metavar="FILE", help="Certificate chain, for TLS inwards.")
@click.option("--tls-key", default="", metavar="FILE", help="Its private key.")
def record_command(**options: str) -> None:
    """Record the calls of a bridge in any language, as a proxy on both its sides."""
    from .record import run_record

    run_record(**options)


@main.command("import")
@click.argument("files", type=click.Path(), nargs=-1, required=True)
@output_option("Where the recording goes; must not exist.")
@click.option(
    "--kind",
    type=click.Choice(
        ["event-log", "twilio-log", "streamdouble", "vapi-call", "vapi-log", "sound"]
    ),
    help="What the file is; recognised if not given.",
)
@click.option(
    "--voice",
    type=click.Choice(["synthetic", "espeak"]),
    default="synthetic",
    show_default=True,
    help="Who speaks: the same bits everywhere, or words that people understand.",
)
@click.option("--swapped", is_flag=True, help="In a sound alone, the agent is on the left.")
def import_command(
    files: tuple[str, ...], output: str, kind: str | None, voice: str, swapped: bool
) -> None:
    """Make a recording: of a log of events or messages, of a trace, of Vapi's account, of sound.

    Vapi's account of a call (GET /call, or its call log) and the stereo recording of the same call
    may be given together.
    """
    from .import_log import run_import

    run_import(files, output, kind=kind, voice=voice, swapped=swapped)


@main.command("scrub")
@recording_argument
@output_option("Where the copy goes; must not exist.")
@click.option(
    "--name", "names", multiple=True, metavar="WORD", help="Replace this, too; repeatable."
)
@click.option(
    "--names-from", type=click.Path(), metavar="FILE", help="Names to replace, one a line."
)
@click.option("--text", is_flag=True, help="Replace every word that somebody said.")
@click.option("--voices", is_flag=True, help="Replace voices by synthetic ones of the same timing.")
def scrub_command(
    recording: str,
    output: str,
    names: tuple[str, ...],
    names_from: str | None,
    text: bool,
    voices: bool,
) -> None:
    """Copy a recording without numbers, SIDs, keys, addresses and names."""
    from .scrub import run_scrub

    run_scrub(recording, output, names=names, names_from=names_from, text=text, voices=voices)


main.add_command(recording_group)


@main.command("scenarios")
@click.argument(
    "name", required=False, metavar="[SCENARIO]", shell_complete=completion.scenario_names
)
@json_option
def scenarios_command(name: str | None, as_json: bool) -> None:
    """List the scenarios that `simkit run` knows, or tell what one is about and how to win it."""
    from .scenarios import list_scenarios

    list_scenarios(name, as_json=as_json)


@main.command("run")
@click.argument("name", metavar="SCENARIO", shell_complete=completion.scenario_names)
@app_option("The bridge to run against; simkit's own if not given.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    shell_complete=completion.settings,
    help="A parameter of the scenario; repeatable.",
)
@seed_option
@click.option(
    "--varied", is_flag=True, help="Let the seed change distances, timings and the caller, too."
)
@upstream_option
@checks_option
@json_option
@audio_option
@html_option
@drawing_options
@wall_options
def run_command(name: str, **options: Any) -> None:
    """Run a scenario against a bridge: timeline, measures and checks."""
    from .scenarios import run_scenario

    run_scenario(name, **options)


@main.command("fidelity")
@click.argument(
    "names", nargs=-1, metavar="[SCENARIO]...", shell_complete=completion.scenario_names
)
@app_option("The bridge; simkit's own if not given.")
@click.option(
    "--runs",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="In real time, of each scenario; instants are medians over them.",
)
@click.option(
    "--limit",
    "limit_ms",
    type=click.FloatRange(0.0, 1000.0),
    default=15.0,
    show_default=True,
    metavar="MS",
    help="How far events may be off at p95, and how close neighbours are that have no order.",
)
@click.option(
    "--computing",
    "computing_ms",
    type=click.FloatRange(0.0, 10.0),
    metavar="MS",
    help="Time that each callback of the bridge takes in the simulation; as measured if not given.",
)
@json_option
@html_option
def fidelity_command(names: tuple[str, ...], **options: Any) -> None:
    """Compare the simulation with real time on real sockets: order and instants of events."""
    from .fidelity import run_fidelity

    run_fidelity(names, **options)
