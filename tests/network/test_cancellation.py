"""Cancelled at each await of a client and a server: the same is left as on loopback."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from simkit.network import SimLoop

LOOPS = [SimLoop, asyncio.SelectorEventLoop]
BIG = bytes(8_000_000)
"""More than any window and buffer holds: who writes it waits."""


class World:
    """A server, a client task that stops at an await, and what both saw."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.connected = asyncio.Event()
        self.release = asyncio.Event()
        self.port = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        self.seen.append("accepted")
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(100):
                self.seen.append(f"read {data.decode()}")
            self.seen.append("end")

    async def talk(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        both = await asyncio.open_connection("127.0.0.1", self.port)
        self.connected.set()
        return both


async def connecting(world):
    await world.talk()


async def reading(world):
    reader, writer = await world.talk()
    try:
        await reader.read(10)
    finally:
        writer.close()


async def reading_exactly(world):
    reader, writer = await world.talk()
    writer.write(b"hello")
    try:
        await reader.readexactly(10)
    finally:
        writer.close()


async def reading_a_line_that_is_half_there(world):
    reader, writer = await world.talk()
    while not world.writers:
        await asyncio.sleep(0.001)
    world.writers[0].write(b"half a li")
    try:
        await reader.readline()
    except asyncio.CancelledError:
        world.seen.append(f"left {reader._buffer.decode()}")
        raise
    finally:
        writer.close()


async def reading_without_closing(world):
    reader, writer = await world.talk()
    world.writers.append(writer)  # keep it alive
    await reader.read(10)


async def within_a_time_limit(world):
    reader, writer = await world.talk()
    try:
        async with asyncio.timeout(3600):
            await reader.read(10)
    finally:
        writer.close()


async def beside_another_task(world):
    reader, writer = await world.talk()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(reader.read(10))
            group.create_task(world.release.wait())
    finally:
        world.seen.append("group left")
        writer.close()


async def shielded(world):
    _reader, writer = await world.talk()

    async def late():
        await world.release.wait()
        writer.write(b"after all")
        writer.close()

    task = asyncio.create_task(late())
    world.writers.append(task)
    await asyncio.shield(task)


BODIES = [
    connecting,
    reading,
    reading_exactly,
    reading_a_line_that_is_half_there,
    reading_without_closing,
    within_a_time_limit,
    beside_another_task,
    shielded,
]


def observe(body, factory, wait):
    """Cancel ``body`` at its await, tell what it ended with and what the server saw."""

    async def main():
        world = World()
        server = await asyncio.start_server(world.handle, "127.0.0.1", 0)
        world.port = server.sockets[0].getsockname()[1]
        task = asyncio.create_task(body(world))
        await wait(world)
        task.cancel()
        ended = await asyncio.gather(task, return_exceptions=True)
        world.release.set()
        await looks()
        seen = list(world.seen)
        for writer in world.writers:
            if isinstance(writer, asyncio.StreamWriter):
                writer.close()
        server.close()
        await looks()
        return type(ended[0]).__name__, task.cancelled(), seen

    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main())


async def looks():
    """Let the loop look at its sockets so often that all settles, however slow the machine is."""
    for _ in range(20):
        await asyncio.sleep(0.002)


async def settled(world):
    await world.connected.wait()
    await looks()


@pytest.mark.parametrize("body", BODIES[1:])
def test_cancelling_where_it_waits_leaves_what_it_leaves_on_loopback(body):
    here, there = (observe(body, factory, settled) for factory in LOOPS)
    assert here == there
    assert here[:2] == ("CancelledError", True)


@pytest.mark.parametrize("body", BODIES)
def test_cancelling_before_the_first_step_runs_nothing(body):
    async def at_once(world):
        pass

    here, there = (observe(body, factory, at_once) for factory in LOOPS)
    assert here == there == ("CancelledError", True, [])


@pytest.mark.parametrize("factory", LOOPS)
def test_a_cancelled_drain_keeps_the_bytes_and_the_connection(factory):
    async def main():
        arrived = 0
        begin = asyncio.Event()

        async def handle(reader, writer):
            nonlocal arrived
            await begin.wait()
            while data := await reader.read(1_000_000):
                arrived += len(data)
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(BIG)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(writer.drain(), 0.05)
        begin.set()
        await writer.drain()
        writer.write(b"more")
        writer.close()
        await writer.wait_closed()
        while arrived < len(BIG) + 4:
            await asyncio.sleep(0.01)
        server.close()
        return arrived

    with asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(main()) == len(BIG) + 4


def test_cancelling_during_the_handshake_never_reaches_the_server():
    """A kernel answers the SYN-ACK for a closed socket with RST, and nothing is accepted."""

    async def main():
        loop = asyncio.get_running_loop()
        loop.network.link("home", loop.network.host("bridge")).latency = 0.1
        world = World()
        await loop.network.host("bridge").spawn(asyncio.start_server(world.handle, "0.0.0.0", 80))
        task = asyncio.create_task(asyncio.open_connection("bridge", 80))
        await asyncio.sleep(0.15)  # SYN arrived, the answer is on its way
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(1)
        return task.cancelled(), world.seen

    with asyncio.Runner(loop_factory=SimLoop) as runner:
        cancelled, seen = runner.run(main())
    assert cancelled
    assert seen == []
