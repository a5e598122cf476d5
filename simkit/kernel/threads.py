"""Threads that the program starts itself: on the virtual clock, and one at a time.

A thread started in a simulation runs at once, while its starter waits, until it ends or blocks:
in ``time.sleep``, or in anything built on ``threading.Condition`` (events, queues, semaphores,
futures, thread pools). Then its starter goes on. What it waited for, a notification or the end of
its sleep, is an entry of the calendar like any other, at which it runs again. So threads take turns
at instants that are the same in every run, and what they hand to ``call_soon_threadsafe`` is queued
at the virtual instant at which they did.

A thread that blocks in another way (a lock that another thread holds, a real file or socket) keeps
everybody waiting; after ``patience`` real seconds it is refused with
:class:`~simkit.kernel.ForeignThreadError`.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
import queue
import sys
import threading
import time
from _thread import allocate_lock
from collections.abc import Callable, Iterator
from contextvars import Context
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any

from .cfunction import CFunction
from .errors import ForeignThreadError, describe_frame, describe_tasks
from .inside import get_ident, realms

if TYPE_CHECKING:
    from .loop import Loop
    from .realm import Realm

STARTERS = [
    CFunction(getattr(sys.modules["_thread"], name))
    for name in ("start_new_thread", "start_joinable_thread")
    if hasattr(sys.modules["_thread"], name)
]
_BUSY_NS = 1_000_000
"""Time on the processor within ``patience`` from which on a thread computes rather than blocks."""
real_join = threading.Thread.join


class Waiter:
    """Somebody who waits to be notified; stands where ``Condition`` keeps a lock."""

    def __init__(self, threads: Threads, worker: Worker | None) -> None:
        self._threads = threads
        self._worker = worker
        self.notified = False
        self.lock = allocate_lock()
        self.lock.acquire()

    def release(self) -> None:
        """Notify; called by ``Condition.notify``."""
        self.notified = True
        self.lock.release()
        if self._worker is not None:
            self._threads.wake(self._worker, self, self._threads.now_ns())


IDLE = object()
"""What a worker of an executor waits for that has nothing to do."""


class Worker:
    """One thread of the program, or of an executor."""

    def __init__(self, thread: threading.Thread | None, name: str) -> None:
        self.thread = thread
        self.name = name
        self.ident = 0
        self.go = allocate_lock()
        self.back = allocate_lock()
        self.go.acquire()
        self.back.acquire()
        self.waits_for: object = None
        self.joiners: list[Waiter] = []
        self.ended = False
        self.killed = False
        self.ahead_ns: int | None = None
        """0: what it sleeps is added up in its realm's ``worker_ns``; None: it waits each time."""
        self.loop: Loop | None = None
        """The loop that it runs."""


class Threads:
    """The threads of one simulated loop.

    Attributes:
        patience: real seconds that a thread may run without ending or blocking.
        new_context: makes the context in which a new thread runs.
        new_loop: makes the loop that ``asyncio.new_event_loop`` returns inside the simulation.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.patience = 10.0
        self.new_context: Callable[[], Context] = Context
        self.new_loop: Callable[[], Loop] = self._new_loop
        self._workers: dict[int, Worker] = {}
        self._wakes: list[tuple[int, int, Worker, object]] = []
        self._numbers = count()

    def now_ns(self) -> int:
        """Return the virtual instant."""
        return self._loop.calendar._now

    def running(self) -> Worker | None:
        """Return the worker that the calling thread is, None for any other thread."""
        return self._workers.get(get_ident())

    def start(
        self,
        starter: CFunction,
        function: Callable[..., Any],
        args: tuple[Any, ...] = (),
        keywords: dict[str, Any] | None = None,
        **options: Any,
    ) -> Any:
        """Start a thread and let it run until it ends or blocks.

        Raises:
            ForeignThreadError: it does neither.
        """
        self.catch_up()
        thread = getattr(function, "__self__", None)
        thread = thread if isinstance(thread, threading.Thread) else None
        worker = Worker(thread, thread.name if thread else getattr(function, "__name__", "?"))
        context = self.new_context()

        def run() -> None:
            worker.go.acquire()
            try:
                context.run(function, *args, **(keywords or {}))
            finally:
                self._end(worker)

        if starter is STARTERS[0]:
            started = worker.ident = starter.original(run, ())
        else:
            started = starter.original(run, **options)
            worker.ident = started.ident
        self._workers[worker.ident] = worker
        try:
            self.resume(worker)
        except ForeignThreadError:
            if thread is not None:
                # Thread.start takes it from there when starting fails.
                threading._limbo[thread] = thread  # type: ignore[attr-defined]
            raise
        return started

    # Turns

    def resume(self, worker: Worker) -> None:
        """Let a worker run until it ends or blocks, while the calling thread waits.

        Raises:
            ForeignThreadError: it does neither.
        """
        realm = self._loop.realm
        outer_ns, realm.worker_ns = realm.worker_ns, worker.ahead_ns
        realms[worker.ident] = realm if worker.ahead_ns is not None else self._shadow(worker)
        worker.waits_for = None
        worker.go.release()
        used_ns = time.process_time_ns()
        try:
            while not (came_back := worker.back.acquire(timeout=self.patience)):
                before_ns, used_ns = used_ns, time.process_time_ns()
                if worker.ahead_ns is None or used_ns - before_ns < _BUSY_NS:
                    break
        finally:
            realms.pop(worker.ident, None)
            realm.worker_ns = outer_ns
        if not came_back:
            del self._workers[worker.ident]
            raise ForeignThreadError(
                f"thread {worker.name!r} neither ended nor blocked within {self.patience:g} real "
                f"seconds{_place(worker)}: when it would go on depends on the machine. In a "
                "simulation, a thread may wait by time.sleep, threading.Event, queue.Queue and "
                "futures; raise loop.threads.patience if it computes, or reads a file, for that "
                "long (work given to asyncio.to_thread may compute for as long as it likes)"
            )
        if worker.ended and worker.thread is not None:
            # It has a few instructions to go: is_alive() must not depend on them.
            real_join(worker.thread, self.patience)

    def _shadow(self, worker: Worker) -> Realm:
        """Return the realm as a thread sees it that sleeps by itself."""
        shadow = copy.copy(self._loop.realm)
        shadow.on_stall = lambda duration_ns: self._sleep(worker, duration_ns)
        if worker.loop is not None:
            shadow.sockets = worker.loop  # type: ignore[assignment]
        return shadow

    def _new_loop(self) -> Loop:
        from .inner import InnerLoop

        return InnerLoop(self._loop)

    @contextlib.contextmanager
    def running_loop(self, loop: Loop) -> Iterator[None]:
        """Run a loop in the calling thread, which then waits each time it sleeps."""
        worker = self.running()
        if worker is None or worker.loop is not None:
            yield  # where asyncio refuses to run it
            return
        self.catch_up()
        realm, ahead_ns = self._loop.realm, worker.ahead_ns
        outer = realms[worker.ident]
        worker.loop, worker.ahead_ns, realm.worker_ns = loop, None, None
        realms[worker.ident] = self._shadow(worker)
        try:
            yield
        finally:
            worker.loop, worker.ahead_ns, realm.worker_ns = None, ahead_ns, ahead_ns
            realms[worker.ident] = outer

    def works_ahead(self, worker: Worker) -> None:
        """Let what a worker sleeps be added up from now on; called in its thread."""
        worker.ahead_ns = self._loop.realm.worker_ns = 0
        realms[worker.ident] = self._loop.realm

    def catch_up(self) -> None:
        """Let the time pass that the calling thread is ahead, if it is a worker that is."""
        worker = self.running()
        if worker is not None and worker.ahead_ns is not None:
            ahead_ns, self._loop.realm.worker_ns = self._loop.realm.worker_ns, 0
            if ahead_ns:
                self._sleep(worker, ahead_ns)

    def end_if_killed(self) -> None:
        """Raise ``SystemExit`` in a thread that is to end, whatever it made of the first one."""
        worker = self.running()
        if worker is not None and worker.killed:
            raise SystemExit

    def _end(self, worker: Worker) -> None:
        """Called in the worker's thread, as the last thing."""
        worker.ended = True
        if self._workers.get(worker.ident) is worker:
            del self._workers[worker.ident]
            for waiter in worker.joiners:
                waiter.release()
        worker.back.release()

    def park(self, worker: Worker, waits_for: object) -> None:
        """Give the turn back, and wait for the next one; called in the worker's thread."""
        worker.waits_for = waits_for
        if not worker.killed:
            worker.back.release()
            worker.go.acquire()
        if worker.killed:
            raise SystemExit

    def _sleep(self, worker: Worker, duration_ns: int) -> None:
        pause = object()
        self.wake(worker, pause, self.now_ns() + duration_ns)
        self.park(worker, pause)

    def wake(self, worker: Worker, waits_for: object, when_ns: int) -> None:
        """Let a worker run at an instant, if it still waits for this."""
        heappush(self._wakes, (when_ns, next(self._numbers), worker, waits_for))
        self._loop.calendar.at(when_ns, self._run_due)

    def _run_due(self) -> None:
        while self._wakes and self._wakes[0][0] <= self.now_ns():
            self._run_next()

    def _run_next(self) -> None:
        _, _, worker, waits_for = heappop(self._wakes)
        if worker.waits_for is waits_for and not worker.ended:
            self.resume(worker)

    # Blocking

    def block(self, waiter: Waiter, timeout: float | None) -> bool:
        """Wait until notified, for ``timeout`` virtual seconds at most; True if notified."""
        self.catch_up()
        until_ns = None if timeout is None else self.now_ns() + max(0, round(timeout * 1e9))
        worker = self.running()
        if worker is not None:
            if until_ns is not None:
                self.wake(worker, waiter, until_ns)
            self.park(worker, waiter)
            return waiter.notified
        while not waiter.notified:
            # The loop's own thread: it stalls, while the others go on.
            next_ns = self._wakes[0][0] if self._wakes else None
            if next_ns is not None and (until_ns is None or next_ns <= until_ns):
                if next_ns > self.now_ns():
                    self._loop.stall(next_ns - self.now_ns())
                self._run_next()
            elif until_ns is not None:
                self._loop.realm.sleep(until_ns - self.now_ns())
                break
            elif not waiter.lock.acquire(timeout=self.patience):
                raise ForeignThreadError(
                    "the loop's thread blocks, and no thread of the simulation will wake it. "
                    "Waiting threads:\n" + (self.describe() or "  (none)")
                )
        return waiter.notified

    def waiter(self) -> Waiter:
        """Make a waiter for the calling thread."""
        return Waiter(self, self.running())

    def join(self, thread: threading.Thread, timeout: float | None) -> None:
        """Wait for the end of a thread of this simulation."""
        target = self._workers.get(thread.ident or 0)
        if target is not None and target is not self.running():
            waiter = self.waiter()
            target.joiners.append(waiter)
            if not self.block(waiter, timeout):
                return
        real_join(thread, timeout)

    def describe(self) -> str:
        """Return one line per thread that waits, and where."""
        return "\n".join(
            f"  thread {worker.name!r} waits{_place(worker)}"
            if worker.loop is None
            else f"  thread {worker.name!r} runs a loop:\n"
            + describe_tasks(asyncio.all_tasks(worker.loop))
            for worker in self._workers.values()
            if worker.waits_for is not IDLE
        )

    def close(self) -> None:
        """End every thread that still waits, by ``SystemExit`` where it does."""
        if not self._workers:
            return
        # A pool that is still open logs the end of its threads as a critical error.
        pools = logging.getLogger("concurrent.futures")
        with self._loop.realm, _silent(pools):
            for worker in list(self._workers.values()):
                worker.killed = True
                if worker.thread is not None:
                    # Nobody is to be told of the SystemExit, which is ours.
                    vars(worker.thread)["_invoke_excepthook"] = lambda thread: None
                self.resume(worker)


@contextlib.contextmanager
def _silent(logger: logging.Logger) -> Iterator[None]:
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _place(worker: Worker) -> str:
    frame = sys._current_frames().get(worker.ident)
    place = describe_frame(frame, (threading.__file__, queue.__file__, __file__))
    return f" at {place}" if place else ""
