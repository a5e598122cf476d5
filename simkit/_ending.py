"""The end of a world: programs are ended, and what they leave open is found."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from .kernel import SimulationError, Task, await_line
from .kernel.errors import armed_line
from .network import Host, SimLoop
from .network.hosts import current_host
from .network.openings import Opening

IGNORED = r"unclosed <StreamWriter|loop is closed"
"""What Python warns of when a connection is cut that a coroutine still holds."""

_LONGEST_WAY_NS = 1_000_000_000
_LAST_ITERATIONS = 5
"""Iterations of the loop in which a program closes what it sees the end of."""
_LAST_SECONDS_NS = 60_000_000_000
"""How much longer than the limit of a run its end may take."""
_GRACE = 1.0
"""Virtual seconds that a cancelled task has to end."""


Line = tuple[Host | None, str]


@dataclass
class Known:
    """What is there before the first call, and so is left by none."""

    tasks: set[asyncio.Task[Any]]
    openings: set[Opening]
    timers: Counter[Line]
    """How many timers each line of a program has armed: one that is armed anew is none more."""

    @classmethod
    def of(cls, loop: SimLoop) -> Known:
        """Return what is there now."""
        return cls(asyncio.all_tasks(loop), set(loop.network.openings.left()), _timers(loop))


def _timers(loop: SimLoop) -> Counter[Line]:
    """Count the pending timers by the lines of programs that armed them."""
    return Counter(
        (timer._context.get(current_host), line)
        for timer in loop.calendar.timers()
        if (line := armed_line(timer))
    )


def outlasting(loop: SimLoop, known: Known) -> list[tuple[Host, dict[str, Any]]]:
    """Return what of served programs outlives every call, host by host.

    That is names and lines of tasks, sockets, and how many timers, with the lines that armed them.
    """
    network = loop.network
    timers = _timers(loop) - known.timers
    openings = network.openings.programs()
    found = []
    for server in network.servers:
        tasks = [
            task
            for task in sorted(asyncio.all_tasks(), key=lambda task: hash(task))
            if task not in known.tasks and host_of(task) is server.host and task is not server.task
        ]
        sockets = [
            opening.what
            for opening in openings
            if opening.host is server.host
            and opening not in known.openings
            and not opening.may_be_kept
        ]
        armed = [line for host, line in timers.elements() if host is server.host]
        if tasks or sockets or armed:
            names: dict[str, Any] = {"tasks": [task.get_name() for task in tasks]}
            open_ = {"sockets": sockets} if sockets else {}
            lines = {"lines": [await_line(task) for task in tasks]} if tasks else {}
            late = {"timers": len(armed), "armed": armed} if armed else {}
            found.append((server.host, names | open_ | lines | late))
    return found


def host_of(task: asyncio.Task[Any]) -> Host | None:
    """Return the host whose program the task is part of; None if nobody's."""
    return task.context.get(current_host) if isinstance(task, Task) else None


async def shut_down(loop: SimLoop, *, calls_are_over: bool) -> list[Opening]:
    """End every program; return what they have left open, as far as it is their fault.

    Args:
        calls_are_over: no call is under way, in which programs may hold what they like.

    In debug mode everything is returned, whoever opened it.
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
        if loop.get_debug() or (calls_are_over and opening.host in served)
    ]
    # Their protocols are told, or else warn of what the end of the world did.
    network.openings.abort()
    await _cancel_the_rest()
    return left


def cut_off(loop: SimLoop) -> None:
    """End programs that could not go on: they are cancelled at once, and given little time."""
    limit_ns = loop.time_limit_ns
    if limit_ns is not None:
        loop.time_limit_ns = max(limit_ns, loop.calendar.now_ns) + _LAST_SECONDS_NS
    loop.network.openings.abort()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    with contextlib.suppress(SimulationError):  # whoever holds out is left behind
        loop.run_until_complete(_cancel_the_rest())


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
