"""Serving by uvicorn's own server, as a program does that starts it itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import uvicorn

from simkit.network import Host

NAME = "bridge.example.com"
URL = f"http://{NAME}:8000"
WS_URL = f"ws://{NAME}:8000"


@contextlib.asynccontextmanager
async def serving(host: Host, app: Any, **options: Any) -> AsyncIterator[uvicorn.Server]:
    """Serve on every address of ``host`` at uvicorn's default port, until the block ends."""
    config = uvicorn.Config(app, **{"host": "0.0.0.0", "log_config": None} | options)
    server = uvicorn.Server(config)
    task = host.spawn(server.serve())
    while not server.started:
        await asyncio.sleep(0.1)
    try:
        yield server
    finally:
        server.should_exit = True
        await task
