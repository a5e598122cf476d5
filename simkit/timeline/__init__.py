"""The timeline: what happened, as small typed events, and all that follows from it.

Text for snapshots and people, and the measures. Nothing here reaches back into a running world:
data in, data out.
"""

from .carrier import carrier_delay_ns, carrier_lost_ns
from .clock import Clock
from .events import Event, Timeline
from .measures import BargeIn, barge_ins, sessions_of

__all__ = [
    "BargeIn",
    "Clock",
    "Event",
    "Timeline",
    "barge_ins",
    "carrier_delay_ns",
    "carrier_lost_ns",
    "sessions_of",
]
