"""What does capture cost a call, frame by frame? Real time, on loopback; prints milliseconds.

    python benchmarks/capture.py [SECONDS]

*Tap*: calls of four ways, a frame each 20 ms on each way, in one process. A frame's latency is from
the instant at which it was due until it was taken down, so that what the writing thread keeps from
the loop counts, too; beside it the same loop without capture, in turns of a second.

*Proxy*: frames to an echoing bridge, directly and through ``simkit record``, both at once. Half of
the difference of the two ways there and back is what the proxy adds one way.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import serve

from simkit.recording.capture import CallCapture, Capture
from simkit.wall.child import Child, free_port

FRAME_SECONDS = 0.02
MEDIA = (
    '{"event":"media","sequenceNumber":"%d","media":{"track":"inbound","chunk":"%d",'
    '"timestamp":"%d","payload":"' + "f/8A" * 53 + '/w=="},"streamSid":"MZ1"}'
)
PCM = os.urandom(640)
RECORD = "from simkit.cli import main; main()"
HERE = str(Path(__file__).parent)
ECHO = f"import sys; sys.path.insert(0, {HERE!r}); import capture; capture.echo()"
TURN_FRAMES = 50
CALLS = (1, 20)


def line(name: str, values: list[float]) -> str:
    """Return quantiles of seconds as milliseconds."""
    p50, p99, most = np.percentile(np.array(values) * 1000, [50, 99, 100])
    return f"  {name:<34} p50 {p50:7.3f}  p99 {p99:7.3f}  most {most:7.3f}  ({len(values)} frames)"


async def paced(frames: int, phase: float, act: Callable[[int, float], Any]) -> None:
    """Do something for each frame when it is due, by absolute deadlines."""
    loop = asyncio.get_running_loop()
    began = loop.time() + phase
    for number in range(frames):
        due = began + number * FRAME_SECONDS
        await asyncio.sleep(due - loop.time())
        act(number, due)


# The tap


async def tap(calls: int, seconds: float, place: str) -> None:
    """Measure what a frame costs its call."""
    capture = Capture(place)
    loop = asyncio.get_running_loop()
    late: dict[bool, list[float]] = {True: [], False: []}
    taking: list[float] = []

    def act_on(call: CallCapture) -> Callable[[int, float], None]:
        def act(number: int, due: float) -> None:
            media = MEDIA % (number, number, number * 20)
            is_on = number // TURN_FRAMES % 2 == 0
            if is_on:
                began = time.perf_counter()
                call.take("twilio", "in", media)
                call.take("vapi", "out", PCM)
                call.take("vapi", "in", PCM)
                call.take("twilio", "out", media)
                taking.append((time.perf_counter() - began) / 4)
            late[is_on].append(loop.time() - due)

        return act

    begun = [capture.begin(f"CA{number}") for number in range(calls)]
    await asyncio.gather(
        *(
            paced(round(seconds / FRAME_SECONDS), number * FRAME_SECONDS / calls, act_on(call))
            for number, call in enumerate(begun)
        )
    )
    for call in begun:
        call.end()
    capture.close()
    print(f"tap, {calls} call{'s' * (calls > 1)}; {capture.given_up} recordings given up")
    print(line("take()", taking))
    print(line("due until done, capture on", late[True]))
    print(line("due until done, capture off", late[False]))


# The proxy


def echo() -> None:
    """Be a bridge that sends back what it gets."""

    async def answer(connection: Any) -> None:
        with contextlib.suppress(Exception):
            async for message in connection:
                await connection.send(message)

    async def run() -> None:
        async with serve(answer, "127.0.0.1", int(os.environ["PORT"]), compression=None):
            await asyncio.get_running_loop().create_future()

    asyncio.run(run())


async def there_and_back(connection: ClientConnection, frames: int, phase: float) -> list[float]:
    """Return how long each frame took."""
    sent: list[float] = []
    took: list[float] = []
    await connection.send(f'{{"event":"start","start":{{"callSid":"CA{id(connection)}"}}}}')
    await connection.recv()
    loop = asyncio.get_running_loop()
    sending: set[asyncio.Task[None]] = set()

    def act(number: int, due: float) -> None:
        sent.append(time.perf_counter())
        task = loop.create_task(connection.send(MEDIA % (number, number, number * 20)))
        sending.add(task)
        task.add_done_callback(sending.discard)

    async def receive() -> None:
        for number in range(frames):
            await connection.recv()
            took.append(time.perf_counter() - sent[number])

    await asyncio.gather(paced(frames, phase, act), receive())
    await connection.close()
    return took


async def proxy(calls: int, seconds: float, place: str) -> None:
    """Measure what the proxy adds."""
    bridge, door, other = free_port(), free_port(), free_port()
    children = [Child([sys.executable, "-c", ECHO], {"PORT": str(bridge)})]
    try:
        await until_up(bridge)
        words = ["record", "-o", place, "--bridge", f"http://127.0.0.1:{bridge}"]
        words += ["--listen", f"127.0.0.1:{door}", "--vapi-listen", f"127.0.0.1:{other}"]
        children.append(Child([sys.executable, "-c", RECORD, *words], {}))
        await until_up(door)
        frames = round(seconds / FRAME_SECONDS)
        ways = {"direct": bridge, "through the proxy": door}
        running = [
            there_and_back(
                await connect(f"ws://127.0.0.1:{port}/media", compression=None, proxy=None),
                frames,
                (number + 0.5 * index) * FRAME_SECONDS / calls,
            )
            for index, port in enumerate(ways.values())
            for number in range(calls)
        ]
        before = cpu_seconds(children[-1])
        results = await asyncio.gather(*running)
        cpu = (cpu_seconds(children[-1]) - before) / (2 * calls * frames)
    finally:
        for child in reversed(children):
            child.end()
    print(f"proxy, {calls} call{'s' * (calls > 1)}, there and back")
    found = []
    for index, name in enumerate(ways):
        own = results[index * calls : (index + 1) * calls]
        took = [seconds for call in own for seconds in call]
        found.append(took)
        print(line(name, took))
    added = [(np.percentile(found[1], q) - np.percentile(found[0], q)) * 500 for q in (50, 99)]
    print(f"  {'added one way':<34} p50 {added[0]:7.3f}  p99 {added[1]:7.3f}")
    print(f"  {'CPU of the proxy for each frame':<34} {cpu * 1000:11.3f}")


def cpu_seconds(child: Child) -> float:
    """Return what a process has used so far; 0 where that cannot be read."""
    try:
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def until_up(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(1000):
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            await asyncio.sleep(0.02)
    raise SystemExit(f"nobody listens on port {port}")


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    print(f"milliseconds; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for measure in (tap, proxy):
        for calls in CALLS:
            with tempfile.TemporaryDirectory() as place:
                asyncio.run(measure(calls, seconds, place))


if __name__ == "__main__":
    main()
