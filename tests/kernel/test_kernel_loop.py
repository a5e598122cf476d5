from __future__ import annotations

import asyncio
import logging
import math
import sys
import time

import pytest

from simkit.kernel import Loop


def test_fifteen_thousand_sleeps_of_20_ms_end_at_exactly_300_seconds(runner, loop):
    async def main():
        for _ in range(15_000):
            await asyncio.sleep(0.02)
        return loop.time()

    assert runner.run(main()) == 300.0
    assert loop.calendar.now_ns == 300_000_000_000


def test_the_clock_begins_at_zero_and_goes_on_in_the_next_run(runner, loop):
    assert loop.time() == 0.0
    runner.run(asyncio.sleep(1.5))
    assert loop.time() == 1.5
    runner.run(asyncio.sleep(1.5))
    assert loop.time() == 3.0


def test_call_soon_is_first_in_first_out(runner, loop):
    log = []

    async def main():
        for number in range(50):
            loop.call_soon(log.append, number)
        await asyncio.sleep(0)

    runner.run(main())
    assert log == list(range(50))


def test_what_call_soon_adds_runs_behind_everything_that_was_ready(runner, loop):
    log = []

    def first():
        log.append("first")
        loop.call_soon(log.append, "added by first")

    async def main():
        loop.call_soon(first)
        loop.call_soon(log.append, "second")
        await asyncio.sleep(0.001)

    runner.run(main())
    assert log == ["first", "second", "added by first"]


def test_twelve_timers_of_one_instant_run_in_the_order_they_were_set(runner, loop):
    log = []

    async def main():
        for number in range(12):
            loop.call_at(1.0, log.append, number)
        await asyncio.sleep(2)

    runner.run(main())
    assert log == list(range(12))


def test_timers_run_in_the_order_of_their_instants(runner, loop):
    log = []

    async def main():
        for delay in (0.3, 0.1, 0.2):
            loop.call_later(delay, lambda: log.append(loop.time()))
        await asyncio.sleep(1)

    runner.run(main())
    assert log == [0.1, 0.2, 0.3]


def test_timers_a_nanosecond_apart_are_apart(runner, loop):
    log = []

    async def main():
        loop.call_at(1.000000002, lambda: log.append(loop.calendar.now_ns))
        loop.call_at(1.000000001, lambda: log.append(loop.calendar.now_ns))
        await asyncio.sleep(2)

    runner.run(main())
    assert log == [1_000_000_001, 1_000_000_002]


def test_arrivals_come_before_timers_of_the_same_instant(runner, loop):
    log = []

    async def main():
        loop.call_at(1.0, log.append, "timer")
        loop.calendar.at(10**9, lambda: loop.call_soon(log.append, "arrival"))
        await asyncio.sleep(2)

    runner.run(main())
    assert log == ["arrival", "timer"]


def test_what_is_due_queues_behind_what_is_already_ready(runner, loop):
    log = []

    def stalling():
        loop.call_soon(log.append, "ready")
        time.sleep(1)

    async def main():
        loop.call_at(0.5, log.append, "timer")
        loop.calendar.at(5 * 10**8, lambda: loop.call_soon(log.append, "arrival"))
        loop.call_soon(stalling)
        await asyncio.sleep(2)

    runner.run(main())
    assert log == ["ready", "arrival", "timer"]


def test_what_became_readable_comes_before_what_arrives_at_the_next_poll(runner, loop):
    log = []

    async def main():
        loop.call_soon(log.append, "ready")
        loop.calendar.at(0, lambda: loop.call_soon(log.append, "arrival"))
        loop.readable(asyncio.Handle(log.append, ("readable",), loop, None))
        await asyncio.sleep(1)

    runner.run(main())
    assert log == ["ready", "readable", "arrival"]


def test_the_clock_stands_still_until_nothing_is_ready(runner, loop):
    instants = []

    async def main():
        loop.call_later(1e-9, instants.append, "timer")
        for _ in range(100):
            await asyncio.sleep(0)
            instants.append(loop.calendar.now_ns)
        await asyncio.sleep(1)

    runner.run(main())
    assert instants == [0] * 100 + ["timer"]


@pytest.mark.parametrize("is_debug", [False, True])
def test_a_cancelled_callback_neither_runs_nor_is_reported(loop, is_debug):
    told = []
    loop.set_debug(is_debug)
    loop.set_exception_handler(lambda _, context: told.append(context))
    loop.call_soon(told.append, "it ran").cancel()
    loop.run_until_complete(asyncio.sleep(0))
    assert told == []


def test_a_cancelled_timer_does_not_move_the_clock(runner, loop):
    async def main():
        loop.call_later(10, pytest.fail).cancel()
        loop.call_later(20, lambda: None)
        await asyncio.sleep(1)
        loop.call_later(3600, pytest.fail).cancel()

    runner.run(main())
    assert loop.time() == 1.0


def test_a_timer_cancelled_at_its_own_instant_does_not_run(runner, loop):
    log = []

    async def main():
        second = None
        loop.call_at(1.0, lambda: second.cancel())
        second = loop.call_at(1.0, log.append, "second")
        await asyncio.sleep(2)
        second.cancel()

    runner.run(main())
    assert log == []


def test_timeouts_that_never_fire_do_not_fill_the_calendar(runner, loop):
    async def main():
        for _ in range(3000):
            async with asyncio.timeout(60):
                await asyncio.sleep(0.001)
        return len(loop.calendar._queue)

    assert runner.run(main()) < 250


def test_a_timer_in_the_past_runs_at_once(runner, loop):
    log = []

    async def main():
        await asyncio.sleep(5)
        loop.call_at(1.0, lambda: log.append(loop.time()))
        loop.call_later(-1.0, lambda: log.append(loop.time()))
        await asyncio.sleep(1)

    runner.run(main())
    assert log == [5.0, 5.0]


@pytest.mark.parametrize("deadline", [1 / 3, 0.1 + 0.2, 2 / 3 + 1e-10, 7.1e-10])
def test_a_residual_sleep_of_less_than_a_nanosecond_makes_progress(runner, loop, deadline):
    async def main():
        rounds = 0
        while loop.time() < deadline:
            rounds += 1
            await asyncio.sleep(deadline - loop.time())
        return rounds

    assert runner.run(main()) <= 2
    assert loop.time() - deadline < 1e-9


@pytest.mark.parametrize("method", ["call_later", "call_at"])
def test_no_instant_at_all_is_refused(loop, method):
    with pytest.raises(TypeError, match="None"):
        getattr(loop, method)(None, print)


@pytest.mark.parametrize("seconds", [math.inf, sys.float_info.max, 1e300])
def test_a_sleep_without_end_waits_for_ever_as_on_the_stock_loop(runner, loop, seconds):
    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(seconds), 10)
        return loop.time()

    assert runner.run(main()) == 10.0


def test_a_closed_loop_refuses_work():
    loop = Loop()
    loop.call_later(1, print)
    loop.close()
    assert loop.calendar.peek() == float("inf")
    for refused in (loop.call_soon, lambda f: loop.call_later(1, f), loop.call_soon_threadsafe):
        with pytest.raises(RuntimeError, match="Event loop is closed"):
            refused(print)


def test_stop_ends_the_run_without_moving_the_clock(loop):
    loop.call_later(1, loop.stop)
    loop.call_later(2, pytest.fail)
    loop.run_forever()
    assert loop.time() == 1.0


def test_an_error_in_a_callback_goes_to_the_exception_handler_and_the_loop_goes_on(runner, loop):
    caught = []
    loop.set_exception_handler(lambda loop, context: caught.append(context["exception"]))

    async def main():
        loop.call_later(1, lambda: 1 / 0)
        await asyncio.sleep(2)

    runner.run(main())
    assert [type(error) for error in caught] == [ZeroDivisionError]


def test_an_abandoned_asynchronous_generator_is_closed_on_the_loop(runner, loop):
    closed_at = []

    async def ticks():
        try:
            while True:
                yield loop.time()
                await asyncio.sleep(1)
        finally:
            closed_at.append(loop.time())

    async def main():
        async for now in ticks():
            if now == 3.0:
                break
        await asyncio.sleep(1)

    runner.run(main())
    assert closed_at == [3.0]


def test_debug_mode_reports_a_callback_that_stalled_the_loop(caplog):
    async def main():
        time.sleep(0.2)

    with (
        caplog.at_level(logging.WARNING, "asyncio"),
        asyncio.Runner(debug=True, loop_factory=Loop) as runner,
    ):
        runner.run(main())
    assert "took 0.200 seconds" in caplog.text
