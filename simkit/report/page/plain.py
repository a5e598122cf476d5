"""Whatever is told of a call, as JSON can hold it: short enough, and with numbers that exist."""

from __future__ import annotations

import math
from typing import Any

MOST_LETTERS = 2000
_MOST_ITEMS = 100
_DEPTH = 8


def clipped(text: str) -> str:
    """Return a text, or as much of its beginning as people read."""
    if len(text) <= MOST_LETTERS:
        return text
    return f"{text[:MOST_LETTERS]}... and {len(text) - MOST_LETTERS} letters more"


def plain(value: Any, depth: int = _DEPTH) -> Any:
    """Return a value as JSON shows it; of what is long or deep, the beginning."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return clipped(value)
    if not depth:
        return "..."
    if isinstance(value, dict):
        rest = len(value) - _MOST_ITEMS
        shown = {clipped(str(key)): plain(value[key], depth - 1) for key in _first(value)}
        return shown | ({"...": f"{rest} more"} if rest > 0 else {})
    if isinstance(value, list | tuple):
        rest = len(value) - _MOST_ITEMS
        return [plain(item, depth - 1) for item in _first(value)] + (
            [f"... {rest} more"] if rest > 0 else []
        )
    return clipped(str(value))


def _first(items: Any) -> list[Any]:
    return list(items)[:_MOST_ITEMS]
