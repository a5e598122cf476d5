"""What programs log of audio that they drop: then it is no mishap, but a policy that says so.

And what the servers under them log of exceptions that nobody took.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

_DROPS = re.compile(r"drop|discard|shed", re.IGNORECASE)
_SOUND = re.compile(r"audio|media|frame|chunk|packet|sample|queue|buffer", re.IGNORECASE)

SERVERS = (
    "aiohttp.server",
    "hypercorn.error",
    "quart.app",
    "uvicorn.error",
    "websockets.server",
)
"""Loggers by which servers tell what a handler raised, with its traceback; they go on then."""

_Tell = Callable[[str, BaseException | None], object]
_lock = threading.Lock()
_listeners: dict[int, _Tell] = {}
"""Whom what is logged in a thread is told, by the thread."""
_make = logging.getLogRecordFactory()


def _made(*args: Any, **kwargs: Any) -> logging.LogRecord:
    record = _make(*args, **kwargs)
    tell = _listeners.get(threading.get_ident())
    if tell is not None:
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            return record  # logging itself complains of it
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and record.name in SERVERS and record.levelno >= logging.ERROR:
            tell(text, error)
        elif _DROPS.search(text) and _SOUND.search(text):
            tell(text, None)
    return record


@contextmanager
def listening(tell: _Tell) -> Iterator[None]:
    """Tell of what this thread logs of dropped audio, as far as its level lets it through.

    And of what its servers log of exceptions in a handler: these, too.

    A handler would do, but for its effect on a program: with one in place, ``basicConfig`` does
    nothing, and warnings are not printed by default.
    """
    global _make
    thread = threading.get_ident()
    with _lock:
        if not _listeners:
            _make = logging.getLogRecordFactory()
            logging.setLogRecordFactory(_made)
        before = _listeners.get(thread)
        _listeners[thread] = tell
    try:
        yield
    finally:
        with _lock:
            _listeners.pop(thread)
            if before is not None:
                _listeners[thread] = before
            if not _listeners and logging.getLogRecordFactory() is _made:
                logging.setLogRecordFactory(_make)


@contextmanager
def unheard() -> Iterator[None]:
    """Let nothing be printed of what handlers raise in this thread: they are ended from outside."""
    thread = threading.get_ident()

    def is_another(record: logging.LogRecord) -> bool:
        return record.thread != thread or not record.exc_info

    with ExitStack() as added:
        for name in SERVERS:
            logger = logging.getLogger(name)
            logger.addFilter(is_another)
            added.callback(logger.removeFilter, is_another)
        yield
