"""Recordings: calls on disk, and calls again.

The format (a folder, checked to the last field when it is read), the import of logs, and the
replay against today's bridge.
"""

from .format import (
    Header,
    RecordedEvent,
    Recording,
    RecordingError,
    SoundRef,
    Speaks,
    read,
    write,
)
from .import_log import import_log
from .replay import Replay, replay

__all__ = [
    "Header",
    "RecordedEvent",
    "Recording",
    "RecordingError",
    "Replay",
    "SoundRef",
    "Speaks",
    "import_log",
    "read",
    "replay",
    "write",
]
