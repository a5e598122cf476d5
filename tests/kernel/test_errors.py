from __future__ import annotations

import asyncio
import inspect
import sys
import time
import types
from typing import Any

import pytest

from simkit import simulation
from simkit.bridge import core
from simkit.kernel import (
    DeadlockError,
    ForeignThreadError,
    LivelockError,
    OutsideWorldError,
    SimulationError,
    TimeLimitError,
)
from simkit.kernel.errors import await_line, describe_tasks, is_library, short_path


def line_of(function, text):
    lines, start = inspect.getsourcelines(function)
    return start + next(number for number, line in enumerate(lines) if text in line)


async def waits_for_a_queue():
    await asyncio.Queue().get()


async def waits_through_another():
    await waits_for_a_queue()


@pytest.mark.parametrize(
    "error", [DeadlockError, ForeignThreadError, LivelockError, OutsideWorldError, TimeLimitError]
)
def test_every_error_is_a_simulation_error(error):
    assert issubclass(error, SimulationError)


def test_leaving_the_simulation_is_an_os_error_to_libraries():
    assert issubclass(OutsideWorldError, OSError)


def test_a_deadlock_lists_each_task_with_the_line_it_awaits(runner):
    async def main():
        await asyncio.sleep(1.5)
        reader = asyncio.create_task(waits_through_another(), name="reader")
        await asyncio.gather(reader, asyncio.create_task(waits_for_a_queue(), name="writer"))

    with pytest.raises(DeadlockError) as caught:
        runner.run(main())
    line = line_of(waits_for_a_queue, "Queue().get()")
    here = f"awaits at kernel/test_errors.py:{line} in waits_for_a_queue"
    assert "deadlock at 1.500000 s of virtual time" in str(caught.value)
    listed = str(caught.value).splitlines()[1:]
    assert listed[0].startswith("  Task-1: awaits at kernel/test_errors.py:")
    assert listed[0].endswith("main")
    assert listed[1:] == [f"  reader: {here}", f"  writer: {here}"]


def test_a_cancelled_timer_does_not_hide_a_deadlock(runner, loop):
    async def main():
        loop.call_later(5, print).cancel()
        await loop.create_future()

    with pytest.raises(DeadlockError, match=r"deadlock at 0\.000000 s"):
        runner.run(main())


def test_tasks_can_clean_up_after_a_deadlock(runner):
    log = []

    async def main():
        try:
            await asyncio.Event().wait()
        finally:
            log.append("cleaned up")

    with pytest.raises(DeadlockError):
        runner.run(main())
    runner.close()
    assert log == ["cleaned up"]


def test_polling_without_waiting_is_a_livelock(runner, loop):
    async def polls():
        while True:
            await asyncio.sleep(0)

    async def main():
        await asyncio.sleep(2)
        await asyncio.create_task(polls(), name="poller")

    with pytest.raises(LivelockError) as caught:
        runner.run(main())
    line = line_of(polls, "sleep(0)")
    assert "livelock at 2.000000 s of virtual time: 100,000 loop iterations" in str(caught.value)
    assert f"  poller: awaits at kernel/test_errors.py:{line} in" in str(caught.value)


def test_iterations_are_counted_anew_at_each_instant(runner):
    async def main():
        for _ in range(3):
            for _ in range(40_000):
                await asyncio.sleep(0)
            await asyncio.sleep(0.001)

    runner.run(main())


def test_a_program_that_stalls_without_end_lets_time_pass_and_is_no_livelock(runner, loop):
    async def main():
        for _ in range(100_001):
            time.sleep(0.001)
            await asyncio.sleep(0)

    runner.run(main())


def test_the_time_limit_ends_the_run_and_tells_who_still_waits(runner, loop):
    loop.time_limit_ns = 60_000_000_000

    async def main():
        while True:
            await asyncio.sleep(7)

    with pytest.raises(TimeLimitError) as caught:
        runner.run(main())
    assert "virtual time passed the limit of 60 s" in str(caught.value)
    assert f"Task-1: awaits at kernel/test_errors.py:{line_of(main, 'sleep(7)')}" in str(
        caught.value
    )


@pytest.mark.parametrize("is_stalled", [False, True])
def test_the_limit_itself_is_within_the_limit(runner, loop, is_stalled):
    loop.time_limit_ns = 60_000_000_000

    async def main():
        if is_stalled:
            time.sleep(60)
        else:
            await asyncio.sleep(60)

    runner.run(main())
    assert loop.time() == 60.0


def test_the_time_limit_holds_for_a_stalled_loop_too(runner, loop):
    loop.time_limit_ns = 60_000_000_000

    async def main():
        for _ in range(100):
            time.sleep(1)
            await asyncio.sleep(0)

    with pytest.raises(TimeLimitError):
        runner.run(main())


def test_a_task_that_has_not_begun_is_said_to_be_so(runner):
    async def main():
        task = asyncio.create_task(waits_for_a_queue())
        line = await_line(task)
        task.cancel()
        return line

    assert runner.run(main()) == "has not started"


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="tasks of generators ended with 3.11")
def test_a_generator_based_coroutine_is_followed(runner):
    @types.coroutine
    def old_style():
        yield from waits_for_a_queue()

    async def main():
        task = asyncio.create_task(old_style())
        await asyncio.sleep(1)
        line = await_line(task)
        task.cancel()
        return line

    line = line_of(waits_for_a_queue, "Queue().get()")
    assert f"test_errors.py:{line}" in runner.run(main())


def test_a_task_inside_an_asynchronous_generator_shows_its_loop(runner):
    async def frames():
        await waits_for_a_queue()
        yield

    async def consume():
        async for _ in frames():
            pass

    async def main():
        task = asyncio.create_task(consume())
        await asyncio.sleep(1)
        line = await_line(task)
        task.cancel()
        return line

    assert f"test_errors.py:{line_of(consume, 'async for')}" in runner.run(main())


def test_a_task_inside_asyncio_alone_shows_where_it_waits(runner):
    async def main():
        task = asyncio.create_task(asyncio.sleep(60))
        await asyncio.sleep(1)
        line = await_line(task)
        task.cancel()
        return line

    assert runner.run(main()).startswith("awaits at asyncio/tasks.py:")


def test_a_task_inside_a_library_shows_the_line_of_the_program(runner):
    async def reads(queue):
        async for frame in memory_channel(queue):
            assert frame

    async def main():
        task = asyncio.create_task(reads(asyncio.Queue()))
        await asyncio.sleep(1)
        line = await_line(task)
        task.cancel()
        return line

    library: dict[str, Any] = {}
    text = "async def memory_channel(queue):\n    while True:\n        yield await queue.get()\n"
    exec(compile(text, "/opt/site-packages/channels/asyncio/memory.py", "exec"), library)
    memory_channel = library["memory_channel"]
    here = f"awaits at kernel/test_errors.py:{line_of(reads, 'async for')}"
    assert runner.run(main()).startswith(here)


@pytest.mark.parametrize(
    ("filename", "shown"),
    [
        ("/srv/.venv/lib/python3.12/site-packages/websockets/asyncio/client.py", None),
        ("/usr/lib/python3/dist-packages/yaml/reader.py", "yaml/reader.py"),
        (asyncio.__file__, "asyncio/__init__.py"),
        ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>"),
        (simulation.__file__, "simkit/simulation.py"),
    ],
)
def test_libraries_are_told_from_the_program_and_keep_their_packages_name(filename, shown):
    assert is_library(filename)
    assert short_path(filename) == (shown or "websockets/asyncio/client.py")


@pytest.mark.parametrize("filename", [__file__, core.__file__, "/srv/bridge/main.py", "main.py"])
def test_what_can_be_mended_is_the_program(filename):
    assert not is_library(filename)


def test_no_tasks_at_all_are_described_too():
    assert describe_tasks(set()) == "  (no task is pending)"


def test_tasks_are_described_oldest_first(runner, loop):
    async def main():
        tasks = {asyncio.create_task(asyncio.sleep(1), name=f"call {n}") for n in (3, 1, 2)}
        await asyncio.sleep(0)
        described = describe_tasks(tasks).splitlines()
        await asyncio.wait(tasks)
        return [line.partition(":")[0].strip() for line in described]

    assert runner.run(main()) == ["call 3", "call 1", "call 2"]
