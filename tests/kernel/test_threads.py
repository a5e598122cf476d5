"""Threads that the program starts itself."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import queue
import random
import threading
import time
from _thread import allocate_lock, start_new_thread

import pytest

from simkit.kernel import DeadlockError, ForeignThreadError, Loop


def start(target, *args, **options):
    thread = threading.Thread(target=target, args=args, **options)
    thread.start()
    return thread


def test_a_thread_runs_to_its_end_before_its_starter_goes_on(runner):
    async def main():
        order = []
        thread = start(order.append, "thread")
        order.append("starter")
        return order, thread.is_alive()

    assert runner.run(main()) == (["thread", "starter"], False)


def test_what_it_hands_over_is_queued_at_the_instant_at_which_it_did(runner, loop):
    async def main():
        told = asyncio.Queue()

        def work():
            for number in range(3):
                loop.call_soon_threadsafe(told.put_nowait, (number, time.monotonic()))
                time.sleep(0.5)

        start(work)
        return [(*await told.get(), loop.time()) for _ in range(3)]

    assert runner.run(main()) == [(0, 0.0, 0.0), (1, 0.5, 0.5), (2, 1.0, 1.0)]


def test_the_loop_goes_on_while_a_thread_sleeps(runner, loop):
    async def main():
        thread = start(time.sleep, 1)
        await asyncio.sleep(0.25)
        alive = thread.is_alive()
        await asyncio.sleep(1)
        return alive, thread.is_alive(), loop.time()

    assert runner.run(main()) == (True, False, 1.25)


def test_joining_stalls_the_loop_until_the_thread_ends(runner, loop):
    async def main():
        order = []
        loop.call_later(0.5, order.append, "timer")
        thread = start(time.sleep, 1)
        thread.join()
        order.append(("joined", loop.time(), thread.is_alive()))
        await asyncio.sleep(0)
        return order

    assert runner.run(main()) == [("joined", 1.0, False), "timer"]


def test_joining_gives_up_when_its_time_is_over(runner, loop):
    async def main():
        thread = start(time.sleep, 1)
        thread.join(0.25)
        return loop.time(), thread.is_alive()

    assert runner.run(main()) == (0.25, True)


def test_a_thread_waits_for_what_the_loop_does(runner, loop):
    async def answer():
        await asyncio.sleep(2)
        return "answer"

    async def main():
        results = []

        def ask():
            future = asyncio.run_coroutine_threadsafe(answer(), loop)
            results.append((future.result(), time.monotonic()))

        thread = start(ask)
        before = list(results)
        await asyncio.sleep(3)
        thread.join()
        return before, results

    assert runner.run(main()) == ([], [("answer", 2.0)])


def test_a_worker_that_lives_on_a_queue(runner, loop):
    async def main():
        jobs, done = queue.Queue(), asyncio.Queue()

        def work():
            while (job := jobs.get()) is not None:
                time.sleep(0.1)
                loop.call_soon_threadsafe(done.put_nowait, job * 2)

        thread = start(work)
        results = []
        for number in range(3):
            jobs.put(number)
            results.append((await done.get(), round(loop.time(), 3)))
            await asyncio.sleep(1)
        jobs.put(None)
        thread.join()
        return results, thread.is_alive()

    assert runner.run(main()) == ([(0, 0.1), (2, 1.2), (4, 2.3)], False)


def test_waiting_for_an_event_ends_with_its_time(runner, loop):
    async def main():
        event = threading.Event()
        seen = []

        def wait():
            seen.append((event.wait(0.5), time.monotonic()))
            seen.append((event.wait(10), time.monotonic()))

        start(wait)
        await asyncio.sleep(1)
        event.set()
        await asyncio.sleep(0)
        return seen

    assert runner.run(main()) == [(False, 0.5), (True, 1.0)]


def test_the_loops_own_thread_may_wait_for_a_thread(runner, loop):
    async def main():
        event = threading.Event()

        def work():
            time.sleep(0.5)
            event.set()

        start(work)
        return event.wait(10), loop.time(), threading.Event().wait(0.25), loop.time()

    assert runner.run(main()) == (True, 0.5, False, 0.75)


def test_threads_of_one_instant_run_in_the_order_in_which_they_woke(runner):
    async def main():
        order = []

        def work(name, delay):
            time.sleep(delay)
            order.append(name)
            time.sleep(1 - delay)
            order.append(name)

        for name, delay in (("a", 0.3), ("b", 0.1), ("c", 0.2)):
            start(work, name, delay)
        await asyncio.sleep(2)
        return order

    assert runner.run(main()) == ["b", "c", "a", "b", "c", "a"]


def test_a_pool_of_threads(runner, loop):
    def work(number):
        time.sleep(0.5)
        return number, time.monotonic()

    async def main():
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            futures = [asyncio.wrap_future(pool.submit(work, number)) for number in range(3)]
            return await asyncio.gather(*futures)

    assert runner.run(main()) == [(0, 0.5), (1, 0.5), (2, 1.0)]


def test_a_timer_thread(runner, loop):
    async def main():
        called = []
        timer = threading.Timer(5, lambda: called.append(time.monotonic()))
        timer.start()
        cancelled = threading.Timer(6, lambda: called.append("never"))
        cancelled.start()
        cancelled.cancel()
        await asyncio.sleep(10)
        return called

    assert runner.run(main()) == [5.0]


def test_a_thread_may_start_another(runner, loop):
    async def main():
        seen = []

        def inner():
            time.sleep(1)
            seen.append(("inner", time.monotonic()))

        def outer():
            thread = start(inner)
            seen.append("outer")
            thread.join()
            seen.append(("joined", time.monotonic()))

        start(outer)
        await asyncio.sleep(2)
        return seen

    assert runner.run(main()) == ["outer", ("inner", 1.0), ("joined", 1.0)]


def test_a_thread_without_an_object(runner):
    async def main():
        seen = []
        start_new_thread(lambda *names, **more: seen.append((names, more)), ("a",), {"b": 1})
        return seen

    assert runner.run(main()) == [(("a",), {"b": 1})]


def test_a_thread_draws_what_the_seed_says():
    async def main():
        drawn = []

        def draw():
            drawn.extend((random.random(), random.Random().random(), os.urandom(4)))

        start(draw)
        return drawn

    first, second, other = (asyncio.Runner(loop_factory=lambda n=n: Loop(n)) for n in (1, 1, 2))
    with first, second, other:
        drawn = first.run(main())
        assert drawn == second.run(main())
        assert not set(drawn) & set(other.run(main()))


def test_debug_mode_accepts_its_calls(runner, loop):
    loop.set_debug(True)

    async def main():
        done = asyncio.Event()
        start(loop.call_soon_threadsafe, done.set)
        await done.wait()
        return True

    assert runner.run(main())


def test_a_thread_that_blocks_for_real_is_refused(runner, loop):
    loop.threads.patience = 0.1
    lock = allocate_lock()
    lock.acquire()

    async def main():
        start(lock.acquire, name="stuck")

    with pytest.raises(ForeignThreadError, match="thread 'stuck' neither ended nor blocked"):
        runner.run(main())
    lock.release()


def test_waiting_for_nobody_is_refused(runner, loop):
    loop.threads.patience = 0.1

    async def main():
        threading.Event().wait()

    with pytest.raises(ForeignThreadError, match=r"no thread of the simulation will wake it"):
        runner.run(main())


def test_a_deadlock_names_the_threads_that_wait(runner, loop):
    async def main():
        jobs = queue.Queue()
        start(lambda: jobs.get(), name="worker")
        await loop.create_future()

    with pytest.raises(DeadlockError, match=r"thread 'worker' waits at "):
        runner.run(main())


def test_a_thread_that_still_waits_ends_with_its_loop():
    ended = []

    def wait():
        try:
            threading.Event().wait()
        finally:
            ended.append("ended")

    async def main():
        return start(wait)

    with asyncio.Runner(loop_factory=Loop) as runner:
        thread = runner.run(main())
        assert thread.is_alive()
    assert ended == ["ended"]
    assert not thread.is_alive()


def test_a_pool_that_is_left_open_ends_silently_with_its_loop(capfd):
    pools = []

    async def main():
        pools.append(concurrent.futures.ThreadPoolExecutor(2))
        return await asyncio.wrap_future(pools[0].submit(lambda: threading.current_thread()))

    with asyncio.Runner(loop_factory=Loop) as runner:
        thread = runner.run(main())
        assert thread.is_alive()
    assert not thread.is_alive()
    assert capfd.readouterr().err == ""


def test_a_thread_of_the_outside_stays_outside(runner, loop):
    turn, caught = threading.Event(), []

    def call():
        turn.wait()
        try:
            loop.call_soon_threadsafe(print)
        except ForeignThreadError as error:
            caught.append(str(error))
        done.release()

    done = allocate_lock()
    done.acquire()
    thread = start(call)

    async def main():
        turn.set()
        done.acquire()

    runner.run(main())
    thread.join()
    assert "a foreign thread" in caught[0]


def test_nothing_is_patched_afterwards(runner):
    before = threading.Condition.wait, threading.Thread.join, queue.SimpleQueue

    async def main():
        start(print)
        assert threading.Condition.wait is not before[0]

    runner.run(main())
    assert (threading.Condition.wait, threading.Thread.join, queue.SimpleQueue) == before
    assert not start(time.sleep, 0).join()
