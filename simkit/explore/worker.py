"""The program of a worker process: warmed once, it runs each job in a fork of itself.

So a bridge finds every time what it would find in a process of its own, and one that ends its
process or computes for ever in C code spoils no other run. A share of jobs for simkit's own bridge,
which keeps nothing from one run to the next, is one fork.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import os
import re
import select
import signal
import struct
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from .._served import takes_simulation
from ..kernel.errors import short_path
from ..network.serve import load
from ..scenarios.job import Job, Verdict, judge, surroundings, went_wrong
from ..scenarios.patience import HUNG, Hung, at_most
from ..simulation import Simulation

_GRACE = 5.0
"""Seconds at most behind the limit in real time, for a program that cannot be interrupted."""
_LOOK = 1.0
"""Seconds between looks whether the others are still there."""
_LENGTH = struct.Struct(">I")
_LINE = re.compile(r'File "(.+)", line (\d+) in (\S+)')
_LIBRARIES = (os.path.dirname(threading.__file__), "<frozen")


class Orders(msgspec.Struct):
    """What a worker is told first."""

    path: list[bytes]
    """Where modules are looked for, as the system names places."""
    real_limit: float
    pages: bytes | None = None
    """Folder that the page of each call is written to; None: to none."""


class Told(msgspec.Struct):
    """What a fork tells."""

    verdict: Verdict
    threads: int
    """Besides the first one, that are left behind."""


def framed(message: Any) -> bytes:
    """Encode a message, with its length before it."""
    data = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(data)) + data


class Frames:
    """Takes bytes apart into messages."""

    def __init__(self, kind: Any) -> None:
        self._decoder = msgspec.msgpack.Decoder(kind)
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[Any]:
        """Yield every message that is whole by now."""
        self._data += data
        while len(self._data) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._data)[0]
            if len(self._data) < end:
                return
            message = bytes(self._data[_LENGTH.size : end])
            del self._data[:end]
            yield self._decoder.decode(message)


def main() -> None:
    """Run what comes on stdin, and tell on stdout, until stdin ends."""
    orders_in, told_out = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)
    messages = _messages(orders_in)
    first = next(messages, None)
    if first is None:
        return  # whoever started this has ended
    orders = msgspec.convert(first, Orders)
    sys.path[:] = map(os.fsdecode, orders.path)
    warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside the threads of numpy
    # What is imported and reckoned here need not be in every fork.
    with tempfile.TemporaryDirectory() as nobodys:
        judge(Job("greeting"), pages=Path(nobodys) if orders.pages is not None else None)
    worker = Worker(orders, told_out)
    worker.tell("ready")
    # What bridges print would be from hundreds of runs at once; `simkit run` shows it of one.
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    for share in messages:
        worker.run(msgspec.convert(share, list[Job]))


def _messages(source: int) -> Iterator[Any]:
    frames = Frames(Any)
    while data := os.read(source, 65_536):
        yield from frames.feed(data)


class Worker:
    """Runs shares of jobs, each in a fork.

    Args:
        orders: what it was told first.
        out: where verdicts go, in the order of the jobs.
    """

    def __init__(self, orders: Orders, out: int) -> None:
        self._real_limit = real_limit = orders.real_limit
        self._pages = None if orders.pages is None else Path(os.fsdecode(orders.pages))
        self._last_limit = real_limit + min(_GRACE, real_limit)
        self._out = os.fdopen(out, "wb")
        self._parent = os.getppid()
        self._trace = tempfile.TemporaryFile("w+")  # noqa: SIM115 - for every fork
        self._forkable: dict[str, bool] = {}
        """Of applications that were tried: whether they may be loaded before the fork."""

    def tell(self, message: Any) -> None:
        """Write a message."""
        self._out.write(framed(message))
        self._out.flush()

    def run(self, jobs: list[Job]) -> None:
        """Run jobs, and write a verdict for each."""
        is_again = False
        while jobs:
            app = jobs[0].app
            # What an application keeps from one run must not be there in the next.
            share = list(takewhile(lambda job: job.app is None, jobs)) or jobs[:1]
            done, end = self._fork(share, app)
            jobs = jobs[done:]
            if done == len(share):
                continue
            if end in (-signal.SIGKILL, -signal.SIGTERM) and not (is_again and not done):
                is_again = True  # perhaps the system needed the memory
                continue
            is_again = False
            self.tell(went_wrong(jobs.pop(0), end if isinstance(end, str) else _ended(end)))

    def _fork(self, jobs: list[Job], app: str | None) -> tuple[int, int | str]:
        """Run jobs in a fork; returns how many it finished, and how it ended: its code, or why."""
        if app is not None and self._forkable.get(app):
            self._load(app)
        gc.collect()
        gc.freeze()
        self._trace.seek(0)
        self._trace.truncate()
        told, telling = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(told)
            self._be_the_fork(jobs, telling)
        os.close(telling)
        try:
            done, code = self._listen(told, pid)
        finally:
            os.close(told)
        if done < len(jobs) and code == 1 and (where := self._hung_at()):
            return done, f"{HUNG} {self._last_limit:g} s of real time, at {where}"
        return done, code

    def _be_the_fork(self, jobs: list[Job], telling: int) -> NoReturn:
        try:
            out = os.fdopen(telling, "wb")
            for job in jobs:
                faulthandler.dump_traceback_later(self._last_limit, exit=True, file=self._trace)
                verdict = judge(job, real_limit=self._real_limit, pages=self._pages)
                faulthandler.cancel_dump_traceback_later()
                out.write(framed(Told(verdict, threading.active_count() - 1)))
                out.flush()
            os._exit(0)
        finally:
            os._exit(70)

    def _listen(self, told: int, pid: int) -> tuple[int, int]:
        """Pass a fork's verdicts on until it has ended; returns their number and its exit code."""
        frames = Frames(Told)
        patience = self._last_limit + _GRACE
        done, until, is_open = 0, time.monotonic() + patience, True
        while True:
            if is_open and select.select([told], [], [], _LOOK)[0]:
                data = os.read(told, 65_536)
                is_open = bool(data)
                for one in frames.feed(data):
                    done, until = done + 1, time.monotonic() + patience
                    if one.verdict.job.app is not None:
                        self._forkable.setdefault(one.verdict.job.app, not one.threads)
                    self.tell(one.verdict)
                if is_open:
                    continue
            # What a program has started may live on, and hold the pipe.
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return done, os.waitstatus_to_exitcode(status)
            is_alone = os.getppid() != self._parent
            if is_alone or time.monotonic() > until:
                os.kill(pid, signal.SIGKILL)
            if is_alone:
                os._exit(1)
            if not is_open:
                time.sleep(0.001)

    def _load(self, app: str) -> None:
        """Import an application, which every fork will find imported."""
        with contextlib.suppress(Exception, Hung), surroundings(), at_most(self._real_limit):
            found = load(app)
            if takes_simulation(found):
                with Simulation() as sim:
                    found(sim)  # what it serves is imported by it

    def _hung_at(self) -> str:
        """Return the line of the program at which a fork was ended, where it was."""
        self._trace.seek(0)
        lines = _LINE.findall(self._trace.read())
        own = [line for line in lines if not line[0].startswith(_LIBRARIES)]
        for path, number, function in own or lines:
            return f"{short_path(path)}:{number} in {function}"
        return ""


def _ended(code: int) -> str:
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
    return f"the process was ended {how} in the middle of the run"


if __name__ == "__main__":
    main()
