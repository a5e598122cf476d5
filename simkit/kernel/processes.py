"""The program's own process: child processes are refused, signals to itself reach its handlers."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from typing import Any

from .cfunction import CFunction
from .errors import OutsideWorldError
from .inside import get_ident, realms

_kill = CFunction(os.kill)
_raise_signal = CFunction(signal.raise_signal)
_real_popen = subprocess.Popen.__init__


def _refusal(call: str) -> OutsideWorldError:
    return OutsideWorldError(
        f"{call} would start a child process, which runs on the machine's clock, so the run could "
        "not be repeated. Start it before the simulation, or let a simulated host do its work"
    )


def _refusing(name: str) -> Callable[..., Any]:
    """Wrap a function of ``os`` that makes a process so that it refuses inside a simulation."""
    real = getattr(os, name)

    def guarded(*args: Any, **options: Any) -> Any:
        if get_ident() in realms:
            raise _refusal(f"os.{name}{args!r}")
        return real(*args, **options)

    return guarded


def _guarded_popen(process: Any, args: Any, *rest: Any, **options: Any) -> None:
    if get_ident() in realms:
        raise _refusal(f"subprocess.Popen({args!r})")
    _real_popen(process, args, *rest, **options)


def _handled(number: int) -> bool:
    """Queue the loop's handler of a signal that the program sends itself; False if it has none."""
    realm = realms.get(get_ident())
    return realm is not None and realm.on_signal(number)


def _virtual_kill(pid: int, number: int) -> None:
    if pid != os.getpid() or not _handled(number):
        _kill.original(pid, number)


def _virtual_raise_signal(number: int) -> None:
    if not _handled(number):
        _raise_signal.original(number)


REPLACEMENTS: list[tuple[CFunction, Callable[..., Any]]] = [
    (_kill, _virtual_kill),
    (_raise_signal, _virtual_raise_signal),
]


PATCHES: list[tuple[Any, str, Any]] = [
    (subprocess.Popen, "__init__", _guarded_popen),
    *(
        (os, name, _refusing(name))
        for name in ("system", "fork", "forkpty", "posix_spawn", "posix_spawnp")
        if hasattr(os, name)
    ),
]
