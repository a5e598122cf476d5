"""What asyncio builds on a loop works on this one, at exact instants."""

from __future__ import annotations

import asyncio
import unittest

import pytest

from simkit.kernel import Loop


def test_a_task_group_ends_with_its_slowest_task(runner, loop):
    async def main():
        async with asyncio.TaskGroup() as group:
            for delay in (3, 1, 2):
                group.create_task(asyncio.sleep(delay))
        return loop.time()

    assert runner.run(main()) == 3.0


def test_a_failing_task_cancels_its_group_at_that_instant(runner, loop):
    cancelled_at = []

    async def patient():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled_at.append(loop.time())
            raise

    async def failing():
        await asyncio.sleep(1)
        raise ValueError("no")

    async def main():
        async with asyncio.TaskGroup() as group:
            group.create_task(patient())
            group.create_task(failing())

    with pytest.raises(ExceptionGroup) as caught:
        runner.run(main())
    assert caught.group_contains(ValueError, match="no")
    assert cancelled_at == [1.0]


def test_timeout_fires_at_its_instant(runner, loop):
    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):
                await asyncio.sleep(60)
        return loop.time()

    assert runner.run(main()) == 2.5


def test_a_timeout_can_be_rescheduled(runner, loop):
    async def main():
        async with asyncio.timeout(1) as limit:
            limit.reschedule(loop.time() + 5)
            await asyncio.sleep(4)
        return loop.time()

    assert runner.run(main()) == 4.0


def test_wait_for_returns_in_time_or_times_out(runner, loop):
    async def main():
        assert await asyncio.wait_for(asyncio.sleep(1, "in time"), 2) == "in time"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(10), 2)
        return loop.time()

    assert runner.run(main()) == 3.0


def test_a_full_queue_holds_its_producer_back(runner, loop):
    put_at = []

    async def produce(queue):
        for number in range(4):
            await queue.put(number)
            put_at.append(loop.time())

    async def main():
        queue = asyncio.Queue(maxsize=1)
        producer = asyncio.create_task(produce(queue))
        taken = []
        for _ in range(4):
            await asyncio.sleep(1)
            taken.append(await queue.get())
        await producer
        return taken

    assert runner.run(main()) == [0, 1, 2, 3]
    assert put_at == [0.0, 1.0, 2.0, 3.0]


def test_an_event_wakes_its_waiters_in_order(runner, loop):
    log = []

    async def waiter(event, number):
        await event.wait()
        log.append((number, loop.time()))

    async def main():
        event = asyncio.Event()
        loop.call_later(2, event.set)
        await asyncio.gather(*(waiter(event, number) for number in range(5)))

    runner.run(main())
    assert log == [(number, 2.0) for number in range(5)]


def test_locks_conditions_semaphores_and_barriers_work(runner, loop):
    log = []

    async def worker(number, lock, semaphore, barrier):
        async with semaphore:
            await asyncio.sleep(1)
        await barrier.wait()
        async with lock:
            await asyncio.sleep(1)
            log.append((number, loop.time()))

    async def main():
        shared = asyncio.Lock(), asyncio.Semaphore(2), asyncio.Barrier(4)
        await asyncio.gather(*(worker(number, *shared) for number in range(4)))
        condition = asyncio.Condition()
        async with condition:
            loop.call_later(1, lambda: asyncio.ensure_future(notify(condition)))
            await condition.wait()
        return loop.time()

    async def notify(condition):
        async with condition:
            condition.notify_all()

    assert runner.run(main()) == 7.0
    assert [at for _, at in log] == [3.0, 4.0, 5.0, 6.0]


def test_as_completed_and_wait_report_in_the_order_of_time(runner, loop):
    async def main():
        finished = [
            await first
            for first in asyncio.as_completed([asyncio.sleep(d, d) for d in (0.3, 0.1, 0.2)])
        ]
        tasks = [asyncio.create_task(asyncio.sleep(d)) for d in (3, 1, 2)]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(*pending)
        return finished, done == {tasks[1]}

    assert runner.run(main()) == ([0.1, 0.2, 0.3], True)


def test_shield_keeps_the_work_going(runner, loop):
    async def main():
        work = asyncio.create_task(asyncio.sleep(5, "finished"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(work), 1)
        return await work, loop.time()

    assert runner.run(main()) == ("finished", 5.0)


def test_asyncio_run_uses_the_loop_through_a_policy():
    class Policy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self):
            return Loop()

    async def main():
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    asyncio.set_event_loop_policy(Policy())
    try:
        assert asyncio.run(main()) == 3600.0
    finally:
        asyncio.set_event_loop_policy(None)


class AnHour(unittest.IsolatedAsyncioTestCase):
    loop_factory = Loop

    def _setupAsyncioRunner(self):  # noqa: N802 - Python before 3.13 has no loop_factory
        self._asyncioRunner = asyncio.Runner(debug=True, loop_factory=Loop)

    async def asyncSetUp(self):
        await asyncio.sleep(1800)
        self.addAsyncCleanup(asyncio.sleep, 1)

    async def runTest(self):  # noqa: N802 - unittest's name
        await asyncio.sleep(1800)
        assert asyncio.get_running_loop().time() == 3600.0


def test_unittest_cases_run_on_it():
    result = unittest.TestResult()
    AnHour().run(result)
    assert (result.testsRun, result.errors, result.failures) == (1, [], [])


def test_two_loops_take_turns_each_with_its_own_clock():
    with asyncio.Runner(loop_factory=Loop) as first, asyncio.Runner(loop_factory=Loop) as second:
        first.run(asyncio.sleep(10))
        second.run(asyncio.sleep(3))
        first.run(asyncio.sleep(10))
        assert first.get_loop().time() == 20.0
        assert second.get_loop().time() == 3.0
