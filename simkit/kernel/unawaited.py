"""Coroutines that nobody awaited: Python only warns, and often where nobody looks."""

from __future__ import annotations

import warnings
from typing import Any

from .errors import short_path
from .inside import get_ident, realms

_real_warn: Any = warnings._warn_unawaited_coroutine  # type: ignore[attr-defined]


def _warn_unawaited_coroutine(coro: Any) -> None:
    realm = realms.get(get_ident())
    if realm is not None and realm.on_unawaited is not None:
        realm.on_unawaited(coro)
    _real_warn(coro)


def made_at(coro: Any) -> str:
    """Say where a coroutine was made, which debug mode knows, or else where it is defined."""
    if coro.cr_origin:
        filename, line, name = coro.cr_origin[0]
        return f"{short_path(filename)}:{line} in {name}"
    code = coro.cr_code
    return f"{short_path(code.co_filename)}:{code.co_firstlineno}, where it is defined"


PATCHES: list[tuple[Any, str, Any]] = [
    # The interpreter asks for it by name, when such a coroutine is destroyed.
    (warnings, "_warn_unawaited_coroutine", _warn_unawaited_coroutine),
]
