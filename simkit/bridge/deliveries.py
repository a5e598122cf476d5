"""Deliveries: which callbacks are news. They come twice, late, and in any order."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

_CALLS = 1000
_KEYS = 500

News = Literal["new", "duplicate", "late"]


class Deliveries:
    """Remembers what was told of the latest calls, within bounds.

    >>> deliveries = Deliveries()
    >>> deliveries.take("CA1", "3", 4), deliveries.take("CA1", "2", 3), deliveries.take("CA1", "3")
    ('new', 'late', 'duplicate')
    """

    def __init__(self) -> None:
        self._calls: OrderedDict[str, _Told] = OrderedDict()

    def take(self, call: str, key: str, progress: int = -1) -> News:
        """Note a callback; returns whether it is new.

        Args:
            call: which call it is of.
            key: what its repetitions have in common.
            progress: how far the call is by its word, where it says so; lower than what was told
                before is ``late``.
        """
        told = self._calls.get(call)
        if told is None:
            told = self._calls[call] = _Told()
            if len(self._calls) > _CALLS:
                self._calls.popitem(last=False)
        self._calls.move_to_end(call)
        if key in told.keys:
            return "duplicate"
        told.keys[key] = None
        if len(told.keys) > _KEYS:
            told.keys.popitem(last=False)
        if 0 <= progress < told.progress:
            return "late"
        told.progress = max(told.progress, progress)
        return "new"


class _Told:
    def __init__(self) -> None:
        self.keys: OrderedDict[str, None] = OrderedDict()
        self.progress = -1
