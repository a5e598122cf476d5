"""Does a call cost the same among many? Prints speed and memory of one call and of many at once.

Each call is as in ``call.py``, but of 8 s, and begins at a phase of its own. One call after the
other, each in a world of its own, takes turns with all of them in one world; every run is a process
of its own. Memory is what the peak grew by.

    python benchmarks/many.py [--calls 200] [--repeats 2]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import statistics
import subprocess
import sys
import time

import call

from simkit import Simulation
from simkit.bridge import Bridge, Config
from simkit.twilio import AUTH_TOKEN

SECONDS = 8.0
PHASE = 0.0137
"""Seconds between the beginnings of two calls."""


def world(calls: int) -> tuple[float, int]:
    """Run calls in one world; returns CPU seconds, and KiB by which the peak memory grew."""
    call.SECONDS = SECONDS
    agent, caller = call.voices()
    with Simulation(seed=0) as sim:
        config = Config(
            public_url="https://bridge.example.com",
            twilio_auth_token=AUTH_TOKEN,
            vapi_api_key="key",
        )
        sim.host("bridge.example.com").serve(Bridge(config).app())
        sim.vapi.assistant(first_message=agent, voice_seconds=1e6, first_partial_after=1e6)

        async def one(number: int) -> None:
            await asyncio.sleep(number * PHASE)
            phone = await sim.twilio.call(to="+15550100")
            await phone.says(caller)
            await phone.hangs_up()

        async def all_of_them() -> None:
            await asyncio.gather(*(one(number) for number in range(calls)))

        gc.collect()
        before = peak_kib()
        started = time.process_time()
        sim.run(all_of_them())
        took = time.process_time() - started
        grown = peak_kib() - before
        if len(sim.timeline.of("ended")) != calls or sim.timeline.of("clear"):
            raise SystemExit("these are not the calls that were meant")
    return took, grown


def peak_kib() -> int:
    """Return the peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(worlds: int, calls: int) -> dict[str, float]:
    """Run so many worlds in a process of their own; returns the figures of all of them."""
    command = [sys.executable, __file__, "--worlds", str(worlds), "--calls", str(calls)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="CPU cost of a call among many")
    parser.add_argument("--calls", type=int, default=200, help="calls at once (default 200)")
    parser.add_argument("--repeats", type=int, default=2, help="turns (default 2)")
    parser.add_argument("--worlds", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worlds:
        world(1)  # imports and caches
        runs = [world(options.calls) for _ in range(options.worlds)]
        took, grown = (sum(figures) for figures in zip(*runs, strict=True))
        print(json.dumps({"cpu_seconds": took / options.calls / options.worlds, "kib": grown}))
        return
    alone, among = [], []
    for _ in range(options.repeats):
        alone.append(measure(20, 1))
        among.append(measure(1, options.calls))
    for name, runs in (("1 call", alone), (f"{options.calls} calls", among)):
        speed = statistics.median(SECONDS / run["cpu_seconds"] for run in runs)
        print(f"{name}: {speed:.0f} call-seconds per CPU-second (median of {options.repeats})")
    ratios = [
        many["cpu_seconds"] / one["cpu_seconds"] for one, many in zip(alone, among, strict=True)
    ]
    print(f"a call among {options.calls} costs {statistics.median(ratios):.2f} times one alone")
    memory = statistics.median(run["kib"] for run in among) / 1024 / options.calls
    print(f"{memory:.2f} MiB of memory for each, audio included")


if __name__ == "__main__":
    main()
