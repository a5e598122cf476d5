"""How many calls does one process carry? Real time, real sockets on loopback, one core for it.

Calls are added step by step until a 20 ms frame in a hundred comes out of the bridge more than
20 ms after it was due to be sent. Both sides of every call speak all the time; frames are counted,
told apart by their level, and timed from the instant at which they were due to the one at which
they come out: the error of this program's own pacing is in it, and shown. The relay is what
tutorials do, in ``relay.py``. Linux only: reads /proc.

    python benchmarks/load.py                                   # some two minutes
    python benchmarks/load.py --bridges ours --calls 20,40 --loop uvloop
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.callers import work

HERE = Path(__file__).resolve().parent
LATE_MS = 20.0
PACING_LIMIT_MS = 5.0
"""The load itself may be this late at p99; beyond it a step proves nothing."""
TAKEN_LIMIT = 0.03
"""The share of time for which others may have the server's core."""
REPEATS = 3
"""A step that failed while it was disturbed is tried so often."""
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Server:
    """The process under load.

    Args:
        bridge: ``ours`` or ``relay``.
        vapi: the URL of its Vapi.
        arguments: of ``serve.py``, besides those.
    """

    def __init__(self, bridge: str, vapi: str, arguments: list[str]) -> None:
        command = [sys.executable, str(HERE / "serve.py"), bridge, "--vapi", vapi, *arguments]
        # Threads of BLAS would only take turns on one core.
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{bridge}: does not begin")
        self.port = int(line)

    def _read(self, name: str) -> str:
        return Path(f"/proc/{self.process.pid}/{name}").read_text()

    def cpu_seconds(self) -> float:
        """Return user and system time so far."""
        fields = self._read("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def waited_seconds(self) -> float:
        """Return for how long it has waited for its core, because others had it."""
        return int(self._read("schedstat").split()[1]) / 1e9

    def open_files(self) -> int:
        """Return how many file descriptors it has."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def memory(self) -> int:
        """Return resident bytes."""
        return int(self._read("statm").split()[1]) * PAGE

    def end(self) -> None:
        """Stop it by its own id."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def load_processes(options: argparse.Namespace, is_mulaw: bool, tls: str) -> Iterator[list[Any]]:
    """Start the processes that make the load; yields (pipe, port of its Vapi) of each."""
    context = multiprocessing.get_context("spawn")
    cores = sorted(os.sched_getaffinity(0) - {options.core})
    workers = []
    for number in range(options.processes):
        ours, theirs = context.Pipe()
        arguments = (theirs, cores if options.core is not None else [], is_mulaw, tls, number)
        process = context.Process(target=work, args=arguments, daemon=True)
        process.start()
        workers.append((process, ours))
    try:
        yield [(pipe, pipe.recv()) for _, pipe in workers]
    finally:
        for process, _ in workers:
            process.join(10)
            if process.is_alive():
                process.kill()


def certificate(folder: str) -> str:
    """Make a certificate for this machine, and let those processes trust it that are started."""
    import trustme

    authority, path = trustme.CA(), Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    authority.cert_pem.write_to_path(path / "authority.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        path / "vapi.pem"
    )
    os.environ["SSL_CERT_FILE"] = str(path / "authority.pem")
    return str(path / "vapi.pem")


def serve_arguments(bridge: str, options: argparse.Namespace) -> list[str]:
    """Return how ``serve.py`` is to serve."""
    arguments = ["--loop", options.loop, "--ws", options.ws, "--format", options.format]
    if options.core is not None:
        arguments += ["--core", str(options.core)]
    if options.profile:
        arguments += ["--profile", f"{options.profile}.{bridge}"]
    return arguments


def measure(bridge: str, options: argparse.Namespace, progress: Progress) -> list[dict[str, Any]]:
    """Add calls step by step; returns a row a step."""
    is_mulaw = bridge == "ours" and options.format == "mulaw"
    tls = certificate(options.tls) if options.tls else ""
    rows: list[dict[str, Any]] = []
    steps = [int(calls) for calls in options.calls.split(",")]
    task = progress.add_task(bridge, total=len(steps))
    with load_processes(options, is_mulaw, tls) as workers:
        pipes = [pipe for pipe, _ in workers]
        vapi = f"{'https' if tls else 'http'}://127.0.0.1:{workers[0][1]}"
        server = Server(bridge, vapi, serve_arguments(bridge, options))
        ask(pipes, [("bridge", server.port)] * len(pipes))
        try:
            before = 0
            for calls in steps:
                progress.update(task, description=f"{bridge}: {calls} calls")
                share = [(calls - before + at) // len(pipes) for at in range(len(pipes))]
                before = calls
                problems = ask(
                    pipes, [("place", count, count * len(pipes) / 25) for count in share]
                )
                row = {"calls": calls, "problems": [one for found in problems for one in found]}
                for _ in range(REPEATS if not row["problems"] else 0):
                    row |= step(server, pipes, calls, options)
                    if is_good(row) or not is_disturbed(row):
                        break
                rows.append(row)
                progress.advance(task)
                if not is_good(row):
                    break
            progress.update(task, completed=len(steps))
            ended = ask(pipes, [("end", 10.0)] * len(pipes))
            rows[-1]["end"] = {
                key: sum((one[key] for one in ended), start=type(ended[0][key])())
                for key in ended[0]
            }
        finally:
            server.end()
    return rows


def is_good(row: dict[str, Any]) -> bool:
    """True when 99 frames in 100 were in time."""
    return not row["problems"] and max(row["to_vapi"]["p99"], row["to_twilio"]["p99"]) < LATE_MS


def is_disturbed(row: dict[str, Any]) -> bool:
    """True when others had the server's core, or the load itself was late."""
    return row["waited"] > TAKEN_LIMIT or row["errors"]["p99"] > PACING_LIMIT_MS


def ask(pipes: list[Connection], commands: list[tuple[Any, ...]]) -> list[Any]:
    """Tell each process something; returns the answers."""
    for pipe, command in zip(pipes, commands, strict=True):
        pipe.send(command)
    return [pipe.recv() for pipe in pipes]


def step(
    server: Server, pipes: list[Connection], calls: int, options: argparse.Namespace
) -> dict[str, Any]:
    """Let the calls run for some seconds; returns what that was like."""
    time.sleep(0.7)
    if options.profile:
        server.process.send_signal(signal.SIGUSR1)
    begin_ns, cpu, waited = time.monotonic_ns(), server.cpu_seconds(), server.waited_seconds()
    time.sleep(options.seconds)
    end_ns = time.monotonic_ns()
    seconds = (end_ns - begin_ns) / 1e9
    cpu, waited = server.cpu_seconds() - cpu, server.waited_seconds() - waited
    if options.profile:
        server.process.send_signal(signal.SIGUSR2)
    time.sleep(0.3)
    found = ask(pipes, [("window", begin_ns, end_ns)] * len(pipes))
    row: dict[str, Any] = {
        "cpu": cpu / seconds,
        "cpu_per_call": cpu / seconds / calls,
        "waited": waited / seconds,
        "memory": server.memory(),
    }
    for name in ("to_vapi", "to_twilio", "errors"):
        row[name] = spread(np.concatenate([one[name] for one in found]))
    return row


def spread(values: Any) -> dict[str, float]:
    """Return the percentiles, in ms, and the share that is late."""
    p50, p95, p99 = np.percentile(values, [50, 95, 99])
    late = float((values > LATE_MS).mean())
    return {"p50": p50, "p95": p95, "p99": p99, "max": values.max(), "late": late}


def table(bridge: str, rows: list[dict[str, Any]]) -> Table:
    """Return the table of one bridge."""
    shown = Table(title=bridge)
    for name in (
        "calls", "core", "a call", "memory", "to Vapi p50", "p95", "p99", "max",
        "to Twilio p50", "p95", "p99", "max", "late", "pacing p99", "core taken",
    ):  # fmt: skip
        shown.add_column(name, justify="right")
    for row in rows:
        if row["problems"]:
            shown.add_row(str(row["calls"]), row["problems"][0])
            continue
        ways = [row["to_vapi"], row["to_twilio"]]
        paced = row["errors"]["p99"]
        shown.add_row(
            str(row["calls"]),
            f"{row['cpu']:.0%}",
            f"{row['cpu_per_call']:.2%}",
            f"{row['memory'] / 1e6:.1f} MB",
            *(f"{way[name]:.1f}" for way in ways for name in ("p50", "p95", "p99", "max")),
            f"{max(way['late'] for way in ways):.2%}",
            f"{paced:.1f}" + (" INVALID" if paced > PACING_LIMIT_MS else ""),
            f"{row['waited']:.0%}",
        )
    return shown


def summary(rows: list[dict[str, Any]]) -> list[str]:
    """Say in words what the table shows."""
    good = [row for row in rows if is_good(row)]
    lines = []
    if good:
        lines.append(f"{good[-1]['calls']} calls at p99 under {LATE_MS:.0f} ms")
    if len(good) > 1:
        slope = np.polyfit([row["calls"] for row in good], [row["memory"] for row in good], 1)[0]
        lines.append(f"{slope / 1e3:.0f} kB a call")
    end = rows[-1]["end"]
    lines.append(
        f"{end['sent']} frames sent, {end['lost']} lost, {end['doubled']} doubled, "
        f"{end['cleared']} clears, {len(end['ends'])} sockets lost"
    )
    return lines + end["ends"][:3]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bridges", default="ours,relay")
    parser.add_argument("--calls", default="10,20,40,60,80,100,120")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each step")
    parser.add_argument("--processes", type=int, default=2, help="that make the load")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument(
        "--ws",
        default="ours",
        help="of our bridge: ours, or uvicorn's websockets-sansio, websockets, wsproto",
    )
    parser.add_argument("--format", choices=("pcm_s16le", "mulaw"), default="pcm_s16le")
    parser.add_argument("--tls", metavar="FOLDER", help="TLS to Vapi; certificates go there")
    parser.add_argument("--profile", help="write profiles of the servers, FILE.ours and FILE.relay")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    console = Console(stderr=options.json, width=150)
    found = {}
    with Progress(console=console, transient=True) as progress:
        for bridge in options.bridges.split(","):
            found[bridge] = measure(bridge, options, progress)
    for bridge, rows in found.items():
        console.print(table(bridge, rows))
        for line in summary(rows):
            console.print(line)
    if options.json:
        json.dump(found, sys.stdout, default=float)


if __name__ == "__main__":
    main()
