"""One run of the websocket echo on one event loop, in this process; prints a line of JSON.

Each connection sends a frame of 160 bytes every 20 ms and reads its echo: a ``websockets`` client
and server, unmodified, on whichever loop is named. Connections send at phases of their own, as
calls do. The stock loop, on real loopback sockets, would take real time, so it does not wait
between frames. ``loop.py`` runs this file once for each figure that it prints.

    python benchmarks/echo.py simkit 20 4000
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
from collections.abc import Awaitable, Callable, Coroutine
from time import process_time  # bound here: a simulation may patch the module
from typing import Any

import websockets

FRAME = b"\xff" * 160
FRAME_SECONDS = 0.02
PORT = 8765
SERVER = "echo.example.com"

Spawn = Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]]


class Echo:
    """The program that is timed.

    Args:
        connections: how many at once.
        frames: how many each of them sends.
        name: host name by which the clients reach the server.
        bind: address that the server binds.
        paced: wait for the next 20 ms between frames.
    """

    def __init__(
        self, connections: int, frames: int, *, name: str, bind: str, paced: bool = True
    ) -> None:
        self.connections = connections
        self.frames = frames
        self.name = name
        self.bind = bind
        self.paced = paced
        self.echoed = 0
        self.cpu_seconds = 0.0
        self.memory_growth = 0
        """KiB by which the peak resident memory grew from before the first connection."""

    async def main(self, spawn: Spawn | None = None) -> None:
        """Serve, connect, then time the frames from the first to the last echo."""
        memory_before = peak_kib()
        serving = self.serve()
        server = await (serving if spawn is None else spawn(serving))
        opened = [await self.connect() for _ in range(self.connections)]
        gc.collect()
        started = process_time()
        await asyncio.gather(*(self.talk(number, socket) for number, socket in enumerate(opened)))
        self.cpu_seconds = process_time() - started
        self.memory_growth = peak_kib() - memory_before
        for socket in opened:
            await socket.close()
        server.close()
        await server.wait_closed()

    async def serve(self) -> Any:
        return await websockets.serve(self.echo, self.bind, PORT, compression=None)

    async def connect(self) -> Any:
        url = f"ws://{self.name}:{PORT}/"
        return await websockets.connect(url, compression=None, proxy=None)

    async def echo(self, socket: Any) -> None:
        async for message in socket:
            await socket.send(message)

    async def talk(self, number: int, socket: Any) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + FRAME_SECONDS * number / self.connections
        for _ in range(self.frames):
            if self.paced:
                await asyncio.sleep(due - loop.time())
                due += FRAME_SECONDS
            await socket.send(FRAME)
            if await socket.recv() != FRAME:
                raise AssertionError("the echo is another frame")
            self.echoed += 1


def peak_kib() -> int:
    """Return the peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def on_simkit(connections: int, frames: int) -> Echo:
    import simkit

    echo = Echo(connections, frames, name=SERVER, bind="0.0.0.0")
    loop = simkit.new_event_loop(seed=0)
    host = loop.network.host(SERVER)
    loop.run_until_complete(echo.main(host.spawn))
    loop.close()
    return echo


def on_asyncio(connections: int, frames: int) -> Echo:
    echo = Echo(connections, frames, name="127.0.0.1", bind="127.0.0.1", paced=False)
    asyncio.run(echo.main())
    return echo


def on_async_solipsism(connections: int, frames: int) -> Echo:
    import async_solipsism

    echo = Echo(connections, frames, name="localhost", bind="localhost")
    loop = async_solipsism.EventLoop()
    loop.run_until_complete(echo.main())
    loop.close()
    return echo


def on_simloop(connections: int, frames: int) -> Echo:
    import simloop

    echo = Echo(connections, frames, name="server", bind="0.0.0.0")
    loop = simloop.SimLoop(seed=0)
    loop.run_until_complete(echo.main(loop.net.host("server").create_task))
    loop.close()
    return echo


def on_simloom(connections: int, frames: int) -> Echo:
    import simloom

    echo = Echo(connections, frames, name="server", bind="server")

    async def main(world: Any) -> None:
        await echo.main(world.host("server").spawn)

    simloom.run(main, seed=0)
    return echo


LOOPS = {
    "simkit": on_simkit,
    "asyncio": on_asyncio,
    "async-solipsism": on_async_solipsism,
    "simloop": on_simloop,
    "simloom": on_simloom,
}


def main() -> None:
    """Run one echo and print what it took."""
    parser = argparse.ArgumentParser(description="websocket echo on one event loop")
    parser.add_argument("loop", choices=LOOPS)
    parser.add_argument("connections", type=int)
    parser.add_argument("frames", type=int, help="of all connections together")
    options = parser.parse_args()
    each = max(1, options.frames // options.connections)
    LOOPS[options.loop](1, 50)  # imports and caches
    echo = LOOPS[options.loop](options.connections, each)
    if echo.echoed != options.connections * each:
        raise SystemExit(f"{echo.echoed} echoes of {options.connections * each} frames")
    print(
        json.dumps(
            {
                "call_seconds": options.connections * each * FRAME_SECONDS,
                "cpu_seconds": echo.cpu_seconds,
                "memory_kib": echo.memory_growth,
            }
        )
    )


if __name__ == "__main__":
    main()
