"""A server under load, in a process of its own: our bridge or the relay, by uvicorn.

python benchmarks/serve.py ours --port 8000 --vapi http://127.0.0.1:9000 [--core 3]
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import os
import signal
import sys
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).parents[1]))

import uvicorn

from simkit.bridge.asgi_socket import AsgiSocket

AUTH_TOKEN = "load"
PUBLIC_URL = "https://bridge.example.com"


def go_first() -> None:
    """Go before the other processes of the machine, where that is allowed."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -15)


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bridge", choices=("ours", "relay"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--vapi", required=True)
    parser.add_argument("--core", type=int)
    parser.add_argument("--loop", default="asyncio")
    parser.add_argument("--http", default="h11")
    parser.add_argument("--ws", default="ours")
    parser.add_argument("--format", default="pcm_s16le")
    parser.add_argument("--profile", help="file for the profile of cProfile")
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    go_first()
    # Threads of BLAS would only take turns on one core.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    if options.bridge == "ours":
        from simkit.bridge import Bridge, Config

        app = Bridge(
            Config(
                public_url=PUBLIC_URL,
                twilio_auth_token=AUTH_TOKEN,
                vapi_api_key="key",
                vapi_url=options.vapi,
                vapi_format=options.format,
            )
        ).app()
    else:
        from relay import make_app

        app = make_app(options.vapi)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            port=options.port,
            loop=options.loop,
            http=options.http,
            ws=AsgiSocket if options.ws == "ours" else options.ws,
            log_level="warning",
            timeout_graceful_shutdown=2,
        )
    )
    if not options.profile:
        server.run()
        return
    profile = cProfile.Profile()

    def toggle(number: int, frame: FrameType | None) -> None:
        profile.enable() if number == signal.SIGUSR1 else profile.disable()

    signal.signal(signal.SIGUSR1, toggle)
    signal.signal(signal.SIGUSR2, toggle)
    # uvicorn raises again what ended it.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    server.run()
    profile.dump_stats(options.profile)


if __name__ == "__main__":
    main()
