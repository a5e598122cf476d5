"""Reports: a call as people look at it.

Built from the timeline, the measures and the checks alone: text for a terminal, a picture.
"""

from .outcome import Outcome
from .picture import draw
from .terminal import console, print_barge_ins, print_checks, print_measures, print_timeline

__all__ = [
    "Outcome",
    "console",
    "draw",
    "print_barge_ins",
    "print_checks",
    "print_measures",
    "print_timeline",
]
