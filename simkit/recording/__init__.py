"""Recordings: calls on disk, and calls again.

The format (a folder, checked to the last field when it is read), the import of logs, and the
replay against today's bridge.
"""

from .deviation import Deviation
from .divergence import Divergence
from .format import (
    Header,
    RecordedEvent,
    RecordingError,
    SoundRef,
    Speaks,
)
from .import_log import import_log
from .media import MediaFormat, MediaRun
from .own_bridge import ENVIRONMENT, own_bridge
from .reading import Recording, read
from .recorder import write
from .replay import Replay, replay

__all__ = [
    "ENVIRONMENT",
    "Deviation",
    "Divergence",
    "Header",
    "MediaFormat",
    "MediaRun",
    "RecordedEvent",
    "Recording",
    "RecordingError",
    "Replay",
    "SoundRef",
    "Speaks",
    "import_log",
    "own_bridge",
    "read",
    "replay",
    "write",
]
