"""What does a call cost among 200? Prints CPU time per call-second and memory per call.

Calls to simkit's own bridge that begin within a few seconds of each other, both sides speaking all
the time, each with words of its own; every figure is from a process of its own. Memory is what the
peak grew by, from runs of two lengths: what grows with the length is audio, the rest the call.

    python benchmarks/crowd.py [--calls 1,20,200] [--seconds 10] [--repeats 3]
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
from pathlib import Path
from time import process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from simkit import Simulation
from simkit.bridge import Bridge, Config
from simkit.twilio import AUTH_TOKEN

WORDS = "the quick brown fox jumps over the lazy dog and runs away from it again. "
WORDS_SECONDS = 4.0
"""What the voice needs for them, at least."""
CALL_SECONDS = 20
"""A few calls are repeated until there are as many."""
APART = 0.0137
"""Seconds between the beginnings of two calls; their frames do not fall together."""

CONFIG = Config(
    public_url="https://bridge.example.com", twilio_auth_token=AUTH_TOKEN, vapi_api_key="key"
)


def crowd(calls: int, seconds: float) -> float:
    """Return the CPU seconds of that many calls at once."""
    words = WORDS * (int(seconds / WORDS_SECONDS) + 1)
    with Simulation(seed=0) as sim:
        sim.host("bridge.example.com").serve(Bridge(CONFIG).app())
        sim.vapi.assistant(first_message=words, voice_seconds=1e6, first_partial_after=1e6)

        async def one_call(number: int) -> None:
            await asyncio.sleep(number * APART)
            call = await sim.twilio.call(to="+15550100")
            await call.says(words, seconds=seconds)
            await call.hangs_up()

        async def all_calls() -> None:
            await asyncio.gather(*(one_call(number) for number in range(calls)))

        gc.collect()
        started = process_time()
        sim.run(all_calls())
        took = process_time() - started
        heard = {round(event.fields["audio_ns"] / 1e9) for event in sim.timeline.of("media")}
        if len(sim.timeline.of("ended")) != calls or max(heard) < seconds:
            raise SystemExit(f"these are not the calls that were meant: {len(heard)} legs")
    return took


def child(calls: int, seconds: float) -> None:
    """Measure in this process, and print."""
    crowd(1, 1.0)  # imports and caches
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    worlds = max(1, CALL_SECONDS // calls)
    took = sum(crowd(calls, seconds) for _ in range(worlds))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cost = took / (worlds * calls * seconds)
    print(json.dumps({"cpu_per_second": cost, "grown_kib": peak - before}))


def measure(calls: int, seconds: float) -> dict[str, Any]:
    """Run a measurement in a process of its own."""
    command = [sys.executable, __file__, "--child", str(calls), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="CPU and memory of many calls in one simulation")
    parser.add_argument("--calls", default="1,20,200", help="how many at once (default 1,20,200)")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a call")
    parser.add_argument("--repeats", type=int, default=3, help="turns, of which the median counts")
    parser.add_argument("--child", nargs=2, type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(int(options.child[0]), options.child[1])
        return
    counts = [int(count) for count in options.calls.split(",")]
    turns = [
        {count: measure(count, options.seconds) for count in counts} for _ in range(options.repeats)
    ]
    print("calls   CPU ms per call-second   against one")
    for count in counts:
        cost = statistics.median(turn[count]["cpu_per_second"] for turn in turns)
        ratio = statistics.median(
            turn[count]["cpu_per_second"] / turn[counts[0]]["cpu_per_second"] for turn in turns
        )
        print(f"{count:5}   {cost * 1000:22.1f}   {ratio:11.2f}", flush=True)
    most = counts[-1]
    if most > 1:
        # Both ends and the middle of a call: half the length tells audio from the rest.
        whole = turns[0][most]["grown_kib"] / most
        half = measure(most, options.seconds / 2)["grown_kib"] / most
        audio = (whole - half) / (options.seconds / 2)
        print(f"memory of a call among {most}: {whole - audio * options.seconds:.0f} KiB, and")
        print(f"{audio:.0f} KiB for each second of it")


if __name__ == "__main__":
    main()
