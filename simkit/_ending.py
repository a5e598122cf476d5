"""The end of a world: programs are ended, and what they leave open is found."""

from __future__ import annotations

import asyncio

from .network import SimLoop
from .network.openings import Opening

IGNORED = r"unclosed <StreamWriter|loop is closed"
"""What Python warns of when a connection is cut that a coroutine still holds."""

_LONGEST_WAY_NS = 1_000_000_000
_LAST_ITERATIONS = 5
"""Iterations of the loop in which a program closes what it sees the end of."""
_GRACE = 1.0
"""Virtual seconds that a cancelled task has to end."""


async def shut_down(loop: SimLoop, *, calls_are_over: bool) -> list[Opening]:
    """End every program; return what they have left open, as far as it is their fault.

    Args:
        calls_are_over: no call is under way, in which programs may hold what they like.
    """
    network = loop.network
    for server in network.servers:
        await server.shut_down()
    # Whoever waits for the end of a connection that was closed shall see it.
    now_ns = loop.calendar.now_ns
    rest_ns = min(network.openings.last_arrival_ns() - now_ns, _LONGEST_WAY_NS)
    if rest_ns > 0:
        arrived: asyncio.Future[None] = loop.create_future()
        loop.call_at_ns(now_ns + rest_ns, arrived.set_result, None)
        await arrived
    await _cancel_the_rest()
    await loop.shutdown_asyncgens()
    served = {server.host for server in network.servers}
    left = [
        opening
        for opening in network.openings.programs()
        if calls_are_over or opening.host not in served
    ]
    # Their protocols are told, or else warn of what the end of the world did.
    network.openings.abort()
    await _cancel_the_rest()
    return left


async def _cancel_the_rest() -> None:
    for _ in range(_LAST_ITERATIONS):
        await asyncio.sleep(0)
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    if rest:
        # Some end only when their connections do; those are cut next.
        await asyncio.wait(rest, timeout=_GRACE)
    for task in rest:
        if task.done() and not task.cancelled():
            task.exception()  # nobody else asks, and it is not to be reported
