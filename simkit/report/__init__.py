"""Reports: a call as people look at it.

Built from the timeline, the measures and the checks alone: text for a terminal, a picture, a
trace.
"""

from .outcome import Outcome
from .picture import draw
from .terminal import (
    console,
    print_barge_ins,
    print_checks,
    print_measures,
    print_table,
    print_timeline,
)
from .trace import trace

__all__ = [
    "Outcome",
    "console",
    "draw",
    "print_barge_ins",
    "print_checks",
    "print_measures",
    "print_table",
    "print_timeline",
    "trace",
]
