"""Other event loops inside a simulation: on its clock, or refused.

``asyncio.run`` and ``asyncio.new_event_loop`` make a loop of the same world there. A loop of the
operating system's waits in real time, on a clock that stands still meanwhile: it would hang.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Callable
from typing import Any

from .errors import SimulationError
from .inside import get_ident, realms

_policy: Any = asyncio.events.BaseDefaultEventLoopPolicy
_real_new_event_loop = _policy.new_event_loop


def _new_event_loop(policy: Any) -> asyncio.AbstractEventLoop:
    realm = realms.get(get_ident())
    if realm is None or realm.threads is None:
        made: asyncio.AbstractEventLoop = _real_new_event_loop(policy)
        return made
    return realm.threads.new_loop()


def _refusing(real: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(loop: Any, *args: Any) -> Any:
        if get_ident() in realms:
            raise SimulationError(
                f"{loop!r} would wait in real time, on a clock that stands still inside a "
                "simulation, and never end. Use asyncio.run(...) or asyncio.new_event_loop(), "
                "which make a loop of the same world there, or await the coroutine in the loop "
                "that runs: asyncio.run_coroutine_threadsafe(coro, loop).result()"
            )
        return real(loop, *args)

    return guarded


def patches() -> list[tuple[Any, str, Any]]:
    """Return what is to be replaced, of asyncio and of uvloop where that is in use."""
    found: list[tuple[Any, str, Any]] = [
        (_policy, "new_event_loop", _new_event_loop),
        (BaseSelectorEventLoop, "run_forever", _refusing(asyncio.BaseEventLoop.run_forever)),
    ]
    if "uvloop" in sys.modules:
        kind = sys.modules["uvloop"].Loop
        found += [
            (kind, name, _refusing(getattr(kind, name)))
            for name in ("run_forever", "run_until_complete")
        ]
    return found
