"""Wall mode: the same fakes in real time, on real loopback sockets, for a bridge in any language.

Real time is a second class, not a flag: :class:`WallSimulation` offers the part of
:class:`simkit.Simulation` that scenarios use. The bridge is a process of its own, of which nothing
is known but the port it listens on.
"""

from .child import Child
from .errors import BridgeError, PortError, WallError
from .simulation import WallSimulation

__all__ = ["BridgeError", "Child", "PortError", "WallError", "WallSimulation"]
