"""How the bridge under test comes into a simulation: as an application, or by a function."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from .network.serve import AppError, load
from .world import BRIDGE_HOST, World

if TYPE_CHECKING:
    from .simulation import Simulation


def put_up(sim: Simulation, app: Any) -> None:
    """Serve a bridge on its host, or let a function do so that takes ``sim``.

    Such a function says what an application cannot: where its webhook is, what it is told in its
    environment, what else is in its world.

    Args:
        sim: the world.
        app: what :meth:`simkit.network.Host.serve` takes, or a function with the one parameter
            ``sim``; either may be named by ``"package.module:attribute"``.

    Raises:
        AppError: there is no such application, or the function raised.
    """
    found = load(app) if isinstance(app, str) else app
    if not takes_simulation(found):
        sim.host(BRIDGE_HOST).serve(app)
        return
    try:
        found(sim)
    except AppError:
        raise
    except Exception as error:
        raise AppError(f"app {app!r} raised {type(error).__name__}: {error}") from error


def with_cause(world: World, failure: str) -> str:
    """Return why a call failed, with what the application raised where that is known."""
    from .simulation import Simulation

    if "answered with HTTP 5" not in failure or not isinstance(world, Simulation):
        return failure
    raised = [one for server in world.loop.network.servers for one in server.failures]
    return f"{failure}; the application raised {raised[-1]}" if raised else failure


def takes_simulation(app: Any) -> bool:
    """Tell a function that puts a bridge up from an application."""
    try:
        return list(inspect.signature(app).parameters) == ["sim"]
    except (TypeError, ValueError):
        return False
