"""Arrivals: callers who come by chance, as a simpy process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, TypeVar

from .kernel import seconds

if TYPE_CHECKING:
    import simpy

    from .simulation import Simulation

T = TypeVar("T")


async def arrive(
    sim: Simulation,
    caller: Callable[[int], Coroutine[Any, Any, T]],
    *,
    count: int,
    per_minute: float,
) -> list[T]:
    """Let callers arrive as a Poisson process, and wait until the last one is done."""
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"arrivals: count is 1 or more; found {count!r}")
    if not isinstance(per_minute, int | float) or not 0 < per_minute <= 60_000:
        raise ValueError(
            f"arrivals: per_minute is more than 0, 60000 at most; found {per_minute!r}"
        )
    draw = sim.loop.entropy.stream("arrivals")
    calls: list[asyncio.Task[T]] = []

    def process() -> Generator[simpy.Event, Any, None]:
        for number in range(1, count + 1):
            yield sim.env.timeout(seconds(draw.expovariate(per_minute / 60)))
            calls.append(sim.loop.create_task(caller(number), name=f"caller {number}"))

    try:
        await sim.wait_for(sim.env.process(process()))
        return await asyncio.gather(*calls)
    finally:
        for call in calls:
            call.cancel()
