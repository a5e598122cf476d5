"""Bandwidth: what a byte takes on the line."""

from __future__ import annotations

import asyncio

from tests.network.line import arrivals_of


def test_a_narrow_link_takes_time_for_each_byte(runner, line):
    line.there.bandwidth = 64_000  # 8000 bytes a second: 160 bytes take 20 ms

    async def write(transport):
        transport.write(bytes(160))

    assert runner.run(arrivals_of(line, write)) == [(30_000, 160)]


def test_segments_of_one_write_arrive_one_by_one_on_a_narrow_link(runner, line):
    line.there.bandwidth = 8_000_000  # a byte a microsecond

    async def write(transport):
        transport.write(bytes(4000))

    assert runner.run(arrivals_of(line, write)) == [
        (11_460, 1460),
        (12_920, 1460),
        (14_000, 1080),
    ]


def test_bytes_queue_behind_earlier_ones_of_the_same_direction(runner, line):
    line.there.bandwidth = 8_000_000

    async def main():
        first, far_first = await line.connect()
        second, far_second = await line.connect()
        start_ns = line.loop.calendar.now_ns
        first.transport.write(bytes(1000))
        second.transport.write(bytes(500))
        await asyncio.sleep(0.001)
        first.transport.write(bytes(100))
        far_first.transport.write(bytes(200))
        await asyncio.sleep(1)
        return [line.since(end, start_ns) for end in (far_first, far_second, first)]

    far_first, far_second, first = runner.run(main())
    assert far_first == [(11_000, 1000), (11_600, 100)]
    assert far_second == [(11_500, 500)]
    assert first == [(11_000, 200)], "the other direction is not narrow"


def test_a_line_that_was_idle_owes_nothing(runner, line):
    line.there.bandwidth = 8_000_000

    async def write(transport):
        transport.write(bytes(100))
        await asyncio.sleep(0.5)
        transport.write(bytes(100))

    assert runner.run(arrivals_of(line, write)) == [(10_100, 100), (510_100, 100)]


def test_the_end_queues_behind_the_bytes(runner, line):
    line.there.bandwidth = 8_000

    async def main():
        client, server = await line.connect()
        start = line.loop.time()
        client.transport.write(bytes(1000))
        client.transport.close()
        await asyncio.sleep(10)
        return round(server.when("eof") - start, 9)

    assert runner.run(main()) == 1.01


def test_a_limit_can_be_taken_off(runner, line):
    line.link.bandwidth = 8_000
    line.link.bandwidth = None

    async def write(transport):
        transport.write(bytes(5000))

    assert runner.run(arrivals_of(line, write)) == [(10_000, 5000)]
