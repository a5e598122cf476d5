"""How fast is the loop? A websocket echo on simkit and its neighbours, measured side by side.

Prints call-seconds per CPU-second, how many times faster simkit is, the growth of peak memory, and
how the cost of one connection grows with their number; then what a world costs by itself. Every
figure is the median of runs in processes of their own, which take turns: on a busy machine the
ratios mean more than the speeds.

All rows run on one interpreter. simloop and simloom need Python 3.12: when this one is older, a
newer one that is installed gets an environment in the user's cache, with simkit's requirements and
the other loops from PyPI; without one their rows are left out. async-solipsism runs as it is.

    python benchmarks/loop.py                                   # some two minutes
    python benchmarks/loop.py --loops simkit,async-solipsism --connections 1,20 --repeats 3
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
MODULES = {
    "simkit": "simkit.network",
    "asyncio": "asyncio",
    "async-solipsism": "async_solipsism",
    "simloop": "simloop",
    "simloom": "simloom",
}
PACKAGES = ("async-solipsism", "simloop", "simloom")
WORLD_RUNS = {"empty": 50, "race": 10}

progress = Console(stderr=True, soft_wrap=True)


def newer_python() -> Path | None:
    """Return an interpreter that every loop runs on, if one is installed."""
    if sys.version_info >= (3, 12):
        return Path(sys.executable)
    for version in ("3.12", "3.13"):
        found = shutil.which(f"python{version}")
        # pyenv puts a script of that name in the path also when it cannot run it.
        if found and not subprocess.run([found, "-c", ""], capture_output=True).returncode:
            return Path(found)
        for path in sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python")):
            return path
    return None


def environment(python: Path) -> Path:
    """Return the interpreter of an environment with everything in it; made when it is new."""
    if not missing(python, MODULES):
        return python
    version = subprocess.run(
        [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    home = cache / "simkit-benchmarks" / version
    inside = home / "bin" / "python"
    if not inside.exists() or missing(inside, MODULES):
        progress.print(f"making {home} ...")
        project = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]
        subprocess.run([python, "-m", "venv", home], check=True)
        subprocess.run(
            [inside, "-m", "pip", "install", "--quiet", *project["dependencies"], *PACKAGES],
            check=False,
            stderr=subprocess.DEVNULL,
        )
    return inside


def missing(python: Path, loops: Iterable[str]) -> list[str]:
    """Return the loops that an interpreter cannot import."""
    return [loop for loop in loops if not runs(python, f"import {MODULES[loop]}")]


def runs(python: Path, code: str) -> bool:
    """Tell whether an interpreter runs a line without an error."""
    done = subprocess.run([python, "-c", code], capture_output=True, env=variables())
    return done.returncode == 0


def variables() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(HERE.parent), "PYTHONHASHSEED": "0"}


def measure(python: Path, script: str, *arguments: object, limit: float) -> dict[str, Any]:
    """Run a script in a process of its own and return what it prints; empty when it is too slow.

    Raises:
        SystemExit: it failed.
    """
    command = [str(python), str(HERE / script), *map(str, arguments)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=variables(), timeout=limit
        )
    except subprocess.TimeoutExpired:
        return {}
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure_loops(python: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return one record for each loop and number of connections."""
    taken: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for turn in range(options.repeats):
        for connections in options.connections:
            # Who goes first changes, lest one loop always gets the cooler or the busier machine.
            at = turn % len(options.loops)
            for loop in options.loops[at:] + options.loops[:at]:
                before = taken.setdefault((loop, connections), [])
                if {} in before:
                    continue
                if sys.stderr.isatty():
                    line = f"{turn + 1}/{options.repeats}  {loop} x {connections}"
                    progress.print(f"{line:60}", end="\r")
                before.append(
                    measure(
                        python, "echo.py", loop, connections, options.frames, limit=options.limit
                    )
                )
    return [
        summary(loop, connections, found, taken.get(("simkit", connections), []))
        for (loop, connections), found in taken.items()
    ]


def summary(
    loop: str, connections: int, found: list[dict[str, Any]], ours: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return medians; the ratio is the median of ratios within one turn."""
    if {} in found:
        return {"loop": loop, "connections": connections, "speed": None}
    ratios = [
        theirs["cpu_seconds"] / own["cpu_seconds"]
        for theirs, own in zip(found, ours, strict=False)
        if own
    ]
    return {
        "loop": loop,
        "connections": connections,
        "speed": statistics.median(run["call_seconds"] / run["cpu_seconds"] for run in found),
        "times_simkit": statistics.median(ratios) if ratios else None,
        "memory_mib": statistics.median(run["memory_kib"] for run in found) / 1024,
    }


def measure_worlds(python: Path, options: argparse.Namespace) -> dict[str, float]:
    """Return CPU seconds of each kind of world."""
    found = {}
    for world, count in WORLD_RUNS.items():
        taken = [
            measure(python, "worlds.py", world, count, limit=options.limit)
            for _ in range(options.repeats)
        ]
        found[world] = statistics.median(run.get("cpu_seconds", float("inf")) for run in taken)
    return found


def table_of(records: list[dict[str, Any]], options: argparse.Namespace) -> Table:
    """Return the figures as a table: one row for each loop."""
    table = Table(title=f"websocket echo, 160 bytes each 20 ms, {options.frames} frames in all")
    table.add_column("loop", no_wrap=True)
    for connections in options.connections:
        calls = "1 call" if connections == 1 else f"{connections} calls"
        table.add_column(f"{calls},\ncall-s/CPU-s", justify="right")
        table.add_column("simkit\nis faster", justify="right")
    first, last = options.connections[0], options.connections[-1]
    table.add_column(f"memory\nof {last}", justify="right")
    table.add_column(f"cost, 1 of {last}\n: 1 of {first}", justify="right")
    by_place = {(record["loop"], record["connections"]): record for record in records}
    for loop in options.loops:
        cells = [loop + (" *" if loop == "asyncio" else "")]
        for connections in options.connections:
            record = by_place[loop, connections]
            if record["speed"] is None:
                cells += [f"over {options.limit:g} s", ""]
            else:
                ratio = record["times_simkit"]
                cells += [f"{record['speed']:.0f}", f"{ratio:.2f} x" if ratio else ""]
        few, many = by_place[loop, first], by_place[loop, last]
        cells.append("" if many["speed"] is None else f"+{many['memory_mib']:.1f} MiB")
        known = few["speed"] is not None and many["speed"] is not None
        cells.append(f"{few['speed'] / many['speed']:.2f}" if known else "")
        table.add_row(*cells)
    return table


def names(text: str) -> list[str]:
    found = text.split(",")
    for name in found:
        if name not in MODULES:
            raise argparse.ArgumentTypeError(f"{name!r}: expected some of {', '.join(MODULES)}")
    return found


def counts(text: str) -> list[int]:
    return sorted(int(part) for part in text.split(","))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="speed of event loops under a websocket echo")
    parser.add_argument("--loops", type=names, default=list(MODULES), help="default: all of them")
    parser.add_argument("--connections", type=counts, default=[1, 20, 200], help="1,20,200")
    parser.add_argument("--frames", type=int, default=4000, help="of all connections together")
    parser.add_argument("--repeats", type=int, default=5, help="turns (default 5)")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for one process")
    parser.add_argument("--python", type=Path, help="interpreter for all rows")
    parser.add_argument("--no-worlds", action="store_true", help="the echo only")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    newest = options.python or newer_python()
    python = environment(newest) if newest is not None else Path(sys.executable)
    for loop in missing(python, options.loops):
        progress.print(f"{loop} is left out: {python} cannot import it (Python 3.12 or newer?)")
        options.loops.remove(loop)
    records = measure_loops(python, options)
    worlds = {} if options.no_worlds else measure_worlds(python, options)
    version = subprocess.run([python, "-VV"], capture_output=True, text=True).stdout.split("(")[0]
    if options.json:
        print(json.dumps({"python": version.strip(), "echo": records, "worlds": worlds}, indent=1))
        return
    screen = Console(width=None if sys.stdout.isatty() else 120)
    screen.print(f"{version.strip()}, {os.cpu_count()} cores, median of {options.repeats}")
    screen.print(table_of(records, options))
    screen.print("* real loopback sockets in real time, without waiting between frames")
    if worlds:
        screen.print(f"an empty simulation, after the first: {1000 * worlds['empty']:.2f} ms")
        screen.print(f"5 s race scenario with simkit's bridge: {1 / worlds['race']:.1f} runs/CPU-s")


if __name__ == "__main__":
    main()
