"""A first call, in a process of its own: does the bridge start, where is it called, who answers?"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Literal

import msgspec

from .._served import put_up, with_cause
from ..kernel import SimulationError
from ..network.openings import LeftOpenWarning
from ..network.serve import AppError
from ..scenarios.patience import Hung, at_most
from ..simulation import Simulation
from ..timeline.text import printable
from ..twilio import CallFailed, NotHeard
from ..upstreams import OpenAIRealtime
from ..world import BRIDGE_HOST
from .running import run_python

NUMBER = "+15550100"
GREETING = "Good morning, how can I help?"
HELLO = "Hello, what can I do for you?"
OPENAI = "api.openai.com"
BIN = "https://handler.twilio.com/twiml/bridge"
"""Where the TwiML of bridges is that have no webhook of their own."""
_REAL_LIMIT = 30.0
_START = 2.0
"""Virtual seconds that a program has to listen."""
_SPEAKS = 8.0

Went = Literal["greeted", "connected", "refused"]


class Orders(msgspec.Struct):
    """What is to be tried."""

    app: str
    paths: list[str]
    """Where modules are looked for, first."""
    environment: dict[str, str]
    routes: list[tuple[str, str]]
    """Method and path of what may be the webhook, the likeliest first."""
    sockets: list[str] = []
    """Paths of media sockets, in case there is no webhook."""
    openai: bool = False
    """It speaks to OpenAI's Realtime API."""


class Attempt(msgspec.Struct):
    """One call."""

    went: Went
    method: str
    path: str
    told: str = ""
    """Why it was refused, or not greeted."""
    stream: str = ""
    """Address of the media socket that the bridge named."""
    is_shy: bool = False
    """The agent greets nobody: it answers who says something."""
    names: list[str] = []
    """Further names of the bridge's host, by which its TwiML calls it."""
    strangers: list[str] = []
    """Hosts that it asked for in vain."""
    twiml: str = ""
    """What Twilio is told where the bridge has no webhook."""


class Found(msgspec.Struct):
    """What came of it."""

    failure: str = ""
    """Why it did not start; empty when it did."""
    port: int | None = None
    """Where it listens, if that is its own choice."""
    attempts: list[Attempt] = []

    @property
    def best(self) -> Attempt | None:
        """The call that got furthest, the first of them."""
        order = ("greeted", "connected", "refused")
        return min(self.attempts, key=lambda one: order.index(one.went), default=None)


def try_out(orders: Orders, folder: Path) -> Found:
    """Call an application in a process of its own, in its folder."""
    with tempfile.TemporaryDirectory() as place:
        order, told = Path(place, "orders"), Path(place, "found")
        order.write_bytes(msgspec.json.encode(orders))
        command = ["-m", __name__, str(order), str(told)]
        limit = _REAL_LIMIT * (len(orders.routes) + len(orders.sockets) + 2)
        unwritten = {"PYTHONDONTWRITEBYTECODE": "1"}
        done = run_python(command, folder, unwritten, limit, with_output=False)
        if done is None:
            return Found(f"{orders.app} did not come to an end within {limit:.0f} s")
        try:
            return msgspec.json.decode(told.read_bytes(), type=Found)
        except (OSError, msgspec.DecodeError):
            last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
            return Found(f"{orders.app} ended its process (exit code {done.returncode}): {last[0]}")


def call_here(orders: Orders) -> Found:
    """Do it in this process: its environment and its modules are the application's then."""
    os.environ.update(orders.environment)
    sys.path[:0] = ["", *orders.paths]
    try:
        with at_most(_REAL_LIMIT) as hung, _world(orders, []) as sim:
            ports = _listening(sim)
        if hung:  # and somebody caught it
            return Found(f"app {orders.app!r}: {hung[0]}")
    except Hung as error:
        return Found(f"app {orders.app!r}: {error}")
    except (AppError, SimulationError) as error:
        return Found(str(error))
    if not ports:
        return Found(f"{orders.app} listens on no port of its host")
    found = Found()
    for port in ports:
        found.port = None if port == 443 else port
        for method, path in orders.routes:
            found.attempts.append(_tried(orders, found.port, method, path))
            if found.attempts[-1].went != "refused":
                return found
        for path in orders.sockets:
            found.attempts.append(_tried(orders, found.port, "", path))
            if found.attempts[-1].went != "refused":
                return found
    found.port = None
    return found


def _world(orders: Orders, names: list[str], port: int | None = None) -> Simulation:
    sim = Simulation()
    try:
        sim.host(BRIDGE_HOST, *names)
        if orders.openai:
            agent = sim.upstream(OPENAI, OpenAIRealtime)
            agent.agent(first_message=GREETING, replies=[HELLO])
        else:
            sim.vapi.assistant(first_message=GREETING)
        if port is None:
            put_up(sim, orders.app)
        else:
            sim.host(BRIDGE_HOST).serve(orders.app, port=port)
    except BaseException:
        sim.close()
        raise
    return sim


def _listening(sim: Simulation) -> list[int]:
    """Return the ports on which the bridge listens, 443 first."""
    sim.run(asyncio.sleep(_START))
    ports = {address[1] for address in sim.host(BRIDGE_HOST).listeners}
    return sorted(ports, key=lambda port: (port != 443, port))


def _tried(orders: Orders, port: int | None, method: str, path: str) -> Attempt:
    """Call once, and again by the name that the bridge turned out to have."""
    names: list[str] = []
    while True:
        attempt = _called(orders, port, method, path, names)
        named = re.match(r"wss?://([\w.-]+)", attempt.stream)
        if named is None or named[1] in (BRIDGE_HOST, *names):
            return attempt
        names.append(named[1].lower())


def _called(orders: Orders, port: int | None, method: str, path: str, names: list[str]) -> Attempt:
    attempt = Attempt("refused", method, path, names=list(names))
    try:
        with at_most(_REAL_LIMIT), _world(orders, names, port) as sim:
            if method:
                url = f"https://{BRIDGE_HOST}{path}"
                sim.twilio.number(NUMBER, voice_url=url, voice_method=method)
            else:
                attempt.twiml = twiml(path)
                sim.http.post(BIN).respond(text=attempt.twiml, content_type="text/xml")
                sim.twilio.number(NUMBER, voice_url=BIN)
            sim.run(_call(sim, attempt, is_openai=orders.openai))
            attempt.told = with_cause(sim, attempt.told)
            attempt.told = attempt.told.partition("\n")[0]
            for error in sim.timeline.of("unhandled-error")[:1]:
                if "raised" not in attempt.told:
                    raised = "{error}: {message}, at {line}".format_map(error.fields)
                    attempt.told += f"; the bridge raised {raised}"
            for event in sim.timeline.of("response"):
                found = re.search(r"wss?://\S+", event.fields.get("summary") or "")
                attempt.stream = attempt.stream or (found[0] if found else "")
            refused = [e.fields["name"] for e in sim.timeline.of("outside-world")]
            attempt.strangers = [n for n in dict.fromkeys(refused) if n not in attempt.stream]
    except (AppError, SimulationError, Hung) as error:
        attempt.told = str(error)
    told = printable(attempt.told.partition("\n")[0])
    told = re.sub(r"^call 1 to \S+ was not connected: (\w+ https://\S+ was )?", "", told)
    attempt.told = told.removesuffix(" The timeline ends with:")
    return attempt


def twiml(path: str) -> str:
    """Return what connects a call to a media socket."""
    return f'<Response><Connect><Stream url="wss://{BRIDGE_HOST}{path}"/></Connect></Response>'


async def _call(sim: Simulation, attempt: Attempt, *, is_openai: bool) -> None:
    try:
        call = await sim.twilio.call(to=NUMBER)
    except CallFailed as error:
        attempt.told = str(error)
        return
    if not sim.timeline.of("start"):
        attempt.told = "the call was answered without a media stream"
        return
    attempt.went = "connected"
    for _ in range(2 if is_openai else 1):
        try:
            if attempt.is_shy:
                await call.says("hello")
            await call.hears(HELLO if attempt.is_shy else GREETING, timeout=_SPEAKS)
            attempt.went = "greeted"
            break
        except (CallFailed, NotHeard) as error:
            attempt.told = attempt.told or str(error)
            attempt.is_shy |= is_openai and not sim.timeline.of("replies")
    with contextlib.suppress(Exception):  # it may have ended meanwhile
        await call.hangs_up()


def main() -> None:
    """Read orders from one file, and write what was found to another."""
    order, told = sys.argv[1:]
    warnings.simplefilter("ignore", LeftOpenWarning)  # the test will tell
    found = call_here(msgspec.json.decode(Path(order).read_bytes(), type=Orders))
    Path(told).write_bytes(msgspec.json.encode(found))
    sys.stdout.flush()
    os._exit(0)  # whatever threads the application has left


if __name__ == "__main__":
    main()
