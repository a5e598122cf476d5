"""The network: the internet in memory.

Hosts with names and addresses, links with latency in each direction, and streams that behave as
TCP does under asyncio; datagrams, Unix sockets, and sockets that a library makes itself. A name
that is not part of the simulation does not resolve; no packet leaves.
"""

from .hosts import AddressFaults, Host
from .internet import Network, UnknownHostError
from .link import Direction, Link
from .loop import SimLoop, new_event_loop
from .openings import LeftOpenWarning
from .stream import StreamTransport

__all__ = [
    "AddressFaults",
    "Direction",
    "Host",
    "LeftOpenWarning",
    "Link",
    "Network",
    "SimLoop",
    "StreamTransport",
    "UnknownHostError",
    "new_event_loop",
]
