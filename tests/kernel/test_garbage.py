"""Two-sided: on the stock loop the instant of a collection depends on what ran before."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from simkit.kernel import Loop

BEFORE = [0, 150, 300, 600, 1500]
"""Objects that were made before the run."""


class Cycle:
    def __init__(self, on_end=lambda: None):
        self.me = self
        self.on_end = on_end

    def __del__(self):
        self.on_end()


def steps_until_collected(loop_factory, before):
    """Run a program that leaves a cycle behind; return how many steps later it was collected."""
    steps, collected = 0, []

    async def main():
        nonlocal steps
        Cycle(lambda: collected.append(steps))
        kept = []
        for _ in range(3000):
            steps += 1
            kept.append([])
            await asyncio.sleep(0)

    gc.collect()
    held = [[] for _ in range(before)]
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert len(held) == before
    return collected


def test_on_the_stock_loop_it_depends_on_what_was_made_before():
    assert len({str(steps_until_collected(asyncio.new_event_loop, n)) for n in BEFORE}) > 1


def test_on_a_simulated_loop_it_does_not():
    [found] = {str(steps_until_collected(Loop, n)) for n in BEFORE}
    assert found != "[]"


def test_a_run_leaves_collection_as_it_found_it(runner):
    async def main():
        return gc.isenabled()

    assert gc.isenabled()
    assert runner.run(main()) is False
    assert gc.isenabled()


def test_who_disabled_collection_keeps_it_disabled(runner):
    gone = []

    async def main():
        Cycle(lambda: gone.append(True))
        for _ in range(1200):
            await asyncio.sleep(0)

    gc.disable()
    try:
        runner.run(main())
        assert not gc.isenabled()
        assert gone == []
    finally:
        gc.enable()
        gc.collect()
    assert gone == [True]


def test_collection_is_back_after_an_error(runner):
    async def main():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        runner.run(main())
    assert gc.isenabled()


def test_what_a_run_leaves_behind_is_collected_when_it_ends(runner):
    gone = []

    async def main():
        Cycle(lambda: gone.append(True))

    runner.run(main())
    assert gone == [True]


def test_garbage_of_any_age_goes_in_time(runner):
    async def main():
        old = Cycle()
        gc.collect()
        gc.collect()
        gone = weakref.ref(old)
        del old
        for _ in range(200_000):
            await asyncio.sleep(0)
            if gone() is None:
                return True
            if loop_is_due():
                await asyncio.sleep(0.001)
        return False

    passed = 0

    def loop_is_due():
        nonlocal passed
        passed += 1
        return passed % 50_000 == 0

    assert runner.run(main())


def test_worlds_that_are_gone_do_not_pile_up():
    class World:
        def __init__(self):
            self.me = self
            self.rows = [[] for _ in range(20_000)]

    worlds = weakref.WeakSet()

    async def main(world):
        # Older than what is collected at the end of a run.
        gc.collect(1)
        gc.collect(1)

    for _ in range(30):
        world = World()
        worlds.add(world)
        with asyncio.Runner(loop_factory=Loop) as runner:
            runner.run(main(world))
        del world
    assert len(worlds) < 20
