"""The clock: nanoseconds over any loop."""

from __future__ import annotations

import asyncio

import simkit
from simkit.timeline import Clock


class FakeLoop:
    """Only what a clock asks of a loop."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.timers: list[tuple[float, tuple[object, ...]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: object, *args: object) -> None:
        self.timers.append((when, (callback, *args)))


def test_time_counts_from_the_making_of_the_clock():
    loop = FakeLoop(100.0)
    clock = Clock(loop)
    assert clock.now_ns == 0
    loop.now = 100.25
    assert clock.now_ns == clock.read_ns() == 250_000_000


def test_a_timer_is_set_on_the_loop_s_own_time():
    loop = FakeLoop(100.0)
    Clock(loop).call_at(500_000_000, print, "x")
    assert loop.timers == [(100.5, (print, "x"))]


def test_a_virtual_clock_is_read_directly_and_starts_at_nought():
    loop = FakeLoop(100.0)
    clock = Clock(loop, lambda: 42)
    clock.call_at(2_000_000_000, print)
    assert clock.now_ns == 42
    assert loop.timers == [(2.0, (print,))]


def test_sleeping_ends_at_the_instant_to_the_nanosecond(sim):
    clock = Clock(sim.loop, sim.loop.calendar.read_ns)

    async def nap() -> int:
        await clock.sleep_until(1_234_567_891)
        return clock.now_ns

    assert sim.run(nap()) == 1_234_567_891


def test_an_instant_that_is_past_is_not_waited_for(sim):
    clock = Clock(sim.loop, sim.loop.calendar.read_ns)

    async def nap() -> int:
        await asyncio.sleep(1)
        await clock.sleep_until(500_000_000)
        return clock.now_ns

    assert sim.run(nap()) == 1_000_000_000


def test_it_works_on_a_bare_loop_that_has_run_before():
    async def two_naps() -> int:
        await asyncio.sleep(10)
        clock = Clock(asyncio.get_running_loop())
        called: list[int] = []
        clock.call_at(300_000_000, lambda: called.append(clock.now_ns))
        await clock.sleep_until(400_000_000)
        return called[0]

    with asyncio.Runner(loop_factory=simkit.new_event_loop) as runner:
        assert runner.run(two_naps()) == 300_000_000
