"""What commands have in common that run in real time, against a process."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .main import Refusal

if TYPE_CHECKING:
    from ..wall import WallSimulation


def open_wall(
    wall: bool,
    seed: int,
    *,
    app: str | None,
    bridge: str | None,
    command: str | None,
    verbose: bool,
    env: Mapping[str, str],
) -> WallSimulation | None:
    """Return a world in real time with the bridge that the options name; None without ``--wall``.

    Raises:
        Refusal: the options contradict each other.
        WallError: there is no such bridge.
    """
    if not wall:
        for name, value in (("--bridge", bridge), ("--exec", command), ("--verbose", verbose)):
            if value:
                raise Refusal(f"{name}: goes with --wall only")
        return None
    if app is not None and (bridge is not None or command is not None):
        raise Refusal(
            "--app is served by simkit; --bridge and --exec name what serves by itself: choose one"
        )
    from ..wall import WallSimulation

    end_in_order()
    world = WallSimulation(seed, bridge=bridge)
    try:
        if command is not None:
            world.serve(command, env=env, verbose=verbose)
        elif bridge is None:
            world.serve_app(app, env=env, verbose=verbose)
    except BaseException:
        world.close()
        raise
    return world


def end_in_order() -> None:
    """Let SIGTERM end the bridge first, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, frame: Any) -> None:
    sys.exit(128 + number)
