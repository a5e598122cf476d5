"""The executor of a simulated loop: work for threads, begun at a chosen instant."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any, TypeVar

from .base import BaseLoop, convert_error
from .choices import chosen_ns
from .pool import Pool
from .trail import named

if TYPE_CHECKING:
    from .calendar import Calendar
    from .realm import Realm
    from .threads import Threads

T = TypeVar("T")


class Executor(BaseLoop):
    """The part of a loop that runs what a program gives to threads."""

    calendar: Calendar
    realm: Realm
    threads: Threads
    charge_ns: Callable[[str, Context], int] | None
    executor_duration_ns = 0
    """Virtual time that work given to an executor takes, besides what it sleeps and waits."""
    _pool: Pool | None = None

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run ``func`` in a worker thread, from the next iteration on; see :class:`Pool`.

        It takes ``executor_duration_ns`` of virtual time plus what it sleeps and waits; the loop
        itself does not stall.
        """
        self._check_closed()
        if self._debug:
            self._check_callback(func, "run_in_executor")
        if executor is None:
            self._check_default_executor()
        future: asyncio.Future[T] = self.create_future()
        context = self.threads.new_context()

        def work() -> None:
            result: Any = None
            error: BaseException | None = None
            try:
                result = context.run(func, *args)
            except BaseException as caught:
                self.threads.end_if_killed()
                error = caught
            self._finished(future, result, error, func, context)

        self.calendar.at(self.calendar._now, lambda: self._begin(future, work))
        return future

    def _begin(self, future: asyncio.Future[Any], work: Callable[[], None]) -> None:
        if future.cancelled():
            return
        if self._pool is None:
            self._pool = Pool(self.threads)
        self._pool.run(work)

    def _finished(
        self,
        future: asyncio.Future[Any],
        result: Any,
        error: BaseException | None,
        func: Any,
        context: Context,
    ) -> None:
        """Deliver a result when its time has passed; called in the worker's thread."""

        def deliver() -> None:
            if future.cancelled():
                return
            if error is not None:
                future.set_exception(convert_error(error))
            else:
                future.set_result(result)

        took_ns = self.executor_duration_ns + (self.realm.worker_ns or 0)
        if self.charge_ns is not None:
            took_ns += self.charge_ns("work", context)
        choices = self.calendar.choices
        if choices is not None:
            took_ns += chosen_ns(choices, "executor", named(func))
        self.calendar.at(self.calendar._now + took_ns, lambda: self.call_soon(deliver))

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Refuse work from now on. What still waits is ended when the loop closes."""
        self._executor_shutdown_called = True
