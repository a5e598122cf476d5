"""Loss: segments that are sent again."""

from __future__ import annotations

import asyncio

from tests.network.line import known_draws

LOST, THROUGH = 0.0, 0.999


def test_a_lost_segment_comes_later_and_everything_behind_it_waits(runner, line, loop):
    client, server = runner.run(line.connect())
    line.there.loss = 0.5
    known_draws(loop, "link:home>far loss", THROUGH, LOST, THROUGH, THROUGH, THROUGH)

    async def main():
        start_ns = loop.calendar.now_ns
        for size in (1, 2, 4):
            client.transport.write(bytes(size))
            await asyncio.sleep(0.02)
        await asyncio.sleep(1)
        client.transport.write(bytes(8))
        await asyncio.sleep(1)
        return line.since(server, start_ns)

    assert runner.run(main()) == [(10_000, 1), (230_000, 6), (1_070_000, 8)]


def test_a_segment_lost_again_waits_twice_as_long(runner, line, loop):
    client, server = runner.run(line.connect())
    line.there.loss = 0.5
    line.there.rto = 0.3
    known_draws(loop, "link:home>far loss", LOST, LOST, LOST, THROUGH)

    async def main():
        start_ns = loop.calendar.now_ns
        client.transport.write(b"x")
        await asyncio.sleep(10)
        return line.since(server, start_ns)

    assert runner.run(main()) == [(10_000 + 300_000 + 600_000 + 1_200_000, 1)]


def test_one_segment_of_a_large_write_is_lost_by_itself(runner, line, loop):
    client, server = runner.run(line.connect())
    line.there.loss = 0.5
    line.there.mss = 1000
    known_draws(loop, "link:home>far loss", THROUGH, LOST, THROUGH, THROUGH, THROUGH)

    async def main():
        start_ns = loop.calendar.now_ns
        client.transport.write(bytes(4000))
        await asyncio.sleep(10)
        return line.since(server, start_ns)

    assert runner.run(main()) == [(10_000, 1000), (210_000, 3000)]


def test_a_kernel_gives_up_when_everything_is_lost(runner, line, loop):
    client, server = runner.run(line.connect())
    line.there.loss = 1

    async def main():
        start = loop.time()
        client.transport.write(b"x")
        await asyncio.sleep(1000)
        return client.log, round(client.at[-1] - start, 3), server.log

    # 0.2 s and its doubles up to 102.4 s, then 120 s six times
    assert runner.run(main()) == (["made", "lost by TimeoutError"], 924.6, ["made"])
