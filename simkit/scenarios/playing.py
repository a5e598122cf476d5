"""Playing a scenario in a world, and seeing what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from .._outcomes import outcome_of
from .._served import put_up, with_cause
from ..kernel import SimulationError
from ..network.serve import AppError
from ..recording import own_bridge
from ..recording.own_bridge import knows_own_line
from ..report import Outcome
from ..simulation import Simulation
from ..twilio import CallFailed
from ..world import World
from .patience import Hung, at_most
from .registry import NotApplicable, Scenario, missing
from .substitute import Substitute
from .variety import vary

_START_LIMIT = 60.0
"""Seconds that a bridge may take to start, besides the scenario's own limit."""


def simulate(
    scenario: Scenario,
    settings: dict[str, Any] | None = None,
    *,
    app: Any = None,
    seed: int = 0,
    prepare: Callable[[Simulation], object] | None = None,
    varied: bool = False,
    upstream: str | None = None,
    real_limit: float = 60.0,
) -> Outcome:
    """Play a scenario on the virtual clock.

    Args:
        scenario: which.
        settings: its parameters, where they are not to be as by default.
        app: an ASGI application, a function that takes ``sim`` and puts the bridge up, or where to
            find either, ``"module:attribute"``; None for simkit's own bridge.
        seed: of the simulation.
        prepare: turns knobs of the world before anything happens in it.
        varied: let the seed change distances, timings and whatever else a right bridge stands.
        upstream: what the bridge speaks to in Vapi's place: ``openai-realtime``, or a host and its
            dialect as ``host=module:attribute``.
        real_limit: seconds of real time after which a run is given up: an application that computes
            for ever lets no virtual time pass. Only in the main thread.

    Raises:
        AppError: the application cannot be loaded or does not start.
    """
    outcome = None
    try:
        with (
            at_most(real_limit) as hung,
            Simulation(seed, time_limit=scenario.limit + _START_LIMIT) as sim,
        ):
            put_up(sim, own_bridge(**scenario.offered(settings or {})) if app is None else app)
            if varied:
                vary(sim, seed)
            if prepare is not None:
                prepare(sim)
            world: Any = sim if upstream is None else Substitute(sim, upstream)
            outcome = play(scenario, world, settings)
            outcome.failure = with_cause(sim, outcome.failure)
    except Hung as error:
        if outcome is None:
            raise AppError(f"app {app!r}: {error}") from None
    if hung:
        outcome.failure = hung[0]
    return outcome


def play(scenario: Scenario, world: World, settings: dict[str, Any] | None = None) -> Outcome:
    """Play a scenario in a world in which a bridge is served, and judge what came of it.

    Raises:
        AppError: the bridge did not start.
    """
    started, began = time.process_time(), world.now
    failure = inapplicable = ""
    knows_own_line(world)
    for check, reason in scenario.waives.items():
        world.checks.waive(check, reason=reason)
    try:
        failure, inapplicable = world.run(_play(scenario, world, settings or {}))
        timeline = world.finish()
    except (SimulationError, Hung) as error:
        failure, timeline = str(error), world.timeline
    return outcome_of(
        world,
        timeline,
        world.checks.judge(),
        call_seconds=world.now - began,
        cpu_seconds=time.process_time() - started,
        failure=failure,
        inapplicable=inapplicable,
    )


async def _play(scenario: Scenario, world: World, settings: dict[str, Any]) -> tuple[str, str]:
    """Return why the scenario did not go to its end, and why it says nothing of the bridge.

    Every call is over afterwards.
    """
    failure = inapplicable = ""
    try:
        lack = missing(
            scenario,
            is_vapi=not isinstance(world, Substitute),
            is_virtual=isinstance(world, Simulation | Substitute),
        )
        if lack:
            raise NotApplicable(lack)
        async with asyncio.timeout(scenario.limit) as limit:
            await scenario.function(world, **settings)
    except NotApplicable as reason:
        inapplicable = str(reason)
    except (CallFailed, AssertionError) as error:
        failure = str(error).replace("Vapi", getattr(world, "service", "Vapi"))
    except TimeoutError as error:
        failure = str(error) or "it took too long"
        if limit.expired():
            failure = f"not over after {scenario.limit:g} s"
    for call in world.twilio.calls:
        if call.status == "in-progress":
            await call.hangs_up()
    return failure, inapplicable
