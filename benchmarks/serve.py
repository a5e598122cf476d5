"""A server under load, in a process of its own: our bridge or the relay, by uvicorn.

python benchmarks/serve.py ours --port 8000 --vapi http://127.0.0.1:9000 [--core 3]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import cProfile
import gc
import json
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from simkit.bridge import Bridge, Config
from simkit.bridge.serve import Server

AUTH_TOKEN = "load"
PUBLIC_URL = "https://bridge.example.com"


def go_first() -> None:
    """Go before the other processes of the machine, where that is allowed: as if it were ours.

    A nice value is one among its session's processes alone, unless the session has one, too.
    Not in real time: that is 95 % of a core at most.
    """
    with contextlib.suppress(OSError):
        os.setsid()
        os.setpriority(os.PRIO_PROCESS, 0, -15)
        Path("/proc/self/autogroup").write_text("-15")


def inside(bridge: Bridge) -> Route:
    """Return a page that tells what the process holds."""

    async def page(request: Request) -> JSONResponse:
        gc.collect()
        return JSONResponse(
            {
                "sessions": len(bridge.sessions),
                "tasks": len(asyncio.all_tasks()),
                "objects": len(gc.get_objects()),
            }
        )

    return Route("/inside", page)


def our_server(options: argparse.Namespace) -> uvicorn.Server:
    """Return what ``simkit bridge`` runs, without the limits that guard it from strangers."""
    bridge = Bridge(
        Config(
            public_url=PUBLIC_URL,
            twilio_auth_token=AUTH_TOKEN,
            vapi_api_key="key",
            vapi_url=options.vapi,
            vapi_format=options.format,
            rate_limit=100_000,
            rate_burst=1_000_000,
            max_sessions=100_000,
            **json.loads(options.settings),
        )
    )
    server = Server(bridge, loop=options.loop)
    if options.ws != "ours":
        server.config.ws = options.ws
    routes: list[Any] = server.config.app.routes  # type: ignore[union-attr]
    routes.append(inside(bridge))
    return server


def relay_server(options: argparse.Namespace) -> uvicorn.Server:
    """Return the relay, as tutorials start it."""
    from benchmarks.relay import make_app

    return uvicorn.Server(
        uvicorn.Config(make_app(options.vapi), loop=options.loop, log_level="warning")
    )


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bridge", choices=("ours", "relay"))
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--vapi", required=True)
    parser.add_argument("--core", type=int)
    parser.add_argument("--loop", default="asyncio")
    parser.add_argument("--ws", default="ours")
    parser.add_argument("--format", default="pcm_s16le")
    parser.add_argument("--settings", default="{}", help="of our bridge, besides those: JSON")
    parser.add_argument("--profile", help="file for the profile of cProfile")
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    go_first()
    server = our_server(options) if options.bridge == "ours" else relay_server(options)
    # With the protocol's number, as uvicorn's own: else frames wait for each other (Nagle).
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", options.port))
    listener.listen(2048)
    print(listener.getsockname()[1], flush=True)
    if not options.profile:
        server.run(sockets=[listener])
        return
    profile = cProfile.Profile()

    def toggle(number: int, frame: FrameType | None) -> None:
        profile.enable() if number == signal.SIGUSR1 else profile.disable()

    signal.signal(signal.SIGUSR1, toggle)
    signal.signal(signal.SIGUSR2, toggle)
    # uvicorn raises again what ended it.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    server.run(sockets=[listener])
    profile.dump_stats(options.profile)


if __name__ == "__main__":
    main()
