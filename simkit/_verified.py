"""A scenario run twice, in two worlds with the same seed, and what they did compared."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from .kernel import DivergenceError, compare, shaken_memory

if TYPE_CHECKING:
    from .simulation import Simulation

T = TypeVar("T")
Scenario = Callable[["Simulation"], Coroutine[Any, Any, T]]


def started(coro: Awaitable[T] | Scenario[T], sim: Simulation) -> Awaitable[T]:
    """Return what is to be run in a world: a scenario is called with it.

    Raises:
        TypeError: neither a scenario nor anything that can be awaited.
    """
    if isinstance(coro, Awaitable):
        return coro
    scenario: Any = coro
    if not callable(scenario):
        wanted = "a coroutine, or an async function that takes this simulation"
        raise TypeError(f"run: {wanted}; found {coro!r}")
    found: Awaitable[T] = scenario(sim)
    return found


def repeatable(scenario: Awaitable[T] | Scenario[T], *, is_fresh: bool) -> Scenario[T]:
    """Return a scenario that a second world can do again, and refuse any other.

    Args:
        scenario: what is to be run.
        is_fresh: nothing was done in the first world before.

    Raises:
        TypeError: a coroutine, which runs once.
        RuntimeError: the world was used before.
    """
    if isinstance(scenario, Awaitable):
        if isinstance(scenario, Coroutine):
            scenario.close()
        raise TypeError(
            "Simulation(verify=True).run(...) runs twice and a coroutine runs once: write "
            "sim.run(scenario) with `async def scenario(sim)`, not sim.run(scenario(sim))"
        )
    if not is_fresh:
        raise RuntimeError(
            "Simulation(verify=True): this world was used before run(). The second run takes "
            "place in a world of its own, so do everything (hosts, assistant, calls) in the "
            "function that is run"
        )
    return scenario


def run_twice(sim: Simulation, another: Callable[[], Simulation], scenario: Scenario[T]) -> T:
    """Run a scenario in a world and in another one; returns what it returned in the first.

    Args:
        sim: the first world.
        another: makes the second, with the same seed.
        scenario: what is run.

    Raises:
        DivergenceError: the second run did not do the same.
    """
    first = _outcome(sim, scenario)
    ballast = shaken_memory()
    # The first world lives on until both are compared: the second must not get its addresses.
    with another() as again:
        again.loop.time_limit_ns = sim.loop.time_limit_ns
        second = _outcome(again, scenario)
        ballast.clear()
        assert sim.trail is not None
        assert again.trail is not None
        try:
            compare(sim.trail, again.trail)
        except DivergenceError as divergence:
            raise divergence from first[1] or second[1]
    if first[1] is not None:
        raise first[1]
    return first[0]


def _outcome(sim: Simulation, scenario: Scenario[T]) -> tuple[T, None] | tuple[None, BaseException]:
    """Run a scenario; return its result, or None and what it raised."""
    try:
        return sim.run(scenario), None
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        return None, error
