"""Stalls: nothing for a while, then everything at once."""

from __future__ import annotations

import asyncio

from tests.network.line import arrivals_of


def test_a_stall_lets_nothing_through_and_then_everything_at_once(runner, line):
    async def write(transport):
        transport.write(bytes(1))  # due in 10 ms, within the stall
        await asyncio.sleep(0.001)
        line.there.stall(0.1)
        for _ in range(4):
            transport.write(bytes(10))
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.02)
        transport.write(bytes(5))

    assert runner.run(arrivals_of(line, write)) == [(101_000, 41), (111_000, 5)]


def test_a_stall_can_be_announced(runner, line):
    async def write(transport):
        line.there.stall(0.5, start=line.loop.time() + 0.02)
        transport.write(bytes(1))
        await asyncio.sleep(0.009)
        transport.write(bytes(2))
        await asyncio.sleep(0.001)
        transport.write(bytes(4))
        assert transport.get_extra_info("simkit.arrival_ns") % 10**9 == 520_000_000
        transport.write(bytes(8))

    assert runner.run(arrivals_of(line, write)) == [(10_000, 1), (19_000, 2), (520_000, 12)]


def test_stalls_may_overlap(runner, line):
    async def write(transport):
        now = line.loop.time()
        line.there.stall(0.1, start=now + 0.05)
        line.there.stall(0.1)
        transport.write(b"x")
        assert transport.get_extra_info("simkit.arrival_ns") % 10**9 == 150_000_000

    assert runner.run(arrivals_of(line, write)) == [(150_000, 1)]


def test_a_stalled_direction_holds_the_end_back_too(runner, line):
    async def main():
        client, server = await line.connect()
        start = line.loop.time()
        line.there.stall(3)
        client.transport.close()
        await asyncio.sleep(10)
        return round(server.when("eof") - start, 9), round(client.when("lost") - start, 9)

    assert runner.run(main()) == (3.0, 0.0)


def test_a_stalled_direction_holds_a_reset_back_behind_the_bytes(runner, line):
    async def main():
        client, server = await line.connect()
        server.transport.pause_reading()
        client.transport.write(b"never read")
        await asyncio.sleep(0.5)
        start = line.loop.time()
        server.transport.write(b"last words")
        server.transport.abort()
        await asyncio.sleep(0.005)
        line.back.stall(1)
        await asyncio.sleep(10)
        return client.log, round(client.at[-1] - start, 9)

    assert runner.run(main()) == (["made", b"last words", "lost by ConnectionResetError"], 1.005)


def test_a_stalled_acknowledgement_keeps_the_window_shut(runner, line):
    line.there.window = 100

    async def write(transport):
        line.back.stall(2)
        transport.write(bytes(250))
        await asyncio.sleep(0.1)
        transport.write(bytes(10))

    assert runner.run(arrivals_of(line, write)) == [
        (10_000, 100),
        (2_010_000, 100),
        (2_030_000, 60),
    ]
