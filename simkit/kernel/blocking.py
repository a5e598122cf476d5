"""What starts, wakes and awaits threads, as it is inside a simulation: see :class:`Threads`."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from .cfunction import CFunction
from .inside import get_ident, realms
from .threads import STARTERS, Threads, real_join

_real_wait = threading.Condition.wait


def _threads() -> Threads | None:
    realm = realms.get(get_ident())
    return None if realm is None else realm.threads


def _starting(starter: CFunction) -> Callable[..., Any]:
    def virtual_start(*args: Any, **options: Any) -> Any:
        threads = _threads()
        if threads is None:
            return starter.original(*args, **options)
        return threads.start(starter, *args, **options)

    return virtual_start


def _virtual_wait(condition: Any, timeout: float | None = None) -> bool:
    threads = _threads()
    if threads is None:
        return _real_wait(condition, timeout)
    if not condition._is_owned():
        raise RuntimeError("cannot wait on un-acquired lock")
    if timeout is not None and timeout <= 0:
        return False
    waiter = threads.waiter()
    condition._waiters.append(waiter)
    state = condition._release_save()
    try:
        return threads.block(waiter, timeout)
    finally:
        condition._acquire_restore(state)
        if not waiter.notified:
            condition._waiters.remove(waiter)


def _virtual_enter(condition: Any) -> bool:
    threads = _threads()
    if threads is not None:
        # Who is to be told by way of it shall not be told too early.
        threads.catch_up()
    entered: bool = condition._lock.__enter__()
    return entered


def _virtual_join(thread: threading.Thread, timeout: float | None = None) -> None:
    threads = _threads()
    if threads is None:
        real_join(thread, timeout)
    else:
        threads.join(thread, timeout)


REPLACEMENTS = [(starter, _starting(starter)) for starter in STARTERS]
PATCHES: list[tuple[Any, str, Any]] = [
    (threading.Condition, "wait", _virtual_wait),
    (threading.Condition, "__enter__", _virtual_enter),
    (threading.Thread, "join", _virtual_join),
    # The one in C waits where nobody can see it; thread pools have one each.
    (queue, "SimpleQueue", queue._PySimpleQueue),  # type: ignore[attr-defined]
]
