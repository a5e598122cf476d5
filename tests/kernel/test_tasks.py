from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from simkit.kernel import Loop, Task

where = ContextVar("where", default="outside")


def test_tasks_are_numbered_and_named_in_the_order_of_their_making(runner):
    async def main():
        tasks = [asyncio.create_task(asyncio.sleep(0)) for _ in range(3)]
        await asyncio.gather(*tasks)
        return [(hash(task), task.get_name()) for task in tasks]

    assert runner.run(main()) == [(2, "Task-2"), (3, "Task-3"), (4, "Task-4")]


def test_numbering_begins_anew_on_every_loop():
    async def main():
        return asyncio.current_task().get_name()

    names = set()
    for _ in range(3):
        with asyncio.Runner(loop_factory=Loop) as runner:
            names.add(runner.run(main()))
    assert names == {"Task-1"}


def test_a_name_that_was_given_is_kept(runner):
    async def main():
        task = asyncio.create_task(asyncio.sleep(0), name="reader")
        await task
        return task.get_name(), hash(task)

    assert runner.run(main()) == ("reader", 2)


def test_any_name_but_none_is_a_name(runner):
    async def main():
        tasks = [asyncio.create_task(asyncio.sleep(0), name=name) for name in ("", 0, None)]
        await asyncio.gather(*tasks)
        return [task.get_name() for task in tasks]

    assert runner.run(main()) == ["", "0", "Task-4"]


def test_a_set_of_tasks_iterates_in_the_order_of_their_making(runner):
    async def main():
        tasks = [asyncio.create_task(asyncio.sleep(1, n)) for n in range(40)]
        done, _ = await asyncio.wait(tasks)
        return [task.result() for task in done]

    assert runner.run(main()) == list(range(40))


def test_tasks_of_two_loops_with_one_number_are_two_tasks():
    async def main():
        return asyncio.current_task()

    with asyncio.Runner(loop_factory=Loop) as one, asyncio.Runner(loop_factory=Loop) as other:
        first, second = one.run(main()), other.run(main())
    assert hash(first) == hash(second)
    assert len({first, second}) == 2


def test_a_task_knows_the_context_it_runs_in(runner):
    async def look():
        return where.get()

    async def main():
        where.set("inside")
        task = asyncio.create_task(look())
        where.set("moved on")
        assert isinstance(task, Task)
        return await task, task.context[where]

    assert runner.run(main()) == ("inside", "inside")


def test_a_task_factory_is_asked_for_every_task(runner, loop):
    made = []

    def factory(loop, coro, **options):
        made.append(coro.__name__)
        return asyncio.Task(coro, loop=loop, **options)

    async def work():
        return 42

    async def main():
        loop.set_task_factory(factory)
        return await asyncio.create_task(work())

    assert runner.run(main()) == 42
    assert made == ["work"]


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="of Python 3.12 and later")
def test_eager_tasks_are_numbered_named_and_walked_in_the_order_of_their_making(runner, loop):
    steps = []

    async def work(number):
        steps.append((number, asyncio.current_task().get_name()))
        await asyncio.sleep(1)
        return number

    async def main():
        loop.set_task_factory(asyncio.eager_task_factory)
        tasks = [asyncio.create_task(work(number)) for number in range(40)]
        begun = len(steps)
        done, _ = await asyncio.wait(tasks)
        return begun, [task.result() for task in done]

    assert runner.run(main()) == (40, list(range(40)))
    assert steps == [(number, f"Task-{number + 2}") for number in range(40)]


def test_cancellation_reaches_the_innermost_await(runner):
    log = []

    async def inner():
        try:
            await asyncio.sleep(60)
        finally:
            log.append("cleaned up")

    async def main():
        task = asyncio.create_task(inner())
        await asyncio.sleep(1)
        task.cancel("changed my mind")
        try:
            await task
        except asyncio.CancelledError as error:
            return error.args

    assert runner.run(main()) == ("changed my mind",)
    assert log == ["cleaned up"]
