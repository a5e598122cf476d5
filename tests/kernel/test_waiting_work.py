"""Work of an executor that waits: for the loop, for other work, for its time to pass."""

from __future__ import annotations

import asyncio
import queue
import threading
import time

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from simkit.kernel import Choices, DeadlockError, ForeignThreadError, Loop


async def answer(loop):
    await asyncio.sleep(2)
    return loop.time()


def test_work_waits_for_a_coroutine_of_the_loop(runner, loop):
    def ask():
        result = asyncio.run_coroutine_threadsafe(answer(loop), loop).result()
        return result, time.monotonic()

    async def main():
        ticks = []
        loop.call_later(1, lambda: ticks.append(loop.time()))
        return await asyncio.to_thread(ask), ticks, loop.time()

    assert runner.run(main()) == ((2.0, 2.0), [1.0], 2.0)


def test_waiting_for_the_loop_gives_up_when_its_time_is_over(runner, loop):
    def ask():
        future = asyncio.run_coroutine_threadsafe(answer(loop), loop)
        try:
            future.result(0.5)
        except TimeoutError:
            return future.cancel(), time.monotonic()

    async def main():
        return await asyncio.to_thread(ask)

    assert runner.run(main()) == (True, 0.5)


def test_a_coroutine_that_is_cancelled_cancels_who_waits_for_the_work(runner, loop):
    async def give_up():
        raise asyncio.CancelledError

    async def main():
        with pytest.raises(asyncio.CancelledError):
            await asyncio.to_thread(
                lambda: asyncio.run_coroutine_threadsafe(give_up(), loop).result()
            )
        return True

    assert runner.run(main())


def test_anyios_work_calls_back_into_the_loop(runner, loop):
    def work():
        first = anyio.from_thread.run(answer, loop)
        return first, anyio.from_thread.run_sync(loop.time), time.monotonic()

    async def main():
        return await anyio.to_thread.run_sync(work)

    assert runner.run(main()) == (2.0, 2.0, 2.0)


def test_anyios_work_sees_that_it_was_cancelled(runner, loop):
    seen = []

    def work():
        try:
            for _ in range(10):
                anyio.from_thread.check_cancelled()
                anyio.from_thread.run(asyncio.sleep, 1)
        finally:
            seen.append(time.monotonic())

    async def main():
        with anyio.move_on_after(2.5):
            await anyio.to_thread.run_sync(work)
        return loop.time()

    runner.run(main())
    assert seen == [2.5]


def test_anyios_portal_serves_a_thread_of_the_programs_own(runner, loop):
    async def main():
        async with anyio.from_thread.BlockingPortal() as portal:
            return await asyncio.to_thread(portal.call, answer, loop)

    assert runner.run(main()) == 2.0


def test_an_event_that_the_loop_sets_wakes_the_work(runner, loop):
    def work():
        event = threading.Event()
        loop.call_soon_threadsafe(loop.call_later, 3, event.set)
        return event.wait(), time.monotonic()

    async def main():
        return await asyncio.to_thread(work)

    assert runner.run(main()) == (True, 3.0)


def test_pieces_of_work_hand_things_to_each_other(runner):
    def produce(jobs):
        for number in range(3):
            time.sleep(1)
            jobs.put((number, time.monotonic()))

    def consume(jobs):
        return [(*jobs.get(), time.monotonic()) for _ in range(3)]

    async def main():
        jobs = queue.Queue()
        consumed, _ = await asyncio.gather(
            asyncio.to_thread(consume, jobs), asyncio.to_thread(produce, jobs)
        )
        return consumed

    # Nothing is told before the time has passed that the producer slept.
    assert [when for _, _, when in runner.run(main())] == [1.0, 2.0, 3.0]


def test_what_work_hands_over_is_queued_when_its_sleep_is_over(runner, loop):
    async def main():
        told = asyncio.Queue()

        def work():
            for number in range(3):
                time.sleep(0.5)
                loop.call_soon_threadsafe(told.put_nowait, number)

        task = asyncio.create_task(asyncio.to_thread(work))
        found = [(await told.get(), loop.time()) for _ in range(3)]
        await task
        return found

    assert runner.run(main()) == [(0, 0.5), (1, 1.0), (2, 1.5)]


def test_two_pieces_of_work_may_sleep_with_one_lock(runner, loop):
    lock = threading.Lock()

    def work():
        with lock:
            time.sleep(1)
        return time.monotonic()

    async def main():
        return await asyncio.gather(asyncio.to_thread(work), asyncio.to_thread(work))

    assert runner.run(main()) == [1.0, 1.0]


def test_work_may_start_a_thread_and_join_it(runner):
    def work():
        time.sleep(1)
        seen = []
        thread = threading.Thread(target=lambda: (time.sleep(2), seen.append(time.monotonic())))
        thread.start()
        thread.join()
        return seen, time.monotonic()

    async def main():
        return await asyncio.to_thread(work)

    assert runner.run(main()) == ([3.0], 3.0)


def test_chosen_durations_follow_what_the_work_waited(runner, loop):
    class Slow(Choices):
        def duration_ns(self, point, name):
            return 250_000_000 if point == "executor" else 0

    loop.choices = Slow()
    loop.executor_duration_ns = 500_000_000

    async def main():
        await asyncio.to_thread(
            lambda: asyncio.run_coroutine_threadsafe(answer(loop), loop).result()
        )
        return loop.time()

    assert runner.run(main()) == 2.75


def test_work_that_is_given_up_goes_on_waiting(runner, loop):
    log = []

    async def main():
        event = threading.Event()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(
                asyncio.to_thread(lambda: log.append((event.wait(), time.monotonic()))), 1
            )
        await asyncio.sleep(1)
        event.set()
        await asyncio.sleep(0.5)

    runner.run(main())
    assert log == [(True, 2.0)]


def test_work_goes_on_waiting_from_one_run_to_the_next(runner, loop):
    jobs, done = queue.Queue(), []

    def consume():
        while (job := jobs.get()) is not None:
            done.append((job, time.monotonic()))

    async def begin():
        return asyncio.ensure_future(asyncio.to_thread(consume))

    async def use(task):
        await asyncio.sleep(1)
        jobs.put("job")
        jobs.put(None)
        await task

    runner.run(use(runner.run(begin())))
    assert done == [("job", 1.0)]


def test_work_that_still_waits_ends_with_its_loop():
    ended = []

    def wait():
        try:
            threading.Event().wait()
        except SystemExit:
            ended.append(threading.current_thread())
            return "never told"

    async def main():
        asyncio.get_running_loop().run_in_executor(None, wait)
        await asyncio.sleep(1)

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main())
    assert len(ended) == 1
    assert not ended[0].is_alive()


def test_a_deadlock_names_the_work_that_waits_and_no_idle_thread(runner, loop):
    async def main():
        await asyncio.gather(asyncio.to_thread(int), asyncio.to_thread(int))
        await asyncio.to_thread(threading.Event().wait)

    with pytest.raises(DeadlockError, match="thread 'asyncio_") as caught:
        runner.run(main())
    assert str(caught.value).count("asyncio_") == 1


def test_work_that_computes_for_long_is_waited_for(runner, loop):
    loop.threads.patience = 0.1

    def compute():
        began = time.thread_time()
        while time.thread_time() - began < 0.25:
            pass
        return "computed"

    async def main():
        return await asyncio.to_thread(compute)

    assert runner.run(main()) == "computed"


def test_work_that_blocks_for_real_is_refused(runner, loop):
    loop.threads.patience = 0.02
    lock = threading.Lock()
    lock.acquire()

    async def main():
        await asyncio.to_thread(lock.acquire)

    with pytest.raises(ForeignThreadError, match="thread 'asyncio_0' neither ended nor blocked"):
        runner.run(main())
    lock.release()


def test_waiting_work_leaves_the_same_trail_each_time():
    def work(loop, number):
        time.sleep(number / 10)
        asyncio.run_coroutine_threadsafe(answer(loop), loop).result()
        return number

    async def main():
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(asyncio.to_thread(work, loop, number) for number in range(4)))

    digests = set()
    for _ in range(3):
        with asyncio.Runner(loop_factory=lambda: Loop(trail=True)) as runner:
            runner.run(main())
            digests.add(runner.get_loop().trail.digest)
    assert len(digests) == 1
