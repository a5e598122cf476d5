"""``simkit fakes``: the fakes by themselves, for whoever writes a bridge."""

from __future__ import annotations

import asyncio
import shlex
import sys

import click

from ..report import console, print_barge_ins, print_measures, print_timeline
from ..timeline import Event
from ..timeline.text import line, printable
from ..twilio import CallFailed, NotHeard
from ..wall import WallError, WallSimulation
from .main import Refusal
from .wall import end_in_order

_SETTLE_SECONDS = 0.25
"""Between looks at what the caller heard, for the timeline as it grows."""


def run_fakes(
    *,
    bridge: str,
    command: str | None,
    twilio_port: int,
    vapi_port: int,
    first_message: str | None,
    replies: tuple[str, ...],
    number: str | None,
    says: tuple[str, ...],
    seed: int,
    verbose: bool,
) -> None:
    """Run until the call is over, or until Ctrl-C; exit with 0, 1 or 2."""
    if says and number is None:
        raise Refusal("--say: goes with --call only")
    end_in_order()
    try:
        world = WallSimulation(
            seed,
            bridge=bridge,
            patience=None,
            twilio_port=twilio_port,
            vapi_port=vapi_port,
            time_limit=float("inf"),
        )
        with world as sim:
            sim.vapi.assistant(first_message=first_message, replies=list(replies))
            if command is not None:
                sim.serve(command, verbose=verbose)
            else:
                _print_environment(sim, bridge)
            failure = sim.run(_call(sim, number, says) if number else _until_interrupted(sim))
            if number:
                _print_call(sim, failure)
    except WallError as error:
        raise Refusal(str(error)) from None
    except KeyboardInterrupt:
        click.echo(err=True)
        return
    if failure:
        sys.exit(1)


def _print_environment(sim: WallSimulation, bridge: str) -> None:
    click.echo(f"# for the bridge; it is expected at {bridge}", err=True)
    for name, value in sim.environment.items():
        click.echo(f"export {name}={shlex.quote(value)}", err=True)


async def _call(sim: WallSimulation, number: str, says: tuple[str, ...]) -> str:
    """Call, say everything, listen to the last answer, hang up; returns what went wrong."""
    try:
        call = await sim.twilio.call(to=number)
        for text in says:
            await call.hears_utterance()
            await call.says(text)
        await call.hears_utterance()
        await call.hangs_up(after=0.5)
    except (CallFailed, NotHeard) as error:
        return str(error)
    return ""


def _print_call(sim: WallSimulation, failure: str) -> None:
    out = console()
    timeline = sim.finish()
    print_timeline(out, timeline)
    out.print()
    print_barge_ins(out, sim.twilio.calls[0].barge_ins)
    out.print()
    print_measures(out, sim.measures)
    if failure:
        out.print()
        out.print(f"the call failed: {printable(failure)}", soft_wrap=True)


async def _until_interrupted(sim: WallSimulation) -> str:
    click.echo("# ready; Ctrl-C ends it", err=True)
    sim.timeline.watch(_print_event)
    while True:
        await asyncio.sleep(_SETTLE_SECONDS)
        sim.settle()


def _print_event(event: Event) -> None:
    if event.kind == "media":
        click.echo(f"{event.t_ns / 1e9:9.3f}+ {event.source:<8} > {event.target:<8} media")
    elif event.kind != "receives":
        who = "" if event.call is None else f"call {event.call}  "
        click.echo(who + line(event))
