"""What asyncio's debug mode tells must be what it tells on the stock loop."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from simkit.kernel import Loop

LOOPS = pytest.mark.parametrize("factory", [Loop, None], ids=["simkit", "stock"])


def in_debug_mode(main, factory=Loop):
    with asyncio.Runner(debug=True, loop_factory=factory) as runner:
        return runner.run(main())


@LOOPS
def test_an_exception_nobody_retrieved_is_reported_before_the_next_callback(factory):
    log = []

    async def fails():
        raise ZeroDivisionError

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: log.append(context["message"]))
        # A task of asyncio's own class, let go at once.
        asyncio.Task(fails())
        await asyncio.sleep(0)
        log.append("next")

    in_debug_mode(main, factory)
    assert log == ["Task exception was never retrieved", "next"]


@LOOPS
def test_an_error_in_a_callback_is_logged_with_where_the_callback_was_made(factory, caplog):
    async def main():
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_exception_handler, {"message": "told by a callback"})
        await asyncio.sleep(0)

    in_debug_mode(main, factory)
    assert "told by a callback\nhandle_traceback: Handle created at" in caplog.text


def test_a_callback_that_stalled_the_loop_is_named_as_its_task(caplog):
    async def stalls():
        time.sleep(0.2)

    async def main():
        await asyncio.create_task(stalls(), name="staller")

    with caplog.at_level(logging.WARNING, "asyncio"):
        in_debug_mode(main)
    assert "Executing <Task finished name='staller'" in caplog.text
    assert "took 0.200 seconds" in caplog.text


@LOOPS
@pytest.mark.parametrize(
    "make",
    [
        lambda loop: loop.call_soon(print),
        lambda loop: loop.call_later(1, print),
        lambda loop: loop.call_at(loop.time() + 1, print),
        lambda loop: loop.call_soon_threadsafe(print),
        lambda loop: loop.create_task(asyncio.sleep(0)),
    ],
    ids=["call_soon", "call_later", "call_at", "call_soon_threadsafe", "create_task"],
)
def test_whatever_is_scheduled_remembers_the_line_of_the_program(make, factory):
    async def main():
        made = make(asyncio.get_running_loop())
        made.cancel()
        return made._source_traceback

    last = in_debug_mode(main, factory)[-1]
    assert (last.filename, last.name) == (__file__, "<lambda>")


def test_a_coroutine_function_is_no_work_for_an_executor():
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(TypeError, match="coroutines cannot be used with run_in_executor"):
            loop.run_in_executor(None, asyncio.sleep)

    in_debug_mode(main)
