"""simkit: deterministic simulation of phone calls, for testing real-time voice bridges.

Runs a real, unmodified bridge between Twilio and Vapi inside a simulation of the phone, both
services, the network and time itself. The same seed gives the same bytes.

>>> import simkit
>>> with simkit.Simulation(seed=0) as sim:
...     sim.now
0.0
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .kernel import (
        DeadlockError,
        DivergenceError,
        ForeignThreadError,
        LivelockError,
        OutsideWorldError,
        SimulationError,
        TimeLimitError,
        seconds,
    )
    from .network import UnknownHostError, new_event_loop
    from .network.serve import AppError
    from .simulation import Simulation
    from .timeline import BargeIn, CallMeasures, Event, Timeline
    from .twilio import Call, CallFailed, NotHappened, NotHeard
    from .vapi import Assistant, Reply

__version__ = "0.1.0"

_HOMES = {
    "AppError": "simkit.network.serve",
    "Assistant": "simkit.vapi",
    "BargeIn": "simkit.timeline",
    "CallMeasures": "simkit.timeline",
    "Call": "simkit.twilio",
    "CallFailed": "simkit.twilio",
    "DeadlockError": "simkit.kernel",
    "DivergenceError": "simkit.kernel",
    "Event": "simkit.timeline",
    "ForeignThreadError": "simkit.kernel",
    "LivelockError": "simkit.kernel",
    "NotHappened": "simkit.twilio",
    "NotHeard": "simkit.twilio",
    "OutsideWorldError": "simkit.kernel",
    "Reply": "simkit.vapi",
    "Simulation": "simkit.simulation",
    "SimulationError": "simkit.kernel",
    "TimeLimitError": "simkit.kernel",
    "Timeline": "simkit.timeline",
    "UnknownHostError": "simkit.network",
    "new_event_loop": "simkit.network",
    "seconds": "simkit.kernel",
}

__all__ = [
    "AppError",
    "Assistant",
    "BargeIn",
    "Call",
    "CallFailed",
    "CallMeasures",
    "DeadlockError",
    "DivergenceError",
    "Event",
    "ForeignThreadError",
    "LivelockError",
    "NotHappened",
    "NotHeard",
    "OutsideWorldError",
    "Reply",
    "Simulation",
    "SimulationError",
    "TimeLimitError",
    "Timeline",
    "UnknownHostError",
    "new_event_loop",
    "seconds",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: ``import simkit`` itself loads nothing."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'simkit' has no attribute {name!r}")
    found = getattr(importlib.import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
