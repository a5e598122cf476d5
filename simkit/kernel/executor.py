"""The executor of a simulated loop: work for threads, run inline at a chosen instant."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .base import BaseLoop
from .choices import chosen_ns
from .trail import named

if TYPE_CHECKING:
    from .calendar import Calendar
    from .realm import Realm

T = TypeVar("T")


class InlineExecutor(BaseLoop):
    """The part of a loop that runs what a program gives to threads."""

    calendar: Calendar
    realm: Realm
    executor_duration_ns = 0
    """Virtual time that work given to an executor takes, besides what it sleeps itself."""

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run ``func`` inline, in the next iteration; deliver its result when its time has passed.

        It takes ``executor_duration_ns`` of virtual time plus what it sleeps with ``time.sleep``;
        the loop itself does not stall.
        """
        self._check_closed()
        if self._debug:
            self._check_callback(func, "run_in_executor")
        if executor is None:
            self._check_default_executor()
        future: asyncio.Future[T] = self.create_future()
        self.calendar.at(self.calendar._now, lambda: self._work(future, func, args))
        return future

    def _work(self, future: asyncio.Future[T], func: Callable[..., T], args: Any) -> None:
        if future.cancelled():
            return
        realm = self.realm
        outer_ns, realm.worker_ns = realm.worker_ns, 0
        # A thread has no running loop and no current task.
        asyncio._set_running_loop(None)
        result: Any = None
        error: BaseException | None = None
        try:
            result = func(*args)
        except KeyboardInterrupt:
            # No thread but the main one would see it.
            raise
        except BaseException as caught:
            error = caught
        finally:
            asyncio._set_running_loop(self)
            took_ns, realm.worker_ns = realm.worker_ns or 0, outer_ns

        def deliver() -> None:
            if future.cancelled():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        choices = self.calendar.choices
        if choices is not None:
            took_ns += chosen_ns(choices, "executor", named(func))
        done_ns = self.calendar._now + took_ns + self.executor_duration_ns
        self.calendar.at(done_ns, lambda: self.call_soon(deliver))

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Refuse work from now on: it runs inline, there are no threads to wait for."""
        self._executor_shutdown_called = True
