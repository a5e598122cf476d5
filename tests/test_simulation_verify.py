"""Two-sided: each program below is not deterministic on the stock loop; in a simulation it either
becomes so, or is found out."""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import os
import random
import secrets
import subprocess
import sys
import threading
import time
import uuid
from os import urandom as early_urandom
from pathlib import Path
from time import monotonic_ns as early_monotonic_ns

import pytest

from simkit import DeadlockError, DivergenceError, Simulation
from simkit.kernel import shaken_memory

MANY = 64
system_random = random.SystemRandom()
own_random = random.Random()
numbers = itertools.count()


class Session:
    def __init__(self, number: int) -> None:
        self.number = number


async def set_of_objects():
    return [session.number for session in {Session(number) for number in range(MANY)}]


async def order_of_addresses():
    sessions = [Session(number) for number in range(MANY)]
    return [session.number for session in sorted(sessions, key=id)]


async def set_of_futures():
    loop = asyncio.get_running_loop()
    futures = {loop.create_future(): number for number in range(MANY)}
    for future in futures:
        future.set_result(None)
    done, _ = await asyncio.wait(futures)
    return [futures[future] for future in done]


async def set_of_waiting_tasks():
    event, order = asyncio.Event(), []

    async def wait(number):
        await event.wait()
        order.append(number)

    async with asyncio.TaskGroup() as group:
        waiting = {Session(number): group.create_task(wait(number)) for number in range(MANY)}
        await asyncio.sleep(0)
        for session in set(waiting):
            waiting[session].cancel()
    return order


class Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("ns", ctypes.c_long))


async def clock_through_c():
    now = Timespec()
    ctypes.CDLL(None).clock_gettime(time.CLOCK_MONOTONIC, ctypes.byref(now))
    return now.seconds, now.ns


async def clock_of_a_thread():
    seen = []
    thread = threading.Thread(target=lambda: seen.append(time.perf_counter_ns()))
    thread.start()
    thread.join()
    return seen


async def what_an_earlier_run_left():
    return next(numbers)


@pytest.fixture
def touched(tmp_path):
    """A program that reads the date of a file, which somebody touches between two looks."""
    path = tmp_path / "config.json"
    path.touch()

    async def date_of_a_file():
        seen = path.stat().st_mtime_ns
        os.utime(path, ns=(seen, seen + 1))
        return seen

    return date_of_a_file


async def early_entropy():
    return early_urandom(8)


async def system_entropy():
    return system_random.random()


async def tokens():
    return secrets.token_hex()


async def ids():
    return uuid.uuid4(), uuid.uuid1()


async def module_random():
    return random.random(), own_random.random(), random.Random().random()


async def early_clock():
    return early_monotonic_ns()


async def clock_of_a_worker():
    return await asyncio.to_thread(time.perf_counter_ns)


async def set_of_tasks():
    tasks = [asyncio.create_task(asyncio.sleep(0), name=str(number)) for number in range(MANY)]
    done, _ = await asyncio.wait(tasks)
    return [task.get_name() for task in done]


FOUND_OUT = [
    set_of_objects, order_of_addresses, set_of_futures, clock_through_c,
    what_an_earlier_run_left,
]  # fmt: skip
MADE_DETERMINISTIC = [
    early_entropy, system_entropy, tokens, ids, module_random, early_clock, clock_of_a_worker,
    clock_of_a_thread,
    set_of_tasks,
]  # fmt: skip


def differs_on_the_stock_loop(program):
    one = asyncio.run(program())
    ballast = shaken_memory()
    other = asyncio.run(program())
    assert ballast
    return one != other


def scenario_of(program):
    async def scenario(sim):
        await asyncio.sleep(1.5)
        sim.timeline.record("found", "test", value=str(await program()))

    return scenario


def verify(scenario, **options):
    with Simulation(verify=True, **options) as sim:
        return sim.run(scenario)


@pytest.mark.parametrize("program", FOUND_OUT)
def test_what_follows_neither_seed_nor_clock_is_found_out(program):
    assert differs_on_the_stock_loop(program)
    with pytest.raises(DivergenceError, match=r"diverged at 1\.500000 s of virtual time"):
        verify(scenario_of(program))


def test_the_date_of_a_real_file_is_found_out(touched):
    assert differs_on_the_stock_loop(touched)
    with pytest.raises(DivergenceError, match="The timeline differs"):
        verify(scenario_of(touched))


@pytest.mark.parametrize("program", MADE_DETERMINISTIC)
def test_clocks_entropy_and_tasks_are_made_deterministic(program):
    assert differs_on_the_stock_loop(program)
    verify(scenario_of(program))


def test_an_order_of_steps_that_leaves_no_other_trace_is_found_out():
    async def scenario(sim):
        await set_of_waiting_tasks()

    with pytest.raises(DivergenceError, match="The order of the steps differs"):
        verify(scenario)


HASHED = """
import asyncio, sys
from simkit import Simulation

async def names():
    found = {f"session {number}" for number in range(64)}
    return sorted(found) if "sorted" in sys.argv else list(found)

async def scenario(sim):
    for name in await names():
        sim.timeline.record("found", "test", name=name)

print(asyncio.run(names()))
with Simulation(trail=True) as sim:
    sim.run(scenario)
    print(sim.trail.digest)
"""


def printed_with_hash_seed(seed, *arguments):
    command = [sys.executable, "-c", HASHED, *arguments]
    paths = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": paths}
    return subprocess.check_output(command, env=environment, text=True).splitlines()


def test_digests_of_two_processes_tell_of_hash_seeds():
    one, other = printed_with_hash_seed("1"), printed_with_hash_seed("2")
    assert one[0] != other[0]
    assert one[1] != other[1]
    assert printed_with_hash_seed("1", "sorted") == printed_with_hash_seed("2", "sorted")


def test_the_message_shows_both_runs_and_what_came_before():
    async def scenario(sim):
        await asyncio.sleep(1)
        await asyncio.create_task(asyncio.sleep(next(numbers)), name="waits differently")

    with pytest.raises(DivergenceError) as caught:
        verify(scenario)
    lines = str(caught.value).splitlines()
    assert [line.split()[-1] for line in lines if line.startswith("    both")][-1] == "differently"
    [first, second] = [line.split() for line in lines if line.startswith(">")]
    assert (first[1], second[1]) == ("first", "second")
    assert first[2:4] != second[2:4]
    assert "Usual causes: " in lines[-1]


def test_what_a_verified_run_returns_is_the_result_and_the_first_world_stays():
    async def scenario(sim):
        await asyncio.sleep(3)
        sim.timeline.record("found", "test")
        return sim.now

    with Simulation(seed=4, verify=True) as sim:
        assert sim.run(scenario) == 3.0
        assert sim.now == 3.0
        assert len(sim.timeline.of("found")) == 1


def test_both_worlds_have_the_options_of_the_first():
    worlds = []

    async def scenario(sim):
        worlds.append(sim)
        await asyncio.sleep(0)

    verify(scenario, seed=4, time_limit=50)
    assert [world.seed for world in worlds] == [4, 4]
    assert [world.loop.time_limit_ns for world in worlds] == [50_000_000_000] * 2
    assert worlds[0] is not worlds[1]


def test_an_error_in_both_runs_is_raised_as_it_is():
    async def scenario(sim):
        await asyncio.Event().wait()

    with pytest.raises(DeadlockError):
        verify(scenario)


def test_an_error_in_one_run_is_the_cause_of_the_divergence():
    async def scenario(sim):
        await asyncio.sleep(1)
        if next(numbers) % 2:
            raise ValueError("odd")
        await asyncio.sleep(1)

    with pytest.raises(DivergenceError) as caught:
        verify(scenario)
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_coroutine_cannot_be_verified_because_it_runs_once():
    with Simulation(verify=True) as sim, pytest.raises(TypeError, match="a coroutine runs once"):
        sim.run(asyncio.sleep(1))


def test_a_world_that_was_used_before_cannot_be_verified():
    async def scenario(sim):
        pass

    async def served():
        pass

    with Simulation(verify=True) as sim:
        sim.host("bridge").serve(served)
        with pytest.raises(RuntimeError, match="do everything"):
            sim.run(scenario)


def test_a_function_can_be_run_without_being_verified():
    async def scenario(sim):
        await asyncio.sleep(2)
        return sim.now

    with Simulation() as sim:
        assert sim.run(scenario) == 2.0
        assert sim.trail is None
