"""Makes the captured recordings anew: calls of simkit's own bridge in real time, with faults.

    python recordings/sources/capture.py [NAME]...

Both services are fakes and all voices are synthetic. Instants are the machine's: two captures of
the same call differ by milliseconds.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from simkit.recording import read
from simkit.recording.format import EVENTS_FILE, line_of
from simkit.vapi import Close, Only, Reply
from simkit.wall import WallSimulation
from simkit.wall.child import Child

ROOT = Path(__file__).parents[1]
NUMBER = "+15550100"
BRIDGE = """
import os
from simkit.cli import main
main(["bridge", "--record", os.environ["FOLDER"], "--port", os.environ["PORT"]])
"""
TOLERANCE_MS = {"vapi-lost": 350.0}
"""Where the bridge draws at random: it waits 0.8 to 1.2 s before it opens a lost socket again."""
OFFER = "Your appointment is scheduled for Tuesday at 3 PM with Doctor Smith."

Scene = Callable[[WallSimulation, Child], Awaitable[None]]
SCENES: dict[str, tuple[str, Scene, dict[str, str]]] = {}
"""By name: what it shows, the call, and how the bridge is configured."""


def scene(**settings: str) -> Callable[[Scene], Scene]:
    """Register a call under the name of its function; its docstring says what it shows."""

    def register(function: Scene) -> Scene:
        environ = {f"SIMKIT_BRIDGE_{key.upper()}": value for key, value in settings.items()}
        shows = " ".join((function.__doc__ or "").split())
        SCENES[function.__name__.replace("_", "-")] = (shows, function, environ)
        return function

    return register


@scene()
async def greeting_and_goodbye(sim: WallSimulation, bridge: Child) -> None:
    """A caller is greeted, asks, is answered and hangs up; nothing goes wrong."""
    sim.vapi.assistant(first_message="Good morning. How can I help?", replies=["At nine. Goodbye."])
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("How can I help?")
    await call.says("when do you open?")
    await call.hears("Goodbye.")
    await call.hangs_up(after=0.3)


@scene(vapi_format="mulaw")
async def barge_in(sim: WallSimulation, bridge: Child) -> None:
    """The caller interrupts the agent, which falls silent and answers."""
    sim.vapi.assistant(first_message=OFFER, replies=["Thursday it is."])
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Tuesday at 3 PM")
    await call.says("wait, can we do Thursday instead?")
    await call.hears("Thursday it is.")
    await call.hangs_up(after=0.3)


@scene()
async def rapid_interrupts(sim: WallSimulation, bridge: Child) -> None:
    """Wait... no... actually: three onsets within half a second are one interruption."""
    sim.vapi.assistant(first_message=OFFER, replies=["Yes?"])
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Your appointment")
    await call.says("wait", seconds=0.12)
    await call.stays_silent(0.05)
    await call.says("no", seconds=0.1)
    await call.stays_silent(0.05)
    await call.says("actually", seconds=0.18)
    await call.hears("Yes?")
    await call.hangs_up(after=0.3)


@scene()
async def cold_start(sim: WallSimulation, bridge: Child) -> None:
    """Vapi's socket opens 1.5 s late; what the caller said meanwhile is sent in one piece."""
    sim.vapi.faults.slow_open = 1.5
    sim.vapi.assistant(replies=["A table for two."])
    call = await sim.twilio.call(to=NUMBER)
    await call.says("book a table for two on Friday please")
    await call.hears("A table for two.")
    await call.hangs_up(after=0.3)


@scene()
async def vapi_lost(sim: WallSimulation, bridge: Child) -> None:
    """Vapi's socket is lost in the middle of a reply; a call takes its place and goes on."""
    sim.vapi.faults.close = Only(Close(1011, at=1.5), nth=1)
    sim.vapi.assistant(first_message=OFFER, replies=["I am back. Thursday it is."])
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Your appointment")
    await asyncio.sleep(1.0)
    sim.vapi.faults.close = None
    await call.stays_silent(2.5)
    await call.says("are you still there?")
    await call.hears("Thursday it is.")
    await call.hangs_up(after=0.3)


@scene()
async def stall_then_burst(sim: WallSimulation, bridge: Child) -> None:
    """The bridge's process is held up for 0.8 s while the caller speaks; then frames burst in."""
    sim.vapi.assistant(
        first_message="Hello. What is your name?", replies=["One moment.", "Nice to meet you."]
    )
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("What is your name?")
    speaking = asyncio.ensure_future(call.says("my name is Ada Lovelace, from London"))
    await asyncio.sleep(0.4)
    os.kill(bridge.pid, signal.SIGSTOP)
    await asyncio.sleep(0.8)
    os.kill(bridge.pid, signal.SIGCONT)
    await speaking
    await call.hears("Nice to meet you.")
    await call.hangs_up(after=0.3)


@scene(vapi_format="mulaw")
async def hang_up_mid_reply(sim: WallSimulation, bridge: Child) -> None:
    """The caller hangs up in the middle of a reply; both sockets close."""
    sim.vapi.assistant(first_message=OFFER * 2)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("scheduled for Tuesday")
    await call.hangs_up()


@scene(reply_timeout="1.5")
async def no_answer(sim: WallSimulation, bridge: Child) -> None:
    """The model does not answer in time; the bridge says its fallback line."""
    sim.vapi.assistant(first_message="How can I help?", replies=[Reply("At nine.", latency=30.0)])
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("How can I help?")
    await call.says("when do you open?")
    await call.stays_silent(5.0)
    await call.hangs_up()


@scene(vapi_dialect="seed")
async def json_audio(sim: WallSimulation, bridge: Child) -> None:
    """The dialect of two articles: audio in JSON, numbered by nobody."""
    sim.vapi.assistant(first_message="Hello, how are you?", replies=["Goodbye."])
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Hello,")
    await call.says("hold on please")
    await call.hears("Goodbye.")
    await call.hangs_up(after=0.3)


def capture(name: str, place: Path) -> Path:
    """Have the call, and return the recording that the bridge made of it."""
    shows, play, environ = SCENES[name]
    folder = place / name

    async def run(sim: Any) -> None:
        await play(sim, bridge)

    with WallSimulation() as sim:
        environ = environ | {"FOLDER": str(folder), "PYTHONPATH": str(ROOT.parent)}
        bridge = sim.serve([sys.executable, "-c", BRIDGE], env=environ)
        sim.run(run)
        pacing = sim.finish() and sim.measures.pacing_error_ms
    print(f"{name}: pacing error p99 {pacing.p99_ms:.1f} ms" if pacing else name)
    [made] = folder.iterdir()
    events = made / EVENTS_FILE
    _, _, rest = events.read_bytes().partition(b"\n")
    header = replace(
        read(made).header,
        source=shows,
        links_ms={"twilio": 20.0, "vapi": 10.0},
        tolerance_ms=TOLERANCE_MS.get(name),
    )
    events.write_bytes(line_of(header) + rest)
    read(made)
    return made


def main() -> None:
    """Make those that were named, or all."""
    for name in sys.argv[1:] or SCENES:
        with tempfile.TemporaryDirectory() as place:
            made = capture(name, Path(place))
            shutil.rmtree(ROOT / name, ignore_errors=True)
            shutil.copytree(made, ROOT / name)


if __name__ == "__main__":
    main()
