from __future__ import annotations

import asyncio
import inspect
import json
import time

import pytest

from simkit import Simulation, checks


def place(function, text):
    lines, start = inspect.getsourcelines(function)
    line = start + next(number for number, line in enumerate(lines) if text in line)
    return f"tests/test_mishaps.py:{line} in {function.__qualname__}"


async def blocks():
    await asyncio.sleep(1)
    time.sleep(0.3)


async def forgets():
    await asyncio.sleep(0)


async def fails():
    await asyncio.sleep(2)
    raise KeyError("callSid")


async def fails_inside_asyncio():
    await asyncio.sleep(2)
    await asyncio.wait_for(fails(), None)


def sentences(sim, name):
    result = next(result for result in checks.run(sim.timeline) if result.name == name)
    return result.sentence


async def test_a_stall_names_the_task_and_the_line_that_slept(sim):
    await asyncio.create_task(blocks(), name="voice")
    [stall] = sim.timeline.of("stall")
    assert stall.t_ns == 1_000_000_000
    assert stall.fields == {
        "duration_ns": 300_000_000,
        "task": "voice",
        "line": place(blocks, "time.sleep"),
    }
    assert str(sim.timeline) == "    1.000  home     stall  duration_ns=300000000\n"
    assert sentences(sim, "no-blocking") == (
        f"the loop was blocked for 300 ms at 1.000, in task 'voice', "
        f"at {place(blocks, 'time.sleep')}"
    )


async def test_a_stall_in_a_callback_has_a_line_and_no_task(sim):
    def blocking_callback():
        time.sleep(0.5)

    asyncio.get_running_loop().call_soon(blocking_callback)
    await asyncio.sleep(1)
    [stall] = sim.timeline.of("stall")
    assert stall.fields["task"] == ""
    assert stall.fields["line"].endswith("blocking_callback")


async def test_an_error_that_nobody_took_is_told_of_the_host_whose_task_it_was(sim):
    server = sim.host("bridge.example.com").spawn(fails(), name="pump")
    await asyncio.sleep(10)
    del server  # whoever collects it is at home
    [error] = sim.timeline.of("unhandled-error")
    assert error.source == "bridge.example.com"


@pytest.mark.parametrize("program", [fails, fails_inside_asyncio])
async def test_a_task_whose_error_nobody_took_is_named_with_the_line_that_raised(sim, program):
    task = asyncio.create_task(program(), name="pump")
    await asyncio.sleep(10)
    del task
    [error] = sim.timeline.of("unhandled-error")
    assert error.fields == {
        "message": "Task exception was never retrieved",
        "error": "KeyError",
        "task": "pump",
        "line": place(fails, "raise KeyError"),
    }
    assert sentences(sim, "no-unhandled-error").endswith(
        f"in task 'pump', at {place(fails, 'raise KeyError')}"
    )


async def test_errors_at_one_line_are_all_recorded_and_logged_a_few_times_only(sim, caplog):
    failing = {asyncio.create_task(fails()) for _ in range(50)}
    await asyncio.wait(failing)
    failing.clear()
    await asyncio.sleep(0)
    assert len(sim.timeline.of("unhandled-error")) == 50
    assert len([one for one in caplog.records if one.name == "asyncio"]) == 3


async def test_an_error_in_a_library_is_told_with_the_line_of_the_program(sim):
    async def parses():
        return json.loads("{")

    task = asyncio.create_task(parses())
    await asyncio.wait({task})
    del task
    await asyncio.sleep(0)
    [error] = sim.timeline.of("unhandled-error")
    assert error.fields["line"] == place(parses, "json.loads")


async def test_an_error_in_a_callback_shows_no_address(sim):
    class Phone:
        def ring(self, other):
            raise ValueError("no")

    phone = Phone()
    asyncio.get_running_loop().call_soon(phone.ring, phone)
    await asyncio.sleep(1)
    [error] = sim.timeline.of("unhandled-error")
    assert "0x" not in error.fields["message"]
    assert error.fields["message"].endswith("Phone.ring")
    assert error.fields["line"].endswith("Phone.ring")


async def test_objects_in_what_asyncio_reports_are_shown_without_their_addresses(sim):
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": f"an error while closing {object()!r}"})
    [error] = sim.timeline.of("unhandled-error")
    assert error.fields["message"] == "an error while closing <object object>"


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
async def test_a_coroutine_that_nobody_awaited_is_an_unhandled_error(sim):
    await asyncio.sleep(3)
    forgets()
    [error] = sim.timeline.of("unhandled-error")
    assert error.t_ns == 3_000_000_000
    first_line = forgets.__code__.co_firstlineno
    assert error.fields == {
        "message": "coroutine forgets was never awaited",
        "error": "RuntimeWarning",
        "task": asyncio.current_task().get_name(),
        "line": f"tests/test_mishaps.py:{first_line}, where it is defined",
    }


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_in_debug_mode_it_is_told_where_the_coroutine_was_made():
    async def main():
        forgets()

    with Simulation() as sim:
        sim.loop.set_debug(True)
        sim.run(main())
        [error] = sim.timeline.of("unhandled-error")
    assert error.fields["line"].startswith(place(main, "forgets()").partition(" in ")[0])


def test_python_still_warns_of_it(sim):
    async def main():
        forgets()

    with pytest.warns(RuntimeWarning, match="'forgets' was never awaited"):
        sim.run(main())


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_outside_of_a_run_it_is_none_of_the_simulations_business(sim):
    forgets()
    assert sim.timeline.of("unhandled-error") == []


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_what_happens_while_the_world_is_taken_down_is_not_recorded():
    async def main():
        try:
            await asyncio.sleep(100)
        finally:
            forgets()

    sim = Simulation()
    task = sim.loop.create_task(main())
    sim.run(asyncio.sleep(1))
    sim.close()
    assert task.cancelled()
    assert sim.timeline.of("unhandled-error") == []
