"""Handles and generators that simkit makes are those that asyncio makes."""

from __future__ import annotations

import asyncio
import contextvars
import gc

import pytest

from simkit.kernel import Loop

SLOTS = [*asyncio.Handle.__slots__, *asyncio.TimerHandle.__slots__]


def state_of(handle):
    return {name: getattr(handle, name) for name in SLOTS if name != "__weakref__"}


def test_a_handle_holds_what_asyncios_own_constructor_puts_there(loop):
    context = contextvars.copy_context()
    made = loop.call_soon(print, 1, 2, context=context)
    assert type(made) is asyncio.Handle
    stock = asyncio.Handle(print, (1, 2), loop, context)
    assert repr(made) == repr(stock)
    for name in asyncio.Handle.__slots__:
        if name != "__weakref__":
            assert getattr(made, name) == getattr(stock, name), name


def test_a_timer_holds_what_asyncios_own_constructor_puts_there(loop):
    context = contextvars.copy_context()
    made = loop.call_at(1.5, print, 1, 2, context=context)
    stock = asyncio.TimerHandle(1.5, print, (1, 2), loop, context)
    assert isinstance(made, asyncio.TimerHandle)
    assert repr(made) == repr(stock)
    assert state_of(made) == {**state_of(stock), "_scheduled": True}


def test_a_handle_without_a_context_gets_a_copy_of_the_current_one(runner, loop):
    variable = contextvars.ContextVar("variable", default="outside")
    seen = []

    async def main():
        variable.set("when it was called")
        loop.call_soon(lambda: seen.append(variable.get()))
        loop.call_later(1, lambda: seen.append(variable.get()))
        variable.set("later")
        await asyncio.sleep(2)

    runner.run(main())
    assert seen == ["when it was called", "when it was called"]


def test_a_timer_in_nanoseconds_runs_in_turn_with_those_in_seconds(runner, loop):
    log = []

    async def main():
        loop.call_at(1.0, log.append, "first")
        timer = loop.call_at_ns(1_000_000_000, log.append, "second")
        loop.call_at(1.0, log.append, "third")
        loop.call_at_ns(1_000_000_000, log.append, "cancelled").cancel()
        await asyncio.sleep(2)
        return timer.when()

    assert runner.run(main()) == 1.0
    assert log == ["first", "second", "third"]


def test_the_handle_of_a_timer_that_has_run_serves_again(runner, loop):
    ran = []

    async def main():
        first = loop.call_at_ns(1_000_000_000, ran.append, "first")
        await asyncio.sleep(2)
        again = loop.call_again_ns(first, 3_000_000_000, ran.append, "again")
        assert again is first
        assert again.when() == 3.0
        await asyncio.sleep(2)
        loop.call_again_ns(again, 5_000_000_000, ran.append, "cancelled").cancel()
        await asyncio.sleep(2)

    runner.run(main())
    assert ran == ["first", "again"]


def test_a_timer_that_has_not_run_or_was_cancelled_is_left_as_it_is(runner, loop):
    ran = []

    async def main():
        waits = loop.call_at_ns(1_000_000_000, ran.append, "waits")
        cancelled = loop.call_at_ns(1_000_000_000, ran.append, "cancelled")
        cancelled.cancel()
        for timer in (waits, cancelled, None):
            assert loop.call_again_ns(timer, 2_000_000_000, ran.append, "another") is not timer
        await asyncio.sleep(3)

    runner.run(main())
    assert ran == ["waits", "another", "another", "another"]


def test_a_timer_that_was_cancelled_says_so_and_forgets_its_callback(loop):
    timer = loop.call_at(1.5, print)
    timer.cancel()
    timer.cancel()
    assert timer.cancelled()
    assert repr(timer) == "<TimerHandle cancelled when=1.5>"


def test_a_timer_cancelled_in_debug_mode_still_tells_its_callback(loop):
    loop.set_debug(True)
    timer = loop.call_at(1.5, print)
    timer.cancel()
    assert "print" in repr(timer)


@pytest.mark.parametrize("debug", [False, True])
def test_a_callback_that_fails_is_reported_as_asyncio_reports_it(runner, loop, debug):
    loop.set_debug(debug)
    found = []

    def fail(number):
        raise ValueError(number)

    async def main():
        loop.set_exception_handler(lambda loop, context: found.append(context))
        handle = loop.call_soon(fail, 3)
        await asyncio.sleep(1)
        return handle

    handle = runner.run(main())
    [context] = found
    assert context["handle"] is handle
    assert context["exception"].args == (3,)
    assert context["message"].startswith("Exception in callback ")
    assert "fail" in context["message"]
    assert ("source_traceback" in context) is debug


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_what_ends_the_program_passes_through(error):
    loop = Loop()

    def end():
        raise error

    async def main():
        loop.call_soon(end)
        await asyncio.sleep(1)

    task = loop.create_task(main())
    with pytest.raises(error):
        loop.run_until_complete(task)
    loop.run_until_complete(task)
    loop.close()


def test_generators_left_behind_close_in_the_order_of_their_first_step(runner, loop):
    closed = []

    async def numbers(name):
        try:
            yield name
            yield name
        finally:
            closed.append(name)

    async def main():
        left = [numbers(name) for name in range(40)]
        for generator in left:
            await anext(generator)
        await loop.shutdown_asyncgens()
        return left

    runner.run(main())
    assert closed == list(range(40))


def test_generators_that_ended_or_died_are_forgotten(runner, loop):
    async def numbers():
        yield 1

    async def main():
        for _ in range(10):
            assert [number async for number in numbers()] == [1]
        kept, forgotten = numbers(), numbers()
        await anext(kept)
        await anext(forgotten)
        del forgotten
        gc.collect()
        await asyncio.sleep(0)
        return len(loop._asyncgens), list(loop._asyncgens) == [kept]

    assert runner.run(main()) == (1, True)
