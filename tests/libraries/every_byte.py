"""Several servers and clients in one simulation; prints each write's instant and bytes, hashed.

Runs in a process of its own, because that is what must not matter.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
import uuid

import aiohttp
import fastapi
import httpx
import hypercorn.asyncio
import hypercorn.config
import uvicorn
import websockets
from aiohttp import web

import simkit
from simkit.network.pipe import Pipe


def application():
    app = fastapi.FastAPI()

    @app.get("/id")
    def make_id():
        return {"id": str(uuid.uuid4())}

    @app.websocket("/echo")
    async def echo(websocket: fastapi.WebSocket):
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(text.upper())

    return app


async def by_uvicorn():
    config = uvicorn.Config(application(), host="0.0.0.0", log_config=None)
    await uvicorn.Server(config).serve()


async def by_hypercorn():
    config = hypercorn.config.Config.from_mapping(bind="0.0.0.0:8000", loglevel="ERROR")
    await hypercorn.asyncio.serve(application(), config)


async def by_aiohttp():
    async def make_id(request):
        return web.json_response({"id": str(uuid.uuid4())})

    async def echo(request):
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        async for message in websocket:
            await websocket.send_str(message.data.upper())
        return websocket

    app = web.Application()
    app.add_routes([web.get("/id", make_id), web.get("/echo", echo)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", 8000).start()
    await asyncio.Event().wait()


async def ask(name):
    """Ask one server in every way, several at a time."""

    async def by_httpx():
        async with httpx.AsyncClient() as client:
            for _ in range(3):
                (await client.get(f"http://{name}:8000/id")).raise_for_status()

    async def by_aiohttp_client():
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"http://{name}:8000/echo") as websocket,
        ):
            for number in range(3):
                await websocket.send_str(f"message {number}")
                await websocket.receive()

    async def by_websockets():
        async with websockets.connect(f"ws://{name}:8000/echo") as websocket:
            for number in range(3):
                await websocket.send(f"message {number}")
                await websocket.recv()

    await asyncio.gather(by_httpx(), by_aiohttp_client(), by_websockets())


def main(seed):
    digest = hashlib.sha256()
    writes = 0
    send = Pipe.send

    def noting(pipe, data):
        nonlocal writes
        writes += 1
        digest.update(f"{sim.now_ns} {len(data)} ".encode() + data)
        send(pipe, data)

    Pipe.send = noting
    with simkit.Simulation(seed=seed) as sim:
        servers = {"uvicorn": by_uvicorn, "hypercorn": by_hypercorn, "aiohttp": by_aiohttp}
        for number, (name, server) in enumerate(servers.items(), start=1):
            sim.link("home", sim.host(name)).latency = 0.005 * number
            sim.host(name).serve(server)

        async def everything():
            await asyncio.sleep(1)
            await asyncio.gather(*map(ask, servers))

        sim.run(everything())
        print(writes, digest.hexdigest())


if __name__ == "__main__":
    main(int(sys.argv[1]))
