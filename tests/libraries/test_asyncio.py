"""asyncio itself: tasks, threads, signals, and programs that are one ``main``."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

import simkit
from tests.libraries.serving import NAME


async def test_a_task_group_cancels_the_others_when_one_fails(sim):
    ends = []

    async def work(name, duration):
        try:
            await asyncio.sleep(duration)
        finally:
            ends.append((name, sim.now))

    async def fail():
        await asyncio.sleep(2)
        raise ValueError("no")

    async def together():
        async with asyncio.TaskGroup() as group:
            group.create_task(work("short", 1))
            group.create_task(work("long", 3600))
            group.create_task(fail())

    with pytest.raises(ExceptionGroup) as caught:
        await together()
    assert [str(error) for error in caught.value.exceptions] == ["no"]
    assert ends == [("short", 1), ("long", 2)]


async def test_timeouts_are_of_virtual_time_and_nest(sim):
    async with asyncio.timeout(3600) as outer:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await asyncio.Event().wait()
        assert sim.now == 60
        outer.reschedule(asyncio.get_running_loop().time() + 10**6)
        await asyncio.sleep(7200)
    assert not outer.expired()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.sleep(10), 5)
    assert sim.now == 60 + 7200 + 5


async def test_threads_of_to_thread_sleep_side_by_side(sim):
    def work(number):
        time.sleep(number)
        return number, time.monotonic()

    ticks = asyncio.create_task(asyncio.sleep(1.5, "the loop went on"))
    assert await asyncio.gather(*(asyncio.to_thread(work, n) for n in (3, 1, 2))) == [
        (3, 3.0),
        (1, 1.0),
        (2, 2.0),
    ]
    assert sim.now == 3
    assert ticks.result() == "the loop went on"


async def test_a_thread_of_the_programs_own_hands_over_its_result(sim):
    def work():
        try:
            loop.call_soon_threadsafe(done.set_result, "from a thread")
        except simkit.ForeignThreadError as error:
            refused.append(error)

    refused = []
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert await done == "from a thread"
    finally:
        thread.join()
    assert refused == []


async def test_a_signal_from_outside_runs_the_programs_handler(sim, bridge):
    log = []

    async def main():
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        log.append("running")
        await stop.wait()
        log.append(f"stopped at {sim.now}")

    program = bridge.spawn(main())
    await asyncio.sleep(60)
    assert sim.loop.raise_signal(signal.SIGTERM)
    await program
    assert log == ["running", "stopped at 60.0"]


async def test_a_main_that_starts_several_servers_of_its_own_is_served(sim, bridge):
    async def main():
        async def shout(reader, writer):
            async for line in reader:
                writer.write(line.upper())
            writer.close()

        async def count(reader, writer):
            writer.write(f"{len(await reader.read())}\n".encode())
            writer.close()

        shouting = await asyncio.start_server(shout, "0.0.0.0", 8001)
        counting = await asyncio.start_server(count, "0.0.0.0", 8002)
        async with shouting, counting, asyncio.TaskGroup() as group:
            group.create_task(shouting.serve_forever())
            group.create_task(counting.serve_forever())

    async def ask(port):
        reader, writer = await asyncio.open_connection(NAME, port)
        writer.write(b"hello\n")
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        return answer

    server = bridge.serve(main)
    await server.wait_started()
    assert await asyncio.gather(ask(8001), ask(8002)) == [b"HELLO\n", b"6\n"]
    await server.shut_down()
    with pytest.raises(ConnectionRefusedError):
        await ask(8001)


async def test_a_child_process_is_refused_with_the_reason(sim):
    with pytest.raises(simkit.OutsideWorldError, match="runs on the machine's clock"):
        subprocess.run([sys.executable, "-V"], check=True)
    with pytest.raises(simkit.OutsideWorldError, match="runs on the machine's clock"):
        await asyncio.create_subprocess_exec(sys.executable, "-V")


async def test_a_real_socket_is_refused_with_the_reason(sim, bridge):
    with (
        socket.socket() as sock,
        pytest.raises(simkit.OutsideWorldError, match="leave the simulation through a real socket"),
    ):
        sock.connect((bridge.address, 80))
