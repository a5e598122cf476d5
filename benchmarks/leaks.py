"""Does a bridge keep anything of its calls? Many short ones, with faults among them.

One call in ten is cut off by a reset of Twilio's socket, one is left without ``stop``, one is not
taken by Vapi. After every batch, when all calls are over, the process is asked what it holds:
files, tasks, sessions, objects, resident memory. What it holds more of with every call is a leak.
What is remembered on purpose, webhooks and stream tokens, is bounded so low that it is full soon.

    python benchmarks/leaks.py                  # some two minutes
    python benchmarks/leaks.py --calls 200 --batch 20
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.callers import Callers
from benchmarks.load import Server
from simkit.wire.http import fetch

FAULTS = ("reset", "no stop", "refused")
HELD = ("files", "tasks", "sessions", "objects", "memory")
FORGETFUL = {"replay_memory": 100, "token_ttl": 5.0}
T95 = 2.1
"""Student's t of a 95 % interval, for some twenty batches."""


async def short_call(callers: Callers, number: int, fault: str, seconds: float) -> str:
    """Place a call, let both sides speak, and end it somehow; returns what went wrong."""
    await asyncio.sleep(random.random() * 0.5)
    if fault == "refused":
        callers.refused.add(callers.sid(number))
    try:
        call = await callers.place(number, is_alone=fault == "refused")
    except (ConnectionError, TimeoutError) as error:
        return f"call {number}: {error!r}"
    await asyncio.sleep(seconds)
    is_complete = True
    if fault == "reset":
        call.reset()
    elif fault == "no stop":
        call.is_ending = True
        call.stop_sending()
        assert call.phone is not None
        call.phone.drop()
    elif fault != "refused":
        call.stop_sending()
        for _ in range(100):
            await asyncio.sleep(0.02)
            if call.is_complete:
                break
        is_complete = call.is_complete
        call.hang_up()
    del callers.calls[call.sid]
    return "" if is_complete else f"call {number}: frames lost or doubled"


async def inside(server: Server) -> dict[str, float]:
    """Ask what the process holds, once its calls are over."""
    for _ in range(200):
        answer = await fetch("GET", f"http://127.0.0.1:{server.port}/inside", headers=[])
        held: dict[str, float] = json.loads(answer.body)
        if not held["sessions"]:
            break
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.1)
    return held | {"files": server.open_files(), "memory": server.memory()}


async def run(options: argparse.Namespace, progress: Progress) -> list[dict[str, Any]]:
    """Place the calls, batch by batch; returns what was held after each."""
    callers = Callers()
    vapi = await callers.listen()
    settings = json.dumps(FORGETFUL)
    arguments = ["--loop", options.loop, "--settings", settings]
    server = Server("ours", f"http://127.0.0.1:{callers.port}", arguments)
    callers.bridge_port = server.port
    rows = [{"calls": 0, "problems": []} | await inside(server)]
    task = progress.add_task("calls", total=options.calls)
    try:
        for first in range(0, options.calls, options.batch):
            numbers = range(first, min(first + options.batch, options.calls))
            faults = [FAULTS[number % 10] if number % 10 < 3 else "" for number in numbers]
            said = await asyncio.gather(
                *(
                    short_call(callers, number, fault, options.seconds)
                    for number, fault in zip(numbers, faults, strict=True)
                )
            )
            problems = [text for text in said if text]
            done = {"calls": numbers.stop, "problems": problems}
            rows.append(done | await inside(server))
            callers.refused.clear()
            gc.collect()
            progress.update(task, completed=numbers.stop)
    finally:
        server.end()
        vapi.close()
    return rows


def slope(rows: list[dict[str, Any]], name: str) -> tuple[float, float]:
    """Return how much more of something is held with each call, and half of its 95 % interval."""
    calls = np.array([row["calls"] for row in rows], dtype=float)
    held = np.array([row[name] for row in rows], dtype=float)
    line = np.polyfit(calls, held, 1)
    residuals = held - np.polyval(line, calls)
    spread = np.sqrt((residuals**2).sum() / (len(calls) - 2) / ((calls - calls.mean()) ** 2).sum())
    return float(line[0]), float(T95 * spread)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each call")
    parser.add_argument("--warm-up", type=int, default=500, help="calls before which all may grow")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    options = parser.parse_args()
    random.seed(0)
    console = Console()
    began = time.monotonic()
    with Progress(console=console, transient=True) as progress:
        rows = asyncio.run(run(options, progress))
    table = Table(title=f"{options.calls} calls in {time.monotonic() - began:.0f} s")
    for name in ("calls", *HELD):
        table.add_column(name, justify="right")
    for row in rows[:1] + rows[1 :: max(1, len(rows) // 8)] + rows[-1:]:
        memory = f"{row['memory'] / 1e6:.2f} MB"
        table.add_row(*(str(row[name]) for name in ("calls", *HELD[:-1])), memory)
    console.print(table)
    for text in [text for row in rows for text in row["problems"]][:5]:
        console.print(text)
    flat = [row for row in rows if row["calls"] >= options.warm_up]
    if len(flat) > 2:
        for name in ("memory", "objects"):
            rate, half = slope(flat, name)
            unit = "bytes" if name == "memory" else "objects"
            console.print(f"{name}: {rate:+.1f} ± {half:.1f} {unit} a call after the warm-up")


if __name__ == "__main__":
    main()
