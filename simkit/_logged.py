"""What programs log of audio that they drop: then it is no mishap, but a policy that says so."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_DROPS = re.compile(r"drop|discard|shed", re.IGNORECASE)
_SOUND = re.compile(r"audio|media|frame|chunk|packet|sample|queue|buffer", re.IGNORECASE)

_lock = threading.Lock()
_listeners: dict[int, Callable[[str], object]] = {}
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
        if _DROPS.search(text) and _SOUND.search(text):
            tell(text)
    return record


@contextmanager
def listening(tell: Callable[[str], object]) -> Iterator[None]:
    """Tell of what this thread logs of dropped audio, as far as its level lets it through.

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
