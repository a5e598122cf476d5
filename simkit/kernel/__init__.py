"""The kernel: virtual time.

A :class:`Calendar` (simpy's environment, in integer nanoseconds), the asyncio :class:`Loop` that
runs on it, the :class:`Realm` that makes ``time``, ``datetime`` and ``random`` agree with it, and
:class:`Entropy`, the seeded generators. Nothing here knows of hosts, phones or calls.
"""

from .calendar import Calendar, seconds
from .choices import Choices, PollHandle
from .entropy import Entropy
from .errors import (
    DeadlockError,
    ForeignThreadError,
    LivelockError,
    OutsideWorldError,
    SimulationError,
    TimeLimitError,
    await_line,
    is_library,
    raising_line,
    running_line,
    running_task,
)
from .inside import stepped_out
from .joining import happening
from .loop import Loop
from .realm import EPOCH_NS, Realm
from .shaking import shaken_memory
from .tasks import Task
from .trail import DivergenceError, Trail, checksum, compare, named
from .unawaited import made_at

__all__ = [
    "EPOCH_NS",
    "Calendar",
    "Choices",
    "DeadlockError",
    "DivergenceError",
    "Entropy",
    "ForeignThreadError",
    "LivelockError",
    "Loop",
    "OutsideWorldError",
    "PollHandle",
    "Realm",
    "SimulationError",
    "Task",
    "TimeLimitError",
    "Trail",
    "await_line",
    "checksum",
    "compare",
    "happening",
    "is_library",
    "made_at",
    "named",
    "raising_line",
    "running_line",
    "running_task",
    "seconds",
    "shaken_memory",
    "stepped_out",
]
