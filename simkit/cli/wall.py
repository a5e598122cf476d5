"""What commands have in common that run in real time, against a process."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from ..report import Outcome
from .main import Refusal

if TYPE_CHECKING:
    from ..scenarios import Scenario
    from ..wall import WallSimulation

T = TypeVar("T", bound=Outcome)

_TRIES = 3
_PLAY_OUT_MS = 40.0


def settled(run: Callable[[], T]) -> tuple[T, int]:
    """Return what came of a run, and how often it was run: again if the machine made it fail.

    One deadline that was served later than the play-out's buffer lasts is a gap in what is heard,
    whatever the bridge does. Who fails a third time fails, unless :func:`doubt` says otherwise.
    Without a world in real time there is one run.
    """
    runs = 0
    while True:
        outcome, runs = run(), runs + 1
        pacing = outcome.measures.pacing_error_ms
        was_late = pacing and not (pacing.is_small and pacing.worst_ms <= _PLAY_OUT_MS)
        if not (outcome.is_failed and was_late) or runs == _TRIES:
            return outcome, runs


def doubt(outcome: Outcome) -> str:
    """Return why a failure tells nothing of the bridge: the machine was too busy; or nothing."""
    pacing = outcome.measures.pacing_error_ms
    if not outcome.is_failed or pacing is None or pacing.is_small:
        return ""
    late = f"served deadlines {pacing.p99_ms:.0f} ms late"
    if pacing.p99_ms < (pacing.bridge_p99_ms or 0.0):
        late = f"let the bridge wait {pacing.bridge_p99_ms:.0f} ms for a processor"
    return f"this machine {late} (p99), which tells nothing"


@contextmanager
def open_wall(
    wall: bool,
    seed: int,
    *,
    app: str | None,
    bridge: str | None,
    command: str | None,
    verbose: bool,
    env: Mapping[str, str],
) -> Iterator[WallSimulation | None]:
    """Yield a world in real time with the bridge that the options name; None without ``--wall``.

    The bridge answers by then. Both run before what else there is to do on this machine, where it
    allows that.

    Raises:
        Refusal: the options contradict each other.
        WallError: there is no such bridge.
    """
    if not wall:
        for name, value in (("--bridge", bridge), ("--exec", command), ("--verbose", verbose)):
            if value:
                raise Refusal(f"{name}: goes with --wall only")
        yield None
        return
    if app is not None and (bridge is not None or command is not None):
        raise Refusal(
            "--app is served by simkit; --bridge and --exec name what serves by itself: choose one"
        )
    from ..wall import WallSimulation
    from ..wall.priority import before_others

    if app is not None:
        _check(app)
    with WallSimulation(seed, bridge=bridge) as world, ExitStack() as stack:
        if command is not None:
            child = world.serve(command, env=env, verbose=verbose)
        elif bridge is None:
            child = world.serve_app(app, env=env, verbose=verbose)
        world.run(lambda _: asyncio.sleep(0))  # until it answers: starting, it may wait
        stack.enter_context(before_others(0 if command is None and bridge else child.pid))
        yield world


def _check(app: str) -> None:
    """Refuse what is a bridge in a simulation alone; the process says what else is wrong."""
    from .._served import takes_simulation
    from ..network.serve import AppError, is_aiohttp, is_factory, load
    from ..scenarios.job import surroundings

    try:
        with surroundings():
            found = load(app)
    except AppError:
        return
    if takes_simulation(found):
        what = "is a function of sim, which puts a bridge into a simulation"
    elif is_factory(found) and inspect.iscoroutinefunction(found):
        what = "serves by itself"
    elif is_aiohttp(found):
        what = "is an application of aiohttp's, and --wall serves ASGI"
    else:
        return
    raise Refusal(
        f"--app {app}: {what}; with --wall name an ASGI application, or the program, as in --exec "
        '"python bridge.py", which listens on $PORT or where --bridge says'
    )


def environment_for(
    scenario: Scenario, settings: Mapping[str, Any], *, is_own: bool
) -> dict[str, str]:
    """Return what a bridge is told; simkit's own also what it needs to offer for a scenario."""
    from ..bridge.sources import variable
    from ..recording import ENVIRONMENT

    offered = scenario.offered(settings) if is_own else {}
    return ENVIRONMENT | {variable(key): _as_text(value) for key, value in offered.items()}


def _as_text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={each}" for key, each in value.items())
    return str(value)
