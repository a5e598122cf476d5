"""One scenario for any generation of the websockets library; prints what happened as JSON.

Runs in a process of its own, whose path begins with the generation to try.
"""

from __future__ import annotations

import asyncio
import json
import warnings
from importlib.metadata import version

import simkit

NAME = "bridge.example.com"


async def shout(websocket):
    async for message in websocket:
        await websocket.send(message.upper())


async def scenario(connect, serve):
    loop = asyncio.get_running_loop()
    bridge = loop.network.host(NAME)
    loop.network.link("home", bridge).latency = 0.01

    async def start():
        return await serve(shout, "0.0.0.0", 8765)

    server = await bridge.spawn(start())
    async with connect(f"ws://{NAME}:8765/") as websocket:
        opened_at = loop.time()
        await websocket.send("hello")
        first = await websocket.recv(), round(loop.time() - opened_at, 9)
        await asyncio.sleep(600)
        await websocket.send("still here")
        second = await websocket.recv(), round(loop.time() - opened_at, 9)
    server.close()
    await server.wait_closed()
    return first, second


def generations():
    """Return what this release has to offer: asyncio's own since 13, the older one beside it."""
    import websockets.asyncio.client
    import websockets.asyncio.server

    found = {"asyncio": (websockets.asyncio.client.connect, websockets.asyncio.server.serve)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            import websockets.legacy.client
            import websockets.legacy.server
    except ImportError:
        return found
    legacy = websockets.legacy.client.connect, websockets.legacy.server.serve
    return found | {"legacy": legacy}


def main():
    outcome = {"version": version("websockets")}
    for name, ends in generations().items():
        with asyncio.Runner(loop_factory=simkit.new_event_loop) as runner:
            outcome[name] = runner.run(scenario(*ends))
    print(json.dumps(outcome))


if __name__ == "__main__":
    main()
