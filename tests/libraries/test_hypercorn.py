"""Hypercorn, which makes and binds its sockets itself."""

from __future__ import annotations

import asyncio

import hypercorn.asyncio
import hypercorn.config
import pytest
import websockets
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from tests.libraries.serving import WS_URL


async def shout(websocket):
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text.upper())


async def test_hypercorn_serves_a_websocket(sim, bridge):
    async def main():
        config = hypercorn.config.Config.from_mapping(bind="0.0.0.0:8000")
        app = Starlette(routes=[WebSocketRoute("/shout", shout)])
        await hypercorn.asyncio.serve(app, config, shutdown_trigger=stop.wait)

    stop = asyncio.Event()
    program = bridge.spawn(main())
    await asyncio.sleep(1)
    async with websockets.connect(f"{WS_URL}/shout") as websocket:
        sent_at = sim.now
        await websocket.send("hello")
        assert await websocket.recv() == "HELLO"
        assert sim.now - sent_at == pytest.approx(0.02)
    stop.set()
    await program
