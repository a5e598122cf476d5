"""Loops that run in threads of a simulation."""

from __future__ import annotations

import asyncio
import threading
import time

import anyio.from_thread
import pytest

from simkit.kernel import DeadlockError, ForeignThreadError, Loop, SimulationError
from tests.kernel.outsider import Outsider


async def clock_after(delay):
    await asyncio.sleep(delay)
    return asyncio.get_running_loop().time(), time.monotonic()


def test_asyncio_run_in_work_of_an_executor_is_on_the_same_clock(runner, loop):
    async def main():
        ticks = []
        loop.call_later(1, lambda: ticks.append(loop.time()))
        result = await asyncio.to_thread(lambda: asyncio.run(clock_after(2)))
        return result, ticks, loop.time()

    assert runner.run(main()) == ((2.0, 2.0), [1.0], 2.0)


def test_a_loop_of_a_thread_of_the_programs_own(runner, loop):
    results = []

    def work():
        inner = asyncio.new_event_loop()
        results.append(inner.run_until_complete(clock_after(3)))
        inner.close()
        results.append(loop.is_closed())

    async def main():
        threading.Thread(target=work).start()
        await asyncio.sleep(4)

    runner.run(main())
    assert results == [(3.0, 3.0), False]


def test_a_loop_made_here_runs_in_a_thread_and_is_given_work(runner, loop):
    async def main():
        inner = asyncio.new_event_loop()
        thread = threading.Thread(target=inner.run_forever)
        thread.start()
        await asyncio.sleep(1)
        future = asyncio.run_coroutine_threadsafe(clock_after(2), inner)
        result = await asyncio.wrap_future(future)
        inner.call_soon_threadsafe(inner.stop)
        await asyncio.sleep(0)
        thread.join()
        inner.close()
        return result

    assert runner.run(main()) == (3.0, 3.0)


def test_both_loops_hand_each_other_things(runner, loop):
    async def ask(outer):
        mine = asyncio.get_running_loop()
        future = asyncio.run_coroutine_threadsafe(clock_after(1), outer)
        first = await asyncio.wrap_future(future)
        done = asyncio.Event()
        outer.call_soon_threadsafe(outer.call_later, 1, mine.call_soon_threadsafe, done.set)
        await done.wait()
        return first, mine.time()

    async def main():
        return await asyncio.to_thread(lambda: asyncio.run(ask(loop)))

    assert runner.run(main()) == ((1.0, 1.0), 2.0)


def test_timers_of_a_loop_in_a_thread_run_in_order_and_can_be_cancelled(runner):
    async def inner():
        loop, log = asyncio.get_running_loop(), []
        for delay in (3, 1, 2, 1):
            loop.call_later(delay, log.append, delay)
        loop.call_later(1.5, log.append, "never").cancel()
        loop.call_at(float("inf"), log.append, "never")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 5)
        return log, loop.time()

    async def main():
        return await asyncio.to_thread(lambda: asyncio.run(inner()))

    assert runner.run(main()) == ([1, 1, 2, 3], 5.0)


def test_a_sleep_stalls_the_loop_of_that_thread_alone(runner, loop):
    async def inner():
        time.sleep(2)
        await asyncio.sleep(0)
        return asyncio.get_running_loop().time()

    async def main():
        ticks = []
        loop.call_later(1, lambda: ticks.append(loop.time()))
        return await asyncio.to_thread(lambda: asyncio.run(inner())), ticks

    assert runner.run(main()) == (2.0, [1.0])


def test_what_the_work_slept_before_has_passed_when_its_loop_runs(runner):
    def work():
        time.sleep(1)
        inside = asyncio.run(clock_after(1))
        time.sleep(1)
        return inside, time.monotonic()

    async def main():
        return await asyncio.to_thread(work), time.monotonic()

    assert runner.run(main()) == (((2.0, 2.0), 3.0), 3.0)


def test_work_of_a_loop_in_a_thread_has_threads_of_its_own(runner):
    async def inner():
        return await asyncio.to_thread(lambda: asyncio.run(clock_after(1)))

    async def main():
        return await asyncio.to_thread(lambda: asyncio.run(inner()))

    assert runner.run(main()) == (1.0, 1.0)


def test_debug_mode_finds_nothing_wrong(runner, loop):
    loop.set_debug(True)

    async def main():
        return await asyncio.to_thread(lambda: asyncio.run(clock_after(1), debug=True))

    assert runner.run(main()) == (1.0, 1.0)


def test_anyios_blocking_portal_has_a_loop_in_a_thread(runner):
    def work():
        with anyio.from_thread.start_blocking_portal() as portal:
            return portal.call(clock_after, 1)

    async def main():
        return await asyncio.to_thread(work)

    assert runner.run(main()) == (1.0, 1.0)


def test_an_error_of_the_coroutine_comes_back(runner):
    async def fails():
        await asyncio.sleep(1)
        raise ValueError("inside")

    async def main():
        await asyncio.to_thread(lambda: asyncio.run(fails()))

    with pytest.raises(ValueError, match="inside"):
        runner.run(main())


def test_a_loop_in_a_thread_that_still_waits_ends_with_the_world():
    ended = []

    async def waits():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(asyncio.get_running_loop())

    async def main():
        threading.Thread(target=lambda: asyncio.run(waits())).start()
        await asyncio.sleep(1)

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main())
    assert [loop.is_closed() for loop in ended] == [True]


def test_a_deadlock_names_the_tasks_of_a_loop_in_a_thread(runner):
    async def waits_for_nothing():
        await asyncio.Event().wait()

    async def main():
        await asyncio.to_thread(lambda: asyncio.run(waits_for_nothing()))

    with pytest.raises(DeadlockError, match=r"runs a loop:\n.* in .*waits_for_nothing"):
        runner.run(main())


def test_a_stock_loop_is_refused_at_once(runner):
    def work():
        inner = asyncio.SelectorEventLoop()
        coro = asyncio.sleep(1)
        try:
            inner.run_until_complete(coro)
        finally:
            coro.close()
            inner.close()

    async def main():
        await asyncio.to_thread(work)

    with pytest.raises(SimulationError, match="would wait in real time"):
        runner.run(main())


def test_a_loop_of_a_simulation_does_not_run_outside_of_it(runner):
    async def main():
        return asyncio.new_event_loop()

    inner = runner.run(main())
    coro = asyncio.sleep(1)
    with pytest.raises(SimulationError, match="in a thread of that simulation"):
        inner.run_until_complete(coro)
    coro.close()
    inner.close()


def test_a_foreign_thread_hands_nothing_to_it(runner):
    async def main():
        inner = asyncio.new_event_loop()
        threading.Thread(target=inner.run_forever).start()
        error = outsider.call(lambda: inner.call_soon_threadsafe(print))
        inner.call_soon_threadsafe(inner.stop)
        await asyncio.sleep(0)
        inner.close()
        return error

    with Outsider() as outsider:
        assert isinstance(runner.run(main()), ForeignThreadError)


def test_outside_a_simulation_asyncio_makes_its_own_loops(runner):
    runner.run(asyncio.sleep(0))
    inner = asyncio.new_event_loop()
    assert not isinstance(inner, Loop)
    assert inner.run_until_complete(asyncio.sleep(0, "done")) == "done"
    inner.close()
