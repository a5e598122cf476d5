"""What a world costs besides its frames; prints a line of JSON.

``empty``: make a ``Simulation``, run nothing in it, close it; milliseconds of CPU, after the first.
``race``: a call of 5 s to simkit's own bridge in which the caller interrupts the agent and hangs up
while the agent speaks again; runs per CPU-second, making and closing the world included.

    python benchmarks/worlds.py race 20
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
from time import process_time

from simkit import Simulation
from simkit.bridge import Bridge, Config
from simkit.twilio import AUTH_TOKEN

CONFIG = Config(
    public_url="https://bridge.example.com", twilio_auth_token=AUTH_TOKEN, vapi_api_key="key"
)
CALL_SECONDS = 5.0


async def nothing() -> None:
    pass


def empty(seed: int) -> None:
    with Simulation(seed=seed) as sim:
        sim.run(nothing())


def race(seed: int) -> None:
    """Run a call in which barge-in, marks and hang-up meet."""
    with Simulation(seed=seed) as sim:
        sim.host("bridge.example.com").serve(Bridge(CONFIG).app())
        sim.vapi.assistant(
            first_message="Your appointment is scheduled for Tuesday at three in the afternoon.",
            replies=["Thursday it is, then, at the same time and in the same place as before."],
        )

        async def one_call() -> None:
            call = await sim.twilio.call(to="+15550100")
            started = sim.now
            await call.hears("Your appointment")
            await call.says("wait, can we do Thursday instead?")
            await asyncio.sleep(started + CALL_SECONDS - sim.now)
            await call.hangs_up()

        sim.run(one_call())
        sim.finish()
        if not sim.timeline.of("clear") or len(sim.timeline.of("ended")) != 1:
            raise SystemExit(f"this is not the call that was meant:\n{sim.timeline}")


WORLDS = {"empty": empty, "race": race}


def main() -> None:
    """Run one kind of world again and again, and print the median."""
    parser = argparse.ArgumentParser(description="fixed cost of a simulation")
    parser.add_argument("world", choices=WORLDS)
    parser.add_argument("runs", type=int)
    options = parser.parse_args()
    run = WORLDS[options.world]
    run(0)  # imports and caches
    took = []
    for seed in range(1, options.runs + 1):
        started = process_time()
        run(seed)
        took.append(process_time() - started)
    print(json.dumps({"cpu_seconds": statistics.median(took)}))


if __name__ == "__main__":
    main()
