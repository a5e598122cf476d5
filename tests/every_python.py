"""Two runs that have to come out the same on every Python that simkit knows.

    python -m tests.every_python

prints the digest of each: what it drew, sent and showed. Two interpreters that have the same
libraries print the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import time
import uuid
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from simkit import Simulation
from simkit.bridge import Config, create_app
from simkit.twilio import AUTH_TOKEN

CLIENTS = 8
LIMIT = 1 << 20


async def primitives(sim: Simulation) -> None:
    """Nothing but Python's own: streams, datagrams, threads, timers, locks, chance, simpy."""
    server = sim.host("server")
    link = sim.link("home", server)
    link.latency, link.jitter = 0.02, 0.005
    server.spawn(_serve())
    room = asyncio.Semaphore(3)
    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(_ask(sim, room, number))
        group.create_task(_timers(sim))
        group.create_task(_waits(sim))
        group.create_task(_chance(sim))
        group.create_task(_simpy(sim))


async def _serve() -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            async for line in reader:
                writer.write(line.upper())
                await writer.drain()

    async with await asyncio.start_server(shout, "0.0.0.0", 7000, limit=LIMIT) as listening:
        await listening.serve_forever()


async def _ask(sim: Simulation, room: asyncio.Semaphore, number: int) -> None:
    async with room:
        await asyncio.sleep(random.random())
        reader, writer = await asyncio.open_connection("server", 7000, limit=LIMIT)
        for size in (1, 1000, 200_000):
            writer.write(secrets.token_hex(size).encode() + b"\n")
            answer = await reader.readline()
            sim.timeline.record("answer", "home", number=number, size=len(answer))
        writer.close()
        await writer.wait_closed()


async def _timers(sim: Simulation) -> None:
    loop = asyncio.get_running_loop()
    order: list[int] = []
    for number in range(20):
        loop.call_at(1.0 + number % 3 / 10, order.append, number)
    await asyncio.sleep(2)
    _show(sim, "timer", order)


async def _waits(sim: Simulation) -> None:
    """A condition whose waiters are never cancelled: on Python 3.13 one that is wakes another."""
    queue: asyncio.Queue[int] = asyncio.Queue(2)
    condition, event = asyncio.Condition(), asyncio.Event()
    woken: list[str] = []

    async def wait(number: int) -> int:
        async with condition:
            await condition.wait()
        woken.append(f"{number}")
        try:
            async with asyncio.timeout(0.5 + number / 10):
                await event.wait()
                woken.append(f"{number}")
        except TimeoutError:
            woken.append(f"{number} late")
        await queue.put(number)
        return number

    tasks = [asyncio.create_task(wait(number)) for number in range(12)]
    for _ in range(3):
        await asyncio.sleep(0.1)
        async with condition:
            condition.notify(4)
    await asyncio.sleep(0.6)
    tasks[9].cancel()
    event.set()
    taken = [await queue.get() for _ in range(len(tasks) - 1)]
    done, _ = await asyncio.wait(tasks)
    ended = [task.result() for task in done if not task.cancelled()]
    _show(sim, "woken", woken)
    _show(sim, "taken", taken)
    _show(sim, "ended", ended)


async def _chance(sim: Simulation) -> None:
    await asyncio.sleep(0.1)
    drawn = [random.gauss(0, 1), *random.sample(range(100), 5), random.choice("abc")]
    random.shuffle(drawn)
    _show(sim, "drawn", drawn)
    _show(sim, "id", [uuid.uuid4(), uuid.uuid1(), os.urandom(4).hex(), random.randbytes(4).hex()])
    slept = await asyncio.gather(*(asyncio.to_thread(_sleep, n / 10) for n in range(4)))
    _show(sim, "thread", slept)


def _sleep(seconds: float) -> int:
    began = time.monotonic_ns()
    time.sleep(seconds)
    return time.monotonic_ns() - began


def _show(sim: Simulation, what: str, values: Iterable[object]) -> None:
    for value in values:
        sim.timeline.record(what, "home", value=str(value))


async def _simpy(sim: Simulation) -> None:
    def arrivals():
        for _ in range(5):
            yield sim.env.timeout(random.randrange(10**9))

    await sim.wait_for(sim.env.process(arrivals()))
    sim.timeline.record("simpy", "home")


async def call(sim: Simulation) -> None:
    """A call through simkit's bridge, with an interruption."""
    host = "bridge.example.com"
    config = Config(public_url=f"https://{host}", twilio_auth_token=AUTH_TOKEN, vapi_api_key="key")
    sim.host(host).serve(create_app(config))
    sim.vapi.assistant(
        first_message="Your appointment is scheduled for Tuesday at 3 PM",
        replies=["Thursday it is."],
    )
    phone = await sim.twilio.call(to="+15550100")
    await phone.hears("Your appointment")
    await phone.says("wait, can we do Thursday instead?")
    await phone.hears("Thursday it is.")
    await phone.hangs_up()


def digest(scenario: Callable[[Simulation], Coroutine[Any, Any, None]]) -> str:
    """Run a scenario; return the digest of what it drew, sent and showed."""
    with Simulation(seed=7, trail=True) as sim:
        sim.run(scenario(sim))
        assert sim.trail is not None
        return sim.trail.digest_of("draw", "bytes", "event")


if __name__ == "__main__":
    for scenario in (primitives, call):
        print(scenario.__name__, digest(scenario))
