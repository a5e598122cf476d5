"""Clocks that are virtual inside a simulation: ``time`` and ``datetime``."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .cfunction import CFunction
from .inside import get_ident, realms

if TYPE_CHECKING:
    from .realm import Realm

_LONGEST_SLEEP = 2**63 / 1e9
"""What ``time.sleep`` takes, in seconds."""

_time = CFunction(time.time)
_time_ns = CFunction(time.time_ns)
_monotonic = CFunction(time.monotonic)
_monotonic_ns = CFunction(time.monotonic_ns)
_perf_counter = CFunction(time.perf_counter)
_perf_counter_ns = CFunction(time.perf_counter_ns)
_sleep = CFunction(time.sleep)
_localtime = CFunction(time.localtime)
_gmtime = CFunction(time.gmtime)
_ctime = CFunction(time.ctime)
_asctime = CFunction(time.asctime)
_strftime = CFunction(time.strftime)
_now = CFunction(datetime.datetime.__dict__["now"])
_utcnow = CFunction(datetime.datetime.__dict__["utcnow"])


def _virtual_time() -> float:
    realm = realms.get(get_ident())
    if realm is None:
        return float(_time.original())
    # A division of integers: through a float first, the sum would be rounded twice.
    return (realm.epoch_ns + realm.now_ns()) / 1_000_000_000


def _virtual_time_ns() -> int:
    realm = realms.get(get_ident())
    if realm is None:
        return int(_time_ns.original())
    return realm.epoch_ns + realm.now_ns()


def _counter(function: CFunction) -> Callable[[], float]:
    def virtual_counter() -> float:
        realm = realms.get(get_ident())
        if realm is None:
            return float(function.original())
        return realm.now_ns() / 1_000_000_000

    return virtual_counter


def _counter_ns(function: CFunction) -> Callable[[], int]:
    def virtual_counter_ns() -> int:
        realm = realms.get(get_ident())
        if realm is None:
            return int(function.original())
        return realm.calendar._now if realm.worker_ns is None else realm.now_ns()

    return virtual_counter_ns


def _virtual_sleep(delay: Any) -> None:
    realm = realms.get(get_ident())
    if realm is None or not isinstance(delay, (int, float)) or not 0 <= delay < _LONGEST_SLEEP:
        _sleep.original(delay)
    else:
        realm.sleep(round(delay * 1e9))


def _broken_down(function: CFunction) -> Callable[..., Any]:
    """Wrap a function that takes seconds, or else those of the clock."""

    def virtual_broken_down(*args: Any) -> Any:
        if args in ((), (None,)) and get_ident() in realms:
            args = (time.time(),)
        return function.original(*args)

    return virtual_broken_down


def _virtual_asctime(*args: Any) -> Any:
    if not args and get_ident() in realms:
        args = (time.localtime(),)
    return _asctime.original(*args)


def _virtual_strftime(*args: Any) -> Any:
    if len(args) == 1 and get_ident() in realms:
        args = (args[0], time.localtime())
    return _strftime.original(*args)


def _virtual_now(cls: Any, tz: Any = None) -> Any:
    realm = realms.get(get_ident())
    if realm is None:
        return _now.original(cls, tz)
    return _datetime_at(cls, realm, tz)


def _virtual_utcnow(cls: Any) -> Any:
    realm = realms.get(get_ident())
    if realm is None:
        return _utcnow.original(cls)
    return _datetime_at(cls, realm, datetime.UTC).replace(tzinfo=None)


def _datetime_at(cls: Any, realm: Realm, zone: Any) -> Any:
    whole, rest_ns = divmod(realm.epoch_ns + realm.now_ns(), 1_000_000_000)
    return cls.fromtimestamp(whole, zone).replace(microsecond=rest_ns // 1000)


REPLACEMENTS: list[tuple[CFunction, Callable[..., Any]]] = [
    (_time, _virtual_time),
    (_time_ns, _virtual_time_ns),
    (_monotonic, _counter(_monotonic)),
    (_monotonic_ns, _counter_ns(_monotonic_ns)),
    (_perf_counter, _counter(_perf_counter)),
    (_perf_counter_ns, _counter_ns(_perf_counter_ns)),
    (_sleep, _virtual_sleep),
    (_localtime, _broken_down(_localtime)),
    (_gmtime, _broken_down(_gmtime)),
    (_ctime, _broken_down(_ctime)),
    (_asctime, _virtual_asctime),
    (_strftime, _virtual_strftime),
    (_now, _virtual_now),
    (_utcnow, _virtual_utcnow),
]
