from __future__ import annotations

import asyncio
import random
from fractions import Fraction

import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.kernel import Calendar, LivelockError, seconds
from simkit.kernel.calendar import TIMER


class Timer:
    def __init__(self, name: object = None) -> None:
        self.name = name
        self._cancelled = False
        self._scheduled = True

    def cancel(self, calendar: Calendar) -> None:
        self._cancelled = True
        calendar.timer_cancelled()


def happened(event: simpy.Event) -> asyncio.Future:
    future = asyncio.get_running_loop().create_future()
    event.callbacks.append(lambda event: future.set_result(event.value))
    return future


@given(st.integers(0, 86_400_000))
def test_whole_milliseconds_convert_to_nanoseconds_exactly(ms):
    assert seconds(ms / 1000) == ms * 1_000_000


@given(st.floats(0, 1000))
def test_any_time_converts_to_within_a_nanosecond(value):
    assert abs(seconds(value) - Fraction(value) * 10**9) <= 1


def test_a_float_delay_is_refused_with_the_way_to_write_it():
    calendar = Calendar()
    with pytest.raises(TypeError, match=r"integer nanoseconds, found a delay of 0\.02") as caught:
        calendar.timeout(0.02)
    assert "env.timeout(simkit.seconds(0.02)) for 20 ms" in str(caught.value)


def test_even_a_whole_float_is_refused():
    with pytest.raises(TypeError, match="integer nanoseconds"):
        Calendar().timeout(20.0)


def test_a_negative_delay_is_refused():
    calendar = Calendar()
    with pytest.raises(ValueError, match="-1"):
        calendar.timeout(-1)
    with pytest.raises(ValueError, match="delay must be 0 ns or more, found -1"):
        calendar.schedule(calendar.event(), delay=-1)
    assert calendar.peek() == float("inf")


def test_run_and_step_refuse_and_name_what_to_use():
    calendar = Calendar()
    calendar.timeout(5)
    with pytest.raises(RuntimeError, match=r"use sim\.run\(coroutine\)"):
        calendar.run()
    with pytest.raises(RuntimeError, match=r"use sim\.run\(coroutine\)"):
        calendar.run(until=10)
    with pytest.raises(RuntimeError, match=r"await sim\.wait_for\(event\)"):
        calendar.step()
    assert calendar.now == 0


def test_peek_tells_the_next_instant_and_infinity_when_there_is_none():
    calendar = Calendar()
    assert calendar.peek() == float("inf")
    calendar.timeout(70)
    calendar.timeout(30)
    assert calendar.peek() == 30


def test_the_clock_jumps_from_entry_to_entry_and_stops_at_the_last():
    calendar = Calendar()
    calendar.at(10, lambda: None)
    calendar.at(25, lambda: None)
    instants = []
    while calendar.advance():
        instants.append((calendar.now, calendar.now_ns, calendar.read_ns()))
        calendar.run_due()
    assert instants == [(10, 10, 10), (25, 25, 25)]
    assert calendar.now == 25


def test_simpy_processes_run_beside_coroutines(runner, loop):
    log = []

    def clockwork(env):
        for _ in range(3):
            yield env.timeout(seconds(0.010))
            log.append(("process", env.now))

    async def main():
        loop.calendar.process(clockwork(loop.calendar))
        for _ in range(3):
            await asyncio.sleep(0.015)
            log.append(("task", loop.calendar.now_ns))

    runner.run(main())
    assert log == [
        ("process", 10_000_000),
        ("task", 15_000_000),
        ("process", 20_000_000),
        ("process", 30_000_000),
        ("task", 30_000_000),
        ("task", 45_000_000),
    ]


def test_a_coroutine_receives_the_value_of_a_simpy_process(runner, loop):
    def work(env):
        yield env.timeout(seconds(2))
        return "done"

    async def main():
        process = loop.calendar.process(work(loop.calendar))
        return await happened(process), loop.time()

    assert runner.run(main()) == ("done", 2.0)


def test_a_simpy_resource_limits_coroutines(runner, loop):
    lines = simpy.Resource(loop.calendar, capacity=2)
    started = []

    async def call(number):
        with lines.request() as request:
            await happened(request)
            started.append((number, loop.time()))
            await asyncio.sleep(1)

    async def main():
        await asyncio.gather(*(call(number) for number in range(5)))

    runner.run(main())
    assert started == [(0, 0.0), (1, 0.0), (2, 1.0), (3, 1.0), (4, 2.0)]


def test_a_simpy_process_can_be_interrupted_from_a_coroutine(runner, loop):
    def patient(env):
        try:
            yield env.timeout(seconds(60))
        except simpy.Interrupt as interrupt:
            return interrupt.cause, env.now

    async def main():
        process = loop.calendar.process(patient(loop.calendar))
        await asyncio.sleep(1)
        process.interrupt("enough")
        return await happened(process)

    assert runner.run(main()) == ("enough", seconds(1))


def test_a_failed_process_that_nobody_awaits_ends_the_run_with_its_error(runner, loop):
    def broken(env):
        yield env.timeout(1)
        raise ZeroDivisionError("in the process")

    async def main():
        loop.calendar.process(broken(loop.calendar))
        await asyncio.sleep(1)

    with pytest.raises(ZeroDivisionError, match="in the process"):
        runner.run(main())


def test_a_defused_failure_does_not_end_the_run(runner, loop):
    async def main():
        event = loop.calendar.event()
        event.callbacks.append(lambda event: setattr(event, "defused", True))
        event.fail(ValueError("handled"))
        await asyncio.sleep(1)
        return event.processed

    assert runner.run(main())


def test_at_one_instant_arrivals_come_before_simpy_events_and_those_before_timers():
    calendar = Calendar()
    log = []
    calendar.add_timer(5, Timer("timer"))
    calendar.timeout(5).callbacks.append(lambda event: log.append("simpy"))
    calendar.at(5, lambda: log.append("arrival"))
    calendar.advance()
    calendar.run_due()
    assert [*log, *(timer.name for timer in calendar.due_timers)] == ["arrival", "simpy", "timer"]


def test_what_becomes_due_while_due_things_run_runs_too():
    calendar = Calendar()
    log = []

    def first():
        log.append("first")
        calendar.at(5, lambda: log.append("second"))

    calendar.at(5, first)
    calendar.advance()
    calendar.run_due()
    assert log == ["first", "second"]


def test_during_a_stall_everything_piles_up_in_its_order():
    calendar = Calendar()
    log = []
    for when in (30, 10, 20):
        calendar.at(when, lambda when=when: log.append((when, calendar.now)))
    calendar.stall(25)
    calendar.run_due()
    assert log == [(10, 25), (20, 25)]
    assert calendar.advance()
    assert calendar.now == 30


def test_a_cancelled_timer_neither_runs_nor_moves_the_clock():
    calendar = Calendar()
    timer = Timer()
    calendar.add_timer(50, timer)
    calendar.at(80, lambda: None)
    timer.cancel(calendar)
    assert calendar.advance()
    assert calendar.now == 80
    calendar.run_due()
    assert calendar.due_timers == []
    assert not calendar.advance()


def test_timers_made_and_cancelled_for_ever_do_not_fill_the_heap():
    calendar = Calendar()
    keeper = Timer("kept")
    calendar.add_timer(10**9, keeper)
    longest = 0
    for when in range(10_000):
        timer = Timer()
        calendar.add_timer(10**10 + when, timer)
        timer.cancel(calendar)
        longest = max(longest, len(calendar._queue))
    assert longest < 250
    assert calendar.advance()
    assert calendar.now == 10**9


KINDS = ("arrival", "timer", "cancelled", "cancelled", "cancelled", "cancelled")


@settings(max_examples=50)
@given(seed=st.integers(), size=st.integers(0, 400))
def test_whatever_is_cancelled_the_rest_runs_in_legal_order(seed, size):
    draw = random.Random(seed)
    entries = [(draw.choice(KINDS), draw.randrange(50)) for _ in range(size)]
    calendar = Calendar()
    ran = []
    timers = []
    for number, (kind, when) in enumerate(entries):
        if kind == "arrival":
            calendar.at(when, lambda n=number: ran.append(n))
        else:
            timers.append((kind, Timer(number)))
            calendar.add_timer(when, timers[-1][1])
    for kind, timer in timers:
        if kind == "cancelled":
            timer.cancel(calendar)
    while calendar.advance():
        calendar.run_due()
        ran += [timer.name for timer in calendar.due_timers]
        calendar.due_timers.clear()
    expected = [
        (when, kind == "timer", number)
        for number, (kind, when) in enumerate(entries)
        if kind != "cancelled"
    ]
    assert ran == [number for *_, number in sorted(expected)]
    assert calendar._queue == []


def test_timers_have_the_lowest_priority_of_an_instant():
    assert max(simpy.events.URGENT, simpy.events.NORMAL) < TIMER


class RunawayError(Exception):
    pass


def test_a_simpy_process_that_never_lets_time_pass_is_a_livelock(runner, loop):
    def spinning(env):
        for _ in range(300_000):
            yield env.timeout(0)
        raise RunawayError

    async def main():
        loop.calendar.process(spinning(loop.calendar))
        await asyncio.sleep(1)

    with pytest.raises(LivelockError):
        runner.run(main())
