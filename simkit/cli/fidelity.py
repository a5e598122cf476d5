"""``simkit fidelity``: how far the simulation is from real time on real sockets."""

from __future__ import annotations

import gc
import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import click
from rich.progress import Progress
from rich.table import Table

from ..network.hosts import current_host
from ..network.link import LOOPBACK_MSS
from ..network.serve import AppError
from ..report import Outcome, console, print_table
from ..scenarios import REGISTRY, Scenario, ScenarioError, find, play, simulate
from ..simulation import Simulation
from ..timeline import Event, Timeline
from ..timeline.difference import Difference, difference
from ..timeline.text import printable
from ..vapi import HOST as VAPI_HOST
from ..wall import WallError, WallSimulation
from ..wall.child import free_port
from ..wall.priority import before_others
from ..world import BRIDGE_HOST, TWILIO_HOST
from .files import Files
from .group import INTERRUPTED
from .main import Refusal
from .outcome import ENVIRONMENT

_WARM_UP = "cold-start"
"""Played once and not compared: a process does much in its first call that it never does again."""
_LOOPBACK_BITS = 10e9
"""Per second, as far as that matters."""
_SYSTEM_NS = (30_000, 100_000, 200_000, 300_000)
"""What it may take a loop on real sockets to get to a callback: calls of the system."""
_NEIGHBOURS_MS = 15.0


@dataclass
class Comparison:
    """One scenario: in the simulation and in real time, as often as there are runs."""

    name: str
    limit_ms: float
    virtual: list[Outcome] = field(default_factory=list)
    wall: list[Outcome] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

    def add(self, virtual: Outcome, wall: Outcome) -> None:
        """Compare one run with another."""
        self.virtual.append(virtual)
        self.wall.append(wall)
        self.differences.append(
            difference(virtual.timeline, wall.timeline, tolerance_ms=self.limit_ms)
        )

    @cached_property
    def off_ms(self) -> list[float]:
        """How far each event is off, early or late, in the median run; sorted."""
        found: dict[tuple[str, int], list[float]] = {}
        for one in self.differences:
            times: Counter[str] = Counter()
            for pair in one.pairs:
                times[pair.what] += 1
                found.setdefault((pair.what, times[pair.what]), []).append(pair.late_ms)
        return sorted(abs(statistics.median(values)) for values in found.values())

    def percentile(self, percent: int) -> float:
        """Return a percentile of that, in ms (nearest rank)."""
        off = self.off_ms
        return round(off[max(0, -(-percent * len(off) // 100) - 1)], 1) if off else 0.0

    @property
    def ordered(self) -> int:
        """In how many runs the order was that of the simulation."""
        return sum(not one.order for one in self.differences)

    @property
    def remark(self) -> str:
        """What was different, in the first run that was."""
        for world, outcomes in (("simulated", self.virtual), ("real", self.wall)):
            for outcome in outcomes:
                if outcome.failure:
                    return f"{world} run: {outcome.failure.partition(chr(10))[0]}"
        return next((one.order for one in self.differences if one.order), "")

    @property
    def pacing_ms(self) -> float:
        """The run's own error: how late it served its deadlines, p95 of the worst run."""
        errors = [wall.measures.pacing_error_ms for wall in self.wall]
        return max((error.p95_ms or 0.0 for error in errors if error is not None), default=0.0)

    @property
    def same(self) -> bool:
        """The same order in most runs, and instants within the limit."""
        is_ordered = 2 * self.ordered > len(self.differences)
        return is_ordered and self.percentile(95) <= self.limit_ms


def run_fidelity(
    names: Sequence[str],
    *,
    app: str | None,
    runs: int,
    limit_ms: float,
    computing_ms: float | None,
    as_json: bool,
    html: str | None,
) -> None:
    """Compare, report, and exit with 0, 1 or 2."""
    files = Files(html=html)
    files.check()
    if html is not None and len(names) != 1:
        raise Refusal("--html shows one scenario in both worlds: name one")
    os.environ.update(ENVIRONMENT)
    computing = None if computing_ms is None else computing_ms / 1000
    found: list[Comparison] = []
    is_interrupted = False
    try:
        both = [name for name, entry in REGISTRY.items() if "simulation" not in entry.needs]
        scenarios = [find(name) for name in names or both]
        with Bench(app) as bench, Progress(console=console(sys.stderr), transient=True) as bar:
            task = bar.add_task("warming up", total=len(scenarios) * runs + 1)
            bench.play(find(_WARM_UP))
            bar.advance(task)
            for scenario in scenarios:
                bar.update(task, description=scenario.name)
                comparison = Comparison(scenario.name, limit_ms)
                for _ in range(runs):
                    with before_others(bench.pid):
                        wall = bench.play(scenario)
                        virtual = alike(scenario, wall, app, computing)
                    comparison.add(virtual, wall)
                    bar.advance(task)
                found.append(comparison)
    except (ScenarioError, AppError, WallError) as error:
        raise Refusal(str(error)) from None
    except KeyboardInterrupt:
        is_interrupted = True
    if html is not None and found:
        _write_page(files, found[0])
    if as_json:
        click.echo(json.dumps([_plain(one) for one in found], indent=2))
    else:
        _print(found)
    if is_interrupted:
        told = f"{len(found)} of {len(scenarios)} scenarios were compared"
        click.echo(f"simkit: interrupted: {told}", err=True)
        sys.exit(INTERRUPTED)
    sys.exit(0 if all(one.same for one in found) else 1)


def alike(scenario: Scenario, wall: Outcome, app: str | None, computing: float | None) -> Outcome:
    """Simulate a scenario with what a simulation cannot know: how long the bridge computes.

    Each callback takes ``computing`` seconds; None: as long as it took here and now, and whatever
    calls of the system take that makes the run most like the real one. What connecting to Vapi took
    is read from the run in real time, call by call. Both set how packets of both services
    interleave.
    """
    if computing is not None:
        return _simulate(
            scenario, wall, app, lambda sim: sim.cpu(BRIDGE_HOST, per_callback=computing)
        )
    found = [
        _simulate(scenario, wall, app, partial(_compute_as_measured, system_ns=system_ns))
        for system_ns in _SYSTEM_NS
    ]
    return min(found, key=lambda virtual: _distance(virtual, wall))


def _simulate(
    scenario: Scenario, wall: Outcome, app: str | None, compute: Callable[[Simulation], object]
) -> Outcome:
    def prepare(sim: Simulation) -> None:
        compute(sim)
        waits = list(late)

        def opened(event: Event) -> None:
            if event.kind == "open":
                sim.vapi.open_delay = waits.pop(0) if waits else 0.0

        sim.vapi.open_delay = waits.pop(0) if waits else 0.0
        sim.timeline.watch(opened)

    late: list[float] = []
    collects = gc.isenabled()
    gc.disable()  # it would count as the bridge's
    try:
        plain = simulate(scenario, app=app, prepare=prepare)
        both = zip(_connecting(wall.timeline), _connecting(plain.timeline), strict=False)
        late = [max(0.0, real - simulated) for real, simulated in both]
        return simulate(scenario, app=app, prepare=prepare) if any(late) else plain
    finally:
        if collects:
            gc.enable()


def _compute_as_measured(sim: Simulation, *, system_ns: int) -> None:
    computing = _Computing(system_ns)
    sim.loop.charge_ns = computing.charge_ns
    sim.timeline.watch(computing.follow)
    for name in (TWILIO_HOST, VAPI_HOST):
        # What comes all at once is read piece by piece, as on the loopback.
        link = sim.link(name, BRIDGE_HOST)
        link.mss, link.bandwidth = LOOPBACK_MSS, _LOOPBACK_BITS


def _distance(virtual: Outcome, wall: Outcome) -> tuple[bool, float]:
    """Return how unlike two runs are: in their order first, then in all instants."""
    found = difference(virtual.timeline, wall.timeline, tolerance_ms=_NEIGHBOURS_MS)
    return bool(found.order), sum(abs(pair.late_ms) for pair in found.pairs)


class _Computing:
    """What the bridge's callbacks cost: the processor's time that they took, here and now.

    What it writes leaves when it got so far, and not when its callback began. While it connects to
    Vapi it costs nothing: how long that took is read from the real run.
    """

    def __init__(self, system_ns: int) -> None:
        self._system_ns = system_ns
        self._is_on = False
        self._since_ns = time.thread_time_ns()

    def follow(self, event: Event) -> None:
        """Learn that Vapi's socket is open, or the call over."""
        if event.kind in ("open", "ended"):
            self._is_on = event.kind == "open"

    def charge_ns(self, point: str, context: Context) -> int:
        """Return the cost of what is over."""
        since_ns, self._since_ns = self._since_ns, time.thread_time_ns()
        host = context.get(current_host, None)
        if not self._is_on or point == "work" or host is None or host.name != BRIDGE_HOST:
            return 0
        took_ns = self._since_ns - since_ns
        return took_ns + self._system_ns if point == "callback" else took_ns


def _connecting(timeline: Timeline) -> list[float]:
    """Return the seconds from each stream's start to the opening of the socket to Vapi."""
    both = zip(timeline.of("start"), timeline.of("open"), strict=False)
    return [(opens.t_ns - starts.t_ns) / 1e9 for starts, opens in both]


class Bench:
    """One process of the bridge, for one world in real time after the other.

    Raises:
        WallError: it cannot be started.
    """

    def __init__(self, app: str | None) -> None:
        self._twilio_port, self._vapi_port = free_port(), free_port()
        self._bridge: str | None = None
        with self._world() as world:
            world.serve_app(app, env=ENVIRONMENT)
            self._bridge = f"http://127.0.0.1:{world.environment['PORT']}"
            world.run(_nothing())
            self._child = world.release()

    @property
    def pid(self) -> int:
        """The process id of the bridge."""
        return self._child.pid

    def play(self, scenario: Scenario) -> Outcome:
        """Play a scenario in real time."""
        with self._world() as world:
            return play(scenario, world)

    def _world(self) -> WallSimulation:
        return WallSimulation(
            bridge=self._bridge, twilio_port=self._twilio_port, vapi_port=self._vapi_port
        )

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._child.end()


def _write_page(files: Files, one: Comparison) -> None:
    """Write the page of the first run whose order was another, or of the one furthest off."""
    from .fidelity_page import page_of_both

    def off(number: int) -> tuple[bool, float]:
        pairs = one.differences[number].pairs
        return bool(one.differences[number].order), max(
            (abs(pair.late_ms) for pair in pairs), default=0.0
        )

    worst = max(range(len(one.differences)), key=off)
    told = one.virtual[worst], one.wall[worst], one.differences[worst]
    files.write_page(page_of_both(one.name, *told, limit_ms=one.limit_ms, same=one.same))


async def _nothing() -> None:
    """Let the bridge be there."""


def _print(found: list[Comparison]) -> None:
    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("scenario")
    for title in ("same order", "events", "p50", "p95", "max", "pacing p95"):
        table.add_column(title, justify="right")
    for one in found:
        table.add_row(
            one.name,
            f"{one.ordered} of {len(one.differences)}",
            str(len(one.off_ms)),
            *(f"{one.percentile(percent):.1f} ms" for percent in (50, 95, 100)),
            f"{one.pacing_ms:.1f} ms",
        )
    print_table(out, table)
    out.print()
    for one in found:
        if one.remark:
            out.print(printable(f"{one.name}: {one.remark}"), soft_wrap=True)
    if not found:
        return
    different = [one.name for one in found if not one.same]
    off = [ms for one in found for ms in one.off_ms]
    within = sum(ms <= one.limit_ms for one in found for ms in one.off_ms)
    out.print(
        f"{len(found) - len(different)} of {len(found)} scenarios are as in the simulation; "
        f"{within} of {len(off)} events within {found[0].limit_ms:g} ms"
    )


def _plain(one: Comparison) -> dict[str, Any]:
    return {
        "scenario": one.name,
        "same": one.same,
        "ordered": one.ordered,
        "runs": len(one.differences),
        "remark": one.remark or None,
        "events": len(one.off_ms),
        "p50_ms": one.percentile(50),
        "p95_ms": one.percentile(95),
        "max_ms": one.percentile(100),
        "pacing_p95_ms": one.pacing_ms,
        "differences": [
            [{"what": p.what, "at_s": p.first_ns / 1e9, "late_ms": p.late_ms} for p in each.pairs]
            for each in one.differences
        ],
    }
