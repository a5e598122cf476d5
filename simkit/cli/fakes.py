"""``simkit fakes``: the fakes by themselves, for whoever writes a bridge."""

from __future__ import annotations

import asyncio
import shlex
import sys

import click

from ..report import console, print_barge_ins, print_measures
from ..timeline import Event
from ..timeline.text import line, printable
from ..twilio import CallFailed, NotHeard
from ..twilio.numbers import check_number
from ..vapi import HOST as VAPI_HOST
from ..wall import PortError, WallError, WallSimulation
from ..world import BRIDGE_HOST, TWILIO_HOST
from .main import Refusal

_LOOK_SECONDS = 0.25
"""Between looks at what there is to print."""
_KNOWN_NS = 500_000_000
"""How old an event is when nothing more becomes known of it."""


def run_fakes(
    *,
    bridge: str,
    command: str | None,
    twilio_port: int,
    vapi_port: int,
    latency: tuple[float, float],
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
    if number is not None:
        try:
            check_number("--call", number)
        except ValueError as error:
            raise Refusal(str(error)) from None
    failure = ""
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
            for name, ms in zip((TWILIO_HOST, VAPI_HOST), latency, strict=True):
                sim.link(name, BRIDGE_HOST).latency = ms / 1000
            sim.vapi.assistant(first_message=first_message, replies=list(replies))
            if command is not None:
                sim.serve(command, verbose=verbose)
            else:
                _print_environment(sim, bridge)
            printed = _Printed(sim)
            if number is None:
                sim.run(lambda _: printed.go_on())
            else:
                failure = sim.run(lambda sim: _call(sim, printed, number, says))
                _print_measures(sim, printed, failure)
    except PortError as error:
        option = "--twilio-port" if error.name == TWILIO_HOST else "--vapi-port"
        raise Refusal(
            f"{option} {error.port}: {error.reason}; choose another, or 0 for any that is free"
        ) from None
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


async def _call(sim: WallSimulation, printed: _Printed, number: str, says: tuple[str, ...]) -> str:
    """Call, say everything, listen to the last answer, hang up; returns what went wrong."""
    printing = asyncio.create_task(printed.go_on())
    try:
        call = await sim.twilio.call(to=number)
        for text in says:
            await call.hears_utterance()
            await call.says(text)
        await call.hears_utterance()
        await call.hangs_up(after=0.5)
    except (CallFailed, NotHeard) as error:
        return str(error)
    finally:
        printing.cancel()
    return ""


def _print_measures(sim: WallSimulation, printed: _Printed, failure: str) -> None:
    out = console()
    sim.finish()
    printed.look(at_end=True)
    out.print()
    print_barge_ins(out, sim.twilio.calls[0].barge_ins)
    out.print()
    print_measures(out, sim.measures)
    if failure:
        out.print()
        out.print(f"the call failed: {printable(failure)}", soft_wrap=True)


class _Printed:
    """The timeline, printed as it grows: each event once it is known whole."""

    def __init__(self, sim: WallSimulation) -> None:
        self._sim = sim
        self._waiting: list[Event] = []
        sim.timeline.watch(lambda event: self._waiting.append(event))

    async def go_on(self) -> None:
        """Print until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._sim.settle()
            self.look()

    def look(self, *, at_end: bool = False) -> None:
        """Print what is known whole by now; at the end, everything."""
        known_ns = self._sim.now_ns - _KNOWN_NS
        whole = [event for event in self._waiting if at_end or _end_ns(event) < known_ns]
        self._waiting = [event for event in self._waiting if event not in whole]
        for event in sorted(whole, key=lambda event: event.t_ns):
            if event.kind == "media":  # a run of them that goes on
                click.echo(f"{event.t_ns / 1e9:9.3f}+ {event.source:<8} > {event.target:<8} media")
            elif event.kind != "receives":
                click.echo(line(event))


def _end_ns(event: Event) -> int:
    """Return until when an event may still change: what is heard grows while it lasts."""
    return event.t_ns + (event.fields["duration_ns"] if event.kind == "hears" else 0)
