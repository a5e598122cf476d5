"""Arrivals: callers who come by chance, as a simpy process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, TypeVar

from .kernel import seconds
from .world import check_arrivals

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
    check_arrivals(count, per_minute)
    draw = sim.loop.entropy.stream("arrivals")
    calls: list[asyncio.Task[T]] = []

    over = sim.loop.create_future()  # no more calls: the last has come, or one of them failed

    def process() -> Generator[simpy.Event, Any, None]:
        for number in range(1, count + 1):
            yield sim.env.timeout(seconds(draw.expovariate(per_minute / 60)))
            if over.done():
                return
            call = sim.loop.create_task(caller(number), name=f"caller {number}")
            call.add_done_callback(note_failure)
            calls.append(call)
        over.set_result(None)

    def note_failure(call: asyncio.Task[T]) -> None:
        if not call.cancelled() and call.exception() is not None and not over.done():
            over.set_result(None)

    try:
        sim.env.process(process())
        await over
        return await asyncio.gather(*calls)
    finally:
        over.cancel()
        for call in calls:
            call.cancel()
