"""Silence: nothing gets through, and nobody is told."""

from __future__ import annotations

import asyncio

from tests.network.line import Line
from tests.network.observer import Patient


def test_nothing_gets_through_a_half_open_connection_and_nobody_is_told(runner, line):
    async def main():
        client, server = await line.connect()
        client.transport.write(b"on the way")
        await asyncio.sleep(0.001)
        line.link.half_open()
        assert line.link.silent is True
        server.transport.write(b"bytes")
        client.transport.close()
        await asyncio.sleep(600)
        log = list(server.log)
        server.transport.abort()
        return log, client.log

    assert runner.run(main()) == (["made"], ["made", "lost"])


def test_what_was_sent_into_the_silence_comes_when_it_ends_in_order(runner, line):
    async def main():
        client, server = await line.connect()
        start_ns = line.loop.calendar.now_ns
        line.there.silent = True
        client.transport.write(bytes(10))
        await asyncio.sleep(1)
        client.transport.write(bytes(20))
        await asyncio.sleep(1)
        client.transport.write(bytes(30))
        await asyncio.sleep(0.005)
        line.there.silent = False
        client.transport.write(bytes(40))
        client.transport.close()
        await asyncio.sleep(1)
        return line.since(server, start_ns), server.log[-2:]

    # What was on the way when the silence ended waits too: there are bytes missing before it.
    assert runner.run(main()) == ([(2_015_000, 100)], ["eof", "lost"])


def test_a_reset_sent_into_the_silence_is_not_sent_again(runner, line):
    async def main():
        client, server = await line.connect()
        client.transport.pause_reading()
        server.transport.write(b"never read")
        await asyncio.sleep(1)
        line.there.silent = True
        client.transport.write(b"vanishes with its sender")
        client.transport.abort()
        await asyncio.sleep(1)
        line.there.silent = False
        await asyncio.sleep(100)
        unaware = list(server.log)
        server.transport.write(b"anybody there?")
        await asyncio.sleep(1)
        return unaware, server.log

    assert runner.run(main()) == (["made"], ["made", "lost by ConnectionResetError"])


def test_a_writer_into_the_silence_fills_the_window_and_is_paused(runner, line):
    async def main():
        client, _ = await line.connect()
        line.there.silent = True
        for _ in range(6):
            client.transport.write(bytes(65536))
            await asyncio.sleep(1)
        return client.events, client.transport.get_write_buffer_size()

    assert runner.run(main()) == (["made", "pause"], 2 * 65536)


def test_a_window_stays_shut_while_acknowledgements_are_silenced(runner, line):
    line.there.window = 100

    async def main():
        client, server = await line.connect()
        start_ns = line.loop.calendar.now_ns
        line.back.silent = True
        client.transport.write(bytes(100))
        await asyncio.sleep(1)
        client.transport.write(bytes(50))
        await asyncio.sleep(1)
        line.back.silent = False
        await asyncio.sleep(1)
        return line.since(server, start_ns)

    assert runner.run(main()) == [(10_000, 100), (2_020_000, 50)]


def test_a_kernel_that_is_not_answered_gives_up_after_a_quarter_of_an_hour(runner, line, loop):
    async def main():
        client, server = await line.connect()
        start = loop.time()
        line.link.half_open()
        client.transport.write(b"anybody there?")
        await asyncio.sleep(2000)
        line.link.silent = False
        await asyncio.sleep(1)
        return client.log, round(client.at[-1] - start, 3), server.log

    assert runner.run(main()) == (["made", "lost by TimeoutError"], 924.6, ["made"])


def test_nothing_arrives_of_a_connection_whose_kernel_has_given_up(runner, line, loop):
    async def main():
        client, server = await line.connect()
        line.there.silent = True
        client.transport.write(b"x")
        await asyncio.sleep(924.595)
        client.transport.write(b"y")
        await asyncio.sleep(0.006)
        line.there.silent = False
        await asyncio.sleep(10)
        return client.log, server.log

    assert runner.run(main()) == (["made", "lost by TimeoutError"], ["made"])


def test_a_silence_that_ends_in_time_lets_the_connection_live(runner, line, loop):
    async def main():
        client, server = await line.connect()
        for _ in range(3):
            line.there.silent = True
            client.transport.write(b"x")
            await asyncio.sleep(500)
            line.there.silent = False
            await asyncio.sleep(1)
        await asyncio.sleep(1000)
        return client.log, server.log

    assert runner.run(main()) == (["made"], ["made", b"xxx"])


def test_a_half_closed_writer_learns_of_the_silence_by_the_same_error(runner, loop):
    line = Line(loop, protocol=Patient)

    async def main():
        client, server = await line.connect()
        server.transport.write_eof()
        await asyncio.sleep(1)
        line.link.half_open()
        client.transport.write(b"anybody there?")
        await asyncio.sleep(1000)
        client.transport.write(b"hello?")
        await asyncio.sleep(1)
        return client.events

    assert runner.run(main()) == ["made", "eof", "lost by TimeoutError"]


def test_all_connections_of_a_direction_are_silent_and_come_back(runner, line):
    async def main():
        pairs = [await line.connect() for _ in range(3)]
        line.there.silent = True
        for number, (client, _) in enumerate(pairs):
            client.transport.write(b"%d" % number)
        await asyncio.sleep(1)
        silent = [server.data for _, server in pairs]
        line.there.silent = False
        await asyncio.sleep(1)
        return silent, [server.data for _, server in pairs]

    assert runner.run(main()) == ([b"", b"", b""], [b"0", b"1", b"2"])
