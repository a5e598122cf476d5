"""How fast is one call? Prints call-seconds per CPU-second, and where the time goes.

A 60 s call with both directions speaking the whole time: simkit's own bridge (uvicorn, codec, PCM
transport), both fakes, network and kernel. It takes turns with the bridge alone, fed the same
frames directly (``direct.py``). The shares come from sampling the same call on the CPU's own clock;
each sample belongs to whoever called what was running, so that the codec counts to the bridge when
the bridge transcodes, and to the fake when the fake listens.

    python benchmarks/call.py [--calls 5]
"""

from __future__ import annotations

import argparse
import gc
import random
import signal
import statistics
import time
from collections import Counter
from types import FrameType
from typing import Any

from direct import fed_directly

from simkit import Simulation
from simkit.audio import Speech, voice
from simkit.bridge import Bridge, Config
from simkit.twilio import AUTH_TOKEN

SECONDS = 60.0
WORDS = "the quick brown fox jumps over the lazy dog and runs away from it again. " * 14

LEGS = (("twilio", "bridge"), ("bridge", "vapi"), ("vapi", "bridge"), ("bridge", "twilio"))
PARTS = (
    ("bridge", ("simkit/bridge/", "/starlette/", "/uvicorn/", "/websockets/")),
    ("fakes", ("simkit/twilio/", "simkit/vapi/", "simkit/timeline/")),
    ("network", ("simkit/network/",)),
    ("kernel", ("simkit/kernel/",)),
)


def voices() -> tuple[Speech, Speech]:
    """Return what the agent says, and what the caller says."""
    return (
        voice.speak(WORDS, random.Random(1), seconds=SECONDS),
        voice.speak(WORDS, random.Random(2), seconds=SECONDS),
    )


def make() -> tuple[Simulation, Any]:
    """Return a simulation and the call to run in it."""
    sim = Simulation(seed=0)
    config = Config(
        public_url="https://bridge.example.com", twilio_auth_token=AUTH_TOKEN, vapi_api_key="key"
    )
    sim.host("bridge.example.com").serve(Bridge(config).app())
    agent, caller = voices()

    async def one_call() -> None:
        # The agent must not be interrupted, neither by voice nor, at the bridge, by a transcript:
        # both are to speak all the time.
        sim.vapi.assistant(first_message=agent, voice_seconds=1e6, first_partial_after=1e6)
        call = await sim.twilio.call(to="+15550100")
        await call.says(caller)
        await call.hangs_up()

    return sim, one_call()


def check(sim: Simulation) -> None:
    """Refuse a call in which some leg did not carry audio the whole time."""
    for source, target in LEGS:
        carried = sum(
            event.fields["frames"]
            for event in sim.timeline.of("media")
            if (event.source, event.target) == (source, target)
        )
        if carried < 0.98 * SECONDS * 50:
            raise SystemExit(f"{source} > {target}: {carried} frames; not the call that was meant")


def timed_call() -> float:
    """Return the CPU seconds of one call, without making and closing its world."""
    sim, call = make()
    gc.collect()
    started = time.process_time()
    sim.run(call)
    took = time.process_time() - started
    check(sim)
    sim.close()
    return took


def sampled(calls: int) -> Counter[str]:
    """Return how often each part was found at work."""
    found: Counter[str] = Counter()

    def sample(signum: int, frame: FrameType | None) -> None:
        found[owner_of(frame)] += 1

    signal.signal(signal.SIGPROF, sample)
    for _ in range(calls):
        sim, call = make()
        signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
        try:
            sim.run(call)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        sim.close()
    return found


def owner_of(frame: FrameType | None) -> str:
    """Name the part that the work of a frame belongs to: the nearest caller that is one."""
    while frame is not None:
        name = frame.f_code.co_filename
        if "simkit/wire/" in name and "self" in frame.f_locals:
            # A socket of the bridge is the bridge's, one of a fake the fake's.
            home = type(frame.f_locals["self"]).__module__
            return "bridge" if home.startswith("simkit.bridge") else "fakes"
        for part, places in PARTS:
            if any(place in name for place in places):
                return part
        frame = frame.f_back
    return "other"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="CPU cost of one simulated call")
    parser.add_argument("--calls", type=int, default=5, help="calls to time (default 5)")
    calls = parser.parse_args().calls
    timed_call(), fed_directly(*voices())  # imports and caches
    times = [(timed_call(), fed_directly(*voices())) for _ in range(calls)]
    speeds = sorted(SECONDS / whole for whole, _ in times)
    shares = sampled(calls)
    total = sum(shares.values())
    print(f"a call of {SECONDS:.0f} s, both directions speaking, {calls} times")
    print(f"{statistics.median(speeds):.0f} call-seconds per CPU-second (median)")
    print(f"{speeds[0]:.0f} to {speeds[-1]:.0f} (slowest to fastest)")
    alone = statistics.median(SECONDS / bridge for _, bridge in times)
    print(f"{alone:.0f} call-seconds per CPU-second of the bridge alone, fed directly (median)")
    ratio = statistics.median(whole / bridge for whole, bridge in times)
    print(f"the whole costs {ratio:.2f} times the bridge alone")
    for part, count in shares.most_common():
        print(f"{100 * count / total:5.1f} %  {part}")


if __name__ == "__main__":
    main()
