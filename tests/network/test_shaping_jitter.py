"""Jitter: an extra delay of each segment."""

from __future__ import annotations

import asyncio

from tests.network.line import known_draws


def test_jitter_is_drawn_for_each_segment_and_nothing_overtakes(runner, line, loop):
    client, server = runner.run(line.connect())
    line.there.jitter = 0.02
    known_draws(loop, "link:home>far", 5_000_000, 19_000_000, 1_000_000)

    async def main():
        start_ns = loop.calendar.now_ns
        for size in (100, 200, 300):
            client.transport.write(bytes(size))
            await asyncio.sleep(0.001)
        await asyncio.sleep(1)
        return line.since(server, start_ns)

    assert runner.run(main()) == [(15_000, 100), (30_000, 500)]


def test_jitter_has_a_least_and_a_most(runner, line):
    line.there.jitter = (0.005, 0.007)

    async def write(transport):
        for _ in range(200):
            transport.write(b"x")
            await asyncio.sleep(0.1)

    client, server = runner.run(line.connect())
    start_ns = line.loop.calendar.now_ns
    runner.run(write(client.transport))
    late = [
        when_ns - start_ns - number * 100_000_000
        for number, (when_ns, _) in enumerate(server.arrivals)
    ]
    assert len(late) == 200
    assert 15_000_000 <= min(late) < 15_100_000
    assert 16_900_000 < max(late) <= 17_000_000
