from __future__ import annotations

import asyncio

from simkit.network.link import DEFAULT_WINDOW
from tests.network.observer import Observer, connected

HIGH_WATER = 64 * 1024
CHUNK = 16 * 1024


def test_a_writer_is_paused_once_when_the_peer_never_reads(runner):
    async def main():
        pair = await connected()
        pair.server.transport.pause_reading()
        for _ in range(40):
            pair.client.transport.write(bytes(CHUNK))
            await asyncio.sleep(0.1)
        return pair.client.events, pair.client.transport.get_write_buffer_size()

    events, buffered = runner.run(main())
    assert events == ["made", "pause"]
    assert buffered == 40 * CHUNK - DEFAULT_WINDOW


def test_a_writer_is_resumed_once_when_the_peer_reads_again(runner):
    async def main():
        pair = await connected()
        pair.server.transport.pause_reading()
        pair.client.transport.write(bytes(1_000_000))
        await asyncio.sleep(1)
        pair.server.transport.resume_reading()
        await asyncio.sleep(1)
        return pair.client.events, len(pair.server.data)

    assert runner.run(main()) == (["made", "pause", "resume"], 1_000_000)


def test_drain_holds_a_writer_back_until_the_reader_reads(runner, loop):
    log = []

    async def produce(writer):
        for number in range(100):
            writer.write(bytes(CHUNK))
            await writer.drain()
            log.append((number, loop.time()))
        writer.close()

    async def main():
        accepted = loop.create_future()
        server = await asyncio.start_server(
            lambda reader, writer: accepted.set_result((reader, writer)),
            "localhost",
            80,
            limit=1024,
        )
        _, writer = await asyncio.open_connection("localhost", 80)
        task = asyncio.create_task(produce(writer))
        await asyncio.sleep(5)
        sent_unread = len(log) * CHUNK
        far_reader, far_writer = await accepted
        received = await far_reader.read()
        await task
        far_writer.close()
        server.close()
        return sent_unread, len(received)

    sent_unread, received = runner.run(main())
    assert received == 100 * CHUNK
    assert sent_unread <= DEFAULT_WINDOW + HIGH_WATER + 2 * DEFAULT_WINDOW
    assert {at for _, at in log} == {0.0, 5.0}


def test_memory_stays_within_the_window_and_the_high_water_mark(runner):
    async def main():
        pair = await connected()
        pair.server.transport.pause_reading()
        transport = pair.client.transport
        largest = 0
        for _ in range(1000):
            if "pause" not in pair.client.log:
                transport.write(bytes(CHUNK))
            await asyncio.sleep(0.001)
            waiting = sum(len(data) for _, data in pair.server.transport._in.arrived)
            largest = max(largest, waiting + transport.get_write_buffer_size())
        return largest

    assert runner.run(main()) <= DEFAULT_WINDOW + HIGH_WATER + CHUNK


def test_the_window_of_a_direction_bounds_what_is_on_the_way(runner, loop, network):
    network.host("bridge")
    link = network.link("home", "bridge")
    link.latency = 0.05
    link.towards("bridge").window = 1000

    async def main():
        server = Observer()
        network.listen(network.host("bridge"), 80, lambda: server)
        transport, _ = await loop.create_connection(Observer, "bridge", 80)
        transport.write(b"x" * 3500)
        await asyncio.sleep(1)
        return server.reads

    assert runner.run(main()) == [1000, 1000, 1000, 500]


def test_a_full_window_opens_one_way_back_after_the_reader_reads(runner, loop, network):
    bridge = network.host("bridge")
    link = network.link("home", "bridge")
    link.towards("bridge").latency = 0.03
    link.towards("home").latency = 0.07
    link.towards("bridge").window = 10
    arrivals = []

    class Timed(Observer):
        def data_received(self, data):
            arrivals.append(loop.time())

    async def main():
        network.listen(bridge, 80, Timed)
        transport, _ = await loop.create_connection(Observer, "bridge", 80)
        transport.write(b"x" * 30)
        await asyncio.sleep(1)

    runner.run(main())
    assert arrivals == [0.13, 0.23, 0.33]


def test_the_water_marks_can_be_set(runner):
    async def main():
        pair = await connected()
        transport = pair.client.transport
        transport.set_write_buffer_limits(high=10, low=5)
        assert transport.get_write_buffer_limits() == (5, 10)
        pair.server.transport.pause_reading()
        transport.write(bytes(DEFAULT_WINDOW + 10))
        before = list(pair.client.events)
        transport.write(b"!")
        return before, pair.client.events

    assert runner.run(main()) == (["made"], ["made", "pause"])


def test_both_directions_are_controlled_by_themselves(runner):
    async def main():
        pair = await connected()
        pair.server.transport.pause_reading()
        pair.client.transport.write(bytes(1_000_000))
        pair.server.transport.write(b"still flows")
        await asyncio.sleep(1)
        return pair.client.log, pair.server.log

    assert runner.run(main()) == (["made", "pause", b"still flows"], ["made"])


def test_a_writer_held_back_learns_that_the_peer_is_gone(runner):
    async def main():
        pair = await connected()
        pair.server.transport.pause_reading()
        pair.client.transport.write(bytes(1_000_000))
        await asyncio.sleep(1)
        pair.server.transport.abort()
        await asyncio.sleep(1)
        return pair.client.events

    assert runner.run(main()) == ["made", "pause", "lost by ConnectionResetError"]
