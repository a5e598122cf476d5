from __future__ import annotations

import asyncio

import pytest

from tests.network.observer import Observer, Patient, connected


def test_nothing_can_be_written_after_the_end(runner):
    async def main():
        pair = await connected(Patient, Patient)
        assert pair.client.transport.can_write_eof()
        pair.client.transport.write_eof()
        pair.client.transport.write_eof()
        with pytest.raises(RuntimeError, match=r"Cannot call write\(\) after write_eof\(\)"):
            pair.client.transport.write(b"more")
        await asyncio.sleep(1)
        return pair.server.log

    assert runner.run(main()) == ["made", "eof"]


def test_each_side_can_close_its_direction_by_itself(runner):
    async def main():
        pair = await connected(Patient, Patient)
        pair.client.transport.write(b"question")
        pair.client.transport.write_eof()
        await asyncio.sleep(1)
        pair.server.transport.write(b"answer")
        pair.server.transport.write_eof()
        await asyncio.sleep(1)
        open_still = list(pair.client.events), list(pair.server.events)
        pair.client.transport.close()
        pair.server.transport.close()
        await asyncio.sleep(1)
        return open_still, pair.client.log, pair.server.log

    open_still, client, server = runner.run(main())
    assert open_still == (["made", "eof"], ["made", "eof"])
    assert client == ["made", b"answer", "eof", "lost"]
    assert server == ["made", b"question", "eof", "lost"]


def test_a_peer_that_does_not_stay_open_answers_the_end_by_closing(runner):
    async def main():
        pair = await connected(Patient, Observer)
        pair.client.transport.write_eof()
        await asyncio.sleep(1)
        return pair.client.log, pair.server.log

    assert runner.run(main()) == (["made", "eof"], ["made", "eof", "lost"])


def test_close_sends_what_is_buffered_first(runner):
    async def main():
        pair = await connected()
        pair.client.transport.write(bytes(1_000_000))
        pair.client.transport.close()
        assert pair.client.transport.is_closing()
        await asyncio.sleep(1)
        return len(pair.server.data), pair.server.events[-2:], pair.client.events[-1]

    assert runner.run(main()) == (1_000_000, ["eof", "lost"], "lost")


def test_abort_drops_what_is_buffered(runner):
    async def main():
        pair = await connected()
        pair.client.transport.write(bytes(1_000_000))
        pair.client.transport.abort()
        assert pair.client.transport.is_closing()
        pair.client.transport.abort()
        assert pair.client.transport.get_write_buffer_size() == 0
        await asyncio.sleep(1)
        return len(pair.server.data), pair.client.events

    received, client = runner.run(main())
    assert received == 256 * 1024
    assert client[-1] == "lost"
    assert client.count("lost") == 1


BUFFERED_END = "_close_socket takes _eof_written for an end that has been sent"


def test_the_end_follows_buffered_bytes_when_the_transport_is_closed_at_once(runner):
    async def main():
        pair = await connected()
        pair.client.transport.write(bytes(1_000_000))
        pair.client.transport.write_eof()
        pair.client.transport.close()
        await asyncio.sleep(1)
        return len(pair.server.data), pair.server.events

    assert runner.run(main()) == (1_000_000, ["made", "eof", "lost"])


def test_an_aborted_connection_ends_though_its_own_end_was_still_buffered(runner):
    async def main():
        pair = await connected()
        pair.client.transport.write(bytes(1_000_000))
        pair.client.transport.write_eof()
        pair.client.transport.abort()
        await asyncio.sleep(1)
        return pair.server.events

    assert runner.run(main())[-1] == "lost"


def test_connection_lost_comes_in_a_later_iteration_than_close(runner, loop):
    async def main():
        pair = await connected()
        pair.client.transport.close()
        log = list(pair.client.log)
        pair.client.transport.close()
        await asyncio.sleep(0)
        return log, pair.client.log

    assert runner.run(main()) == (["made"], ["made", "lost"])


def test_closing_with_unread_data_resets_the_peer(runner):
    async def main():
        pair = await connected()
        pair.server.transport.pause_reading()
        pair.client.transport.write(b"never read")
        await asyncio.sleep(1)
        pair.server.transport.write(b"bye")
        pair.server.transport.abort()
        await asyncio.sleep(1)
        return pair.client.log

    assert runner.run(main()) == ["made", b"bye", "lost by ConnectionResetError"]


def test_writing_to_a_peer_that_is_gone_fails_at_the_writer(runner):
    async def main():
        pair = await connected(Patient)
        pair.server.transport.close()
        await asyncio.sleep(1)
        pair.client.transport.write(b"first")
        await asyncio.sleep(1)
        pair.client.transport.write(b"second")
        await asyncio.sleep(1)
        return pair.client.events

    events = runner.run(main())
    assert events[:2] == ["made", "eof"]
    assert events[2:] in (["lost by BrokenPipeError"], ["lost by ConnectionResetError"])


def test_drain_raises_when_the_peer_is_gone(runner):
    async def hang_up(reader, writer):
        writer.close()

    async def insist(writer):
        for _ in range(4):
            await asyncio.sleep(1)
            writer.write(b"anybody there?")
            await writer.drain()

    async def main():
        server = await asyncio.start_server(hang_up, "localhost", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            await insist(writer)
        writer.close()

    runner.run(main())


def test_write_on_a_closed_transport_is_ignored(runner):
    async def main():
        pair = await connected()
        pair.client.transport.close()
        pair.client.transport.write(b"late")
        await asyncio.sleep(1)
        pair.client.transport.write(b"later")
        await asyncio.sleep(1)
        return pair.server.log

    assert runner.run(main()) == ["made", "eof", "lost"]
