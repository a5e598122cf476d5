"""Reports: a call as people look at it.

Built from the timeline, the measures and the checks alone. So far the terminal; pictures and
sound follow.
"""

from .outcome import Outcome
from .terminal import console, print_barge_ins, print_checks, print_measures, print_timeline

__all__ = [
    "Outcome",
    "console",
    "print_barge_ins",
    "print_checks",
    "print_measures",
    "print_timeline",
]
