"""simpy processes, resources and stores of the user's, beside coroutines on one clock."""

from __future__ import annotations

import asyncio

import pytest
import simpy

from simkit import seconds


async def test_coroutines_queue_for_a_resource_beside_processes(sim):
    lines = simpy.Resource(sim.env, capacity=1)
    log = []

    def process():
        with lines.request() as line:
            yield line
            log.append(("process has it", sim.now))
            yield sim.env.timeout(seconds(2))

    async def coroutine():
        await asyncio.sleep(1)
        with lines.request() as line:
            await sim.wait_for(line)
            log.append(("coroutine has it", sim.now))
            await asyncio.sleep(3)

    def late():
        yield sim.env.timeout(seconds(1.5))
        with lines.request() as line:
            yield line
            log.append(("late process has it", sim.now))

    processes = [sim.env.process(process()), sim.env.process(late())]
    await coroutine()
    await sim.wait_for(sim.env.all_of(processes))
    assert log == [("process has it", 0), ("coroutine has it", 2), ("late process has it", 5)]
    assert (lines.count, lines.queue) == (0, [])


async def test_a_coroutine_that_gives_up_leaves_the_queue(sim):
    lines = simpy.Resource(sim.env, capacity=1)

    async def hold(duration):
        with lines.request() as line:
            await sim.wait_for(line)
            await asyncio.sleep(duration)
            return sim.now

    async def give_up():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await hold(1)

    assert await asyncio.gather(hold(10), give_up(), hold(1)) == [10, None, 11]
    assert (lines.count, lines.queue) == (0, [])


async def test_a_store_carries_goods_from_coroutines_to_processes_and_back(sim):
    orders, answers = simpy.Store(sim.env), simpy.Store(sim.env, capacity=1)

    def clerk():
        while True:
            order = yield orders.get()
            yield sim.env.timeout(seconds(0.5))
            yield answers.put(f"{order} done at {sim.now}")

    sim.env.process(clerk())
    for order in ("tea", "cake"):
        await sim.wait_for(orders.put(order))
    await asyncio.sleep(60)
    assert await sim.wait_for(answers.get()) == "tea done at 0.5"
    assert await sim.wait_for(answers.get()) == "cake done at 1.0"


async def test_a_process_waits_for_a_coroutine(sim):
    def wait_for(task):
        """Return an event that happens when the task is done."""
        event = sim.env.event()
        task.add_done_callback(lambda done: event.succeed(done.result()))
        return event

    async def work():
        await asyncio.sleep(2)
        return "bread"

    def process(task):
        goods = yield wait_for(task)
        yield sim.env.timeout(seconds(1))
        return goods, sim.now

    task = asyncio.create_task(work())
    assert await sim.wait_for(sim.env.process(process(task))) == ("bread", 3.0)


async def test_a_process_can_be_interrupted_by_a_coroutine(sim):
    def process():
        try:
            yield sim.env.timeout(seconds(3600))
        except simpy.Interrupt as interrupt:
            return interrupt.cause, sim.now

    running = sim.env.process(process())
    asyncio.get_running_loop().call_later(1, running.interrupt, "fire")
    assert await sim.wait_for(running) == ("fire", 1.0)


def test_a_process_that_fails_unheard_ends_the_run_as_in_simpy(sim):
    def process():
        yield sim.env.timeout(1)
        raise ValueError("nobody waits for this")

    sim.env.process(process())
    with pytest.raises(ValueError, match="nobody waits for this"):
        sim.run(asyncio.sleep(1))


async def test_what_arrives_comes_before_simpy_events_and_these_before_timers(sim, bridge):
    """The order at one instant, whatever the order in which it was asked for."""
    log = []

    class Listener(asyncio.Protocol):
        def data_received(self, data):
            log.append("bytes")

    def process(name, delay):
        yield sim.env.timeout(delay)
        log.append(name)

    async def sleep():
        await asyncio.sleep(0.01)
        log.append("timer")

    async def wait_for_simpy():
        await sim.wait_for(sim.env.timeout(seconds(0.01)))
        log.append("waiter")

    loop = asyncio.get_running_loop()
    await bridge.spawn(loop.create_server(Listener, "0.0.0.0", 7000))
    transport, _ = await loop.create_connection(asyncio.Protocol, bridge.name, 7000)
    await asyncio.sleep(1)
    sleeping, waiting = asyncio.create_task(sleep()), asyncio.create_task(wait_for_simpy())
    await asyncio.sleep(0)
    for name in ("first process", "second process"):
        sim.env.process(process(name, seconds(0.01)))
    transport.write(b"!")
    await asyncio.gather(sleeping, waiting)
    await asyncio.sleep(1)
    # Processes run within simpy, at once; whatever belongs to the loop is queued, in this order.
    assert log == ["first process", "second process", "bytes", "waiter", "timer"]
    transport.close()


async def test_an_event_that_a_coroutine_triggers_happens_before_the_clock_moves(sim):
    event = sim.env.event()

    def process():
        value = yield event
        return value, sim.now_ns

    running = sim.env.process(process())
    await asyncio.sleep(1)
    event.succeed("now")
    assert await sim.wait_for(running) == ("now", seconds(1))
