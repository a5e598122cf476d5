from __future__ import annotations

import asyncio
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest

from simkit.kernel import ForeignThreadError, Loop
from tests.kernel.outsider import Outsider

caller = ContextVar("caller", default="nobody")


def test_work_runs_in_a_thread_that_is_kept_for_more_and_gives_its_result(runner, loop):
    async def main():
        first = await asyncio.to_thread(threading.current_thread)
        second = await asyncio.to_thread(threading.current_thread)
        return first, second, await loop.run_in_executor(None, divmod, 17, 5)

    first, second, result = runner.run(main())
    assert first is second
    assert first is not threading.current_thread()
    assert first.name == "asyncio_0"
    assert result == (3, 2)


def test_work_does_not_run_before_the_caller_has_moved_on(runner, loop):
    log = []

    async def main():
        future = loop.run_in_executor(None, log.append, "work")
        log.append("caller")
        await future
        log.append("after")

    runner.run(main())
    assert log == ["caller", "work", "after"]


def test_an_exception_of_the_work_reaches_whoever_awaits_it(runner, loop):
    async def main():
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 / 0)

    runner.run(main())


def test_work_cancelled_before_it_began_never_runs(runner, loop):
    log = []

    async def main():
        loop.run_in_executor(None, log.append, "work").cancel()
        await asyncio.sleep(1)

    runner.run(main())
    assert log == []


def test_cancelling_while_the_work_is_under_way_drops_its_result(runner, loop):
    log = []

    def work():
        time.sleep(5)
        log.append("worked")

    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(work), 1)
        now = loop.time()
        await asyncio.sleep(10)
        return now

    assert runner.run(main()) == 1.0
    assert log == ["worked"]


def test_work_takes_the_virtual_time_that_was_chosen_for_it(runner, loop):
    loop.executor_duration_ns = 30_000_000

    async def main():
        await asyncio.to_thread(int)
        return loop.time()

    assert runner.run(main()) == 0.03


def test_a_sleep_in_a_worker_prolongs_the_work_and_leaves_the_loop_alone(runner, loop):
    log = []

    def work():
        time.sleep(2)
        return time.monotonic()

    async def main():
        loop.call_later(1, lambda: log.append(loop.time()))
        seen = await asyncio.to_thread(work)
        return seen, loop.time()

    assert runner.run(main()) == (2.0, 2.0)
    assert log == [1.0]


def test_workers_sleep_at_the_same_time(runner, loop):
    def work(duration):
        time.sleep(duration)
        return loop.time()

    async def main():
        slept = await asyncio.gather(*(asyncio.to_thread(work, d) for d in (3, 1, 2)))
        return slept, loop.time()

    assert runner.run(main()) == ([3.0, 1.0, 2.0], 3.0)


def test_a_worker_has_neither_a_running_loop_nor_a_current_task(runner):
    def work():
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        return True

    async def main():
        assert await asyncio.to_thread(work)
        return asyncio.get_running_loop() is not None

    assert runner.run(main())


def test_to_thread_carries_the_context_over(runner):
    async def main():
        caller.set("main")
        return await asyncio.to_thread(caller.get)

    assert runner.run(main()) == "main"


def test_a_worker_may_run_a_simulation_of_its_own(runner, loop):
    def nested():
        with asyncio.Runner(loop_factory=Loop) as inner:
            inner.run(asyncio.sleep(100))
            assert inner.get_loop().time() == 100.0
        return time.monotonic()

    async def main():
        await asyncio.sleep(7)
        return await asyncio.to_thread(nested), time.monotonic()

    assert runner.run(main()) == (7.0, 7.0)


def test_an_executor_of_the_programs_own_is_given_no_thread_to_start(runner, loop):
    async def main():
        with ThreadPoolExecutor() as pool:
            name = await loop.run_in_executor(pool, lambda: threading.current_thread().name)
            return name, len(pool._threads)

    assert runner.run(main()) == ("asyncio_0", 0)


def test_shutting_the_executor_down_takes_no_time(runner, loop):
    async def main():
        await asyncio.to_thread(int)
        await loop.shutdown_default_executor()
        return loop.time()

    assert runner.run(main()) == 0.0


def test_an_executor_that_was_shut_down_takes_no_more_work(runner, loop):
    async def main():
        await loop.shutdown_default_executor()
        with pytest.raises(RuntimeError, match="Executor shutdown has been called"):
            await asyncio.to_thread(int)
        # A pool of the program's own is another one.
        with ThreadPoolExecutor() as pool:
            return await loop.run_in_executor(pool, int)

    assert runner.run(main()) == 0


def test_an_exit_in_a_worker_reaches_whoever_awaits_it(runner):
    async def main():
        with pytest.raises(SystemExit):
            await asyncio.to_thread(sys.exit, 3)
        return "still running"

    assert runner.run(main()) == "still running"


def test_call_soon_threadsafe_from_the_loops_own_thread_is_call_soon(runner, loop):
    log = []

    async def main():
        loop.call_soon_threadsafe(log.append, "safe")
        loop.call_soon(log.append, "soon")
        await asyncio.sleep(0)

    runner.run(main())
    assert log == ["safe", "soon"]


def test_call_soon_threadsafe_from_a_foreign_thread_is_refused_while_running(runner, loop):
    async def main():
        return outsider.call(lambda: loop.call_soon_threadsafe(print, "never"))

    with Outsider() as outsider:
        error = runner.run(main())
    assert isinstance(error, ForeignThreadError)
    assert "loop.run_in_executor or asyncio.to_thread" in str(error)


def test_run_coroutine_threadsafe_from_a_foreign_thread_is_refused_too(runner, loop):
    async def main():
        coro = asyncio.sleep(1)
        try:
            return outsider.call(lambda: asyncio.run_coroutine_threadsafe(coro, loop))
        finally:
            coro.close()

    with Outsider() as outsider:
        assert isinstance(runner.run(main()), ForeignThreadError)


def test_call_soon_threadsafe_before_the_run_is_accepted(runner, loop):
    log = []
    with Outsider() as outsider:
        outsider.call(lambda: loop.call_soon_threadsafe(log.append, "early"))
    runner.run(asyncio.sleep(0))
    assert log == ["early"]
