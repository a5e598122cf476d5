"""Resets after so many bytes."""

from __future__ import annotations

import asyncio

from tests.network.line import arrivals_of


def test_a_connection_is_reset_after_so_many_bytes(runner, line):
    async def main():
        client, server = await line.connect()
        start = line.loop.time()
        line.there.reset_after(1000)
        for _ in range(3):
            client.transport.write(bytes(400))
            await asyncio.sleep(0.001)
        await asyncio.sleep(1)
        when = [round(end.at[-1] - start, 9) for end in (client, server)]
        return client.log, server.log, len(server.data), when

    client, server, received, when = runner.run(main())
    assert received == 1000
    assert client == ["made", "lost by ConnectionResetError"]
    assert server == ["made", bytes(1000), "lost by ConnectionResetError"]
    assert when == [0.022, 0.012]


def test_a_reset_after_nothing_lets_no_byte_of_the_next_through(runner, line):
    async def main():
        client, server = await line.connect()
        line.there.reset_after(0)
        client.transport.write(b"x")
        await asyncio.sleep(1)
        return client.events, server.log

    lost = ["made", "lost by ConnectionResetError"]
    assert runner.run(main()) == (lost, lost)


def test_one_connection_is_reset_and_the_next_one_lives(runner, line):
    async def main():
        first, _ = await line.connect()
        second, far_second = await line.connect()
        line.there.reset_after(15)
        second.transport.write(bytes(10))
        await asyncio.sleep(0.1)
        first.transport.write(bytes(10))
        await asyncio.sleep(0.1)
        second.transport.write(bytes(10))
        await asyncio.sleep(0.1)
        return first.events[-1], second.events, len(far_second.data)

    assert runner.run(main()) == ("lost by ConnectionResetError", ["made"], 20)


def test_a_reset_can_be_called_off(runner, line):
    line.there.reset_after(5)
    line.there.reset_after(None)

    async def write(transport):
        transport.write(bytes(10))

    assert runner.run(arrivals_of(line, write)) == [(10_000, 10)]


def test_a_link_can_be_reset_by_either_direction(runner, line):
    async def main():
        client, server = await line.connect()
        line.link.reset_after(10)
        client.transport.write(bytes(9))
        server.transport.write(bytes(10))
        await asyncio.sleep(1)
        return client.events[-1], server.events[-1], len(client.data), len(server.data)

    lost = "lost by ConnectionResetError"
    assert runner.run(main()) == (lost, lost, 10, 9)
