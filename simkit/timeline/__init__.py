"""The timeline: what happened, as small typed events, and all that follows from it.

Text for snapshots and people, and the measures. Nothing here reaches back into a running world:
data in, data out.
"""

from .barge_ins import BargeIn, barge_ins
from .carrier import carrier_delay_ns, carrier_lost_ns
from .clock import Clock
from .events import Event, Timeline
from .intervals import audible, bridged, calls_of, is_directed, sessions_of, upstreams_of
from .levels import Level
from .measures import CallMeasures, PacingError, measures
from .turns import chances

__all__ = [
    "BargeIn",
    "CallMeasures",
    "Clock",
    "Event",
    "Level",
    "PacingError",
    "Timeline",
    "audible",
    "barge_ins",
    "bridged",
    "calls_of",
    "carrier_delay_ns",
    "carrier_lost_ns",
    "chances",
    "is_directed",
    "measures",
    "sessions_of",
    "upstreams_of",
]
