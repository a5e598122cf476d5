"""The same program on the simulated network and on the machine's own loopback."""

from __future__ import annotations

import asyncio
import select

import pytest

from simkit.network import SimLoop
from tests.network.observer import Observer, Patient, connected


def settle():
    """Let everything under way arrive: long enough on loopback, too."""
    return asyncio.sleep(0.02)


async def half_close():
    pair = await connected(Patient, Patient)
    pair.client.transport.write(b"question")
    pair.client.transport.write_eof()
    await settle()
    pair.server.transport.write(b"answer")
    pair.server.transport.write_eof()
    await settle()
    pair.client.transport.close()
    pair.server.transport.close()
    return pair


async def an_end_behind_data():
    pair = await connected()
    for number in range(3):
        pair.client.transport.write(b"%d" % number)
        await asyncio.sleep(0)
    pair.client.transport.close()
    return pair


async def goodbye_said_on_connecting():
    class Curt(Observer):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.write(b"closed today")
            transport.close()

    return await connected(server=Curt)


async def both_close_at_once():
    pair = await connected()
    pair.client.transport.close()
    pair.server.transport.close()
    return pair


async def abort_with_nothing_unread():
    pair = await connected()
    pair.client.transport.write(b"last")
    pair.client.transport.abort()
    return pair


async def abort_with_unread_data():
    pair = await connected()
    pair.server.transport.pause_reading()
    pair.client.transport.write(b"never read")
    await settle()
    pair.server.transport.abort()
    return pair


async def close_with_unread_data_after_a_last_word():
    pair = await connected()
    pair.server.transport.pause_reading()
    pair.client.transport.write(b"never read")
    await settle()
    pair.server.transport.write(b"last word")
    pair.server.transport.close()
    return pair


async def a_reset_found_on_resuming():
    pair = await connected()
    pair.client.transport.pause_reading()
    pair.server.transport.pause_reading()
    pair.client.transport.write(b"never read")
    pair.server.transport.write(b"read late")
    await settle()
    pair.server.transport.abort()
    await settle()
    pair.client._note("resumed")
    pair.client.transport.resume_reading()
    return pair


async def a_reset_found_on_writing():
    pair = await connected()
    pair.client.transport.pause_reading()
    pair.server.transport.pause_reading()
    pair.client.transport.write(b"never read")
    await settle()
    pair.server.transport.abort()
    await settle()
    pair.client.transport.write(b"x")
    return pair


async def a_reset_while_bytes_wait():
    pair = await connected()
    pair.client.transport.pause_reading()
    pair.server.transport.pause_reading()
    pair.client.transport.write(b"x" * 8_000_000)
    await settle()
    pair.client.transport.close()
    pair.server.transport.abort()
    return pair


async def writing_to_a_closed_peer():
    pair = await connected(Patient)
    pair.server.transport.close()
    await settle()
    pair.client.transport.write(b"first")
    await settle()
    pair.client._note("wrote once")
    pair.client.transport.write(b"second")
    return pair


async def writing_after_close():
    pair = await connected()
    pair.client.transport.close()
    pair.client.transport.write(b"late")
    return pair


async def a_paused_reader():
    pair = await connected()
    pair.server.transport.pause_reading()
    pair.client.transport.write(b"one")
    await settle()
    pair.client.transport.write(b"two")
    pair.client.transport.close()
    await settle()
    pair.server._note("resumed")
    pair.server.transport.resume_reading()
    return pair


async def a_closed_server():
    pair = await connected()
    address = pair.listener.sockets[0].getsockname()
    pair.listener.close()
    await settle()
    pair.client.transport.write(b"still connected")
    await settle()
    try:
        await asyncio.get_running_loop().create_connection(Observer, *address)
    except OSError as error:
        pair.client._note(type(error).__name__)
    pair.client.transport.close()
    return pair


async def a_port_in_use():
    pair = await connected()
    address = pair.listener.sockets[0].getsockname()
    try:
        await asyncio.get_running_loop().create_server(Observer, *address)
    except OSError as error:
        pair.client._note(f"{type(error).__name__} {error.errno}")
    pair.client.transport.close()
    return pair


async def an_error_while_reading():
    class Broken(Observer):
        def data_received(self, data):
            raise ValueError

    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    pair = await connected(server=Broken)
    pair.client.transport.write(b"x")
    return pair


async def what_a_descriptor_shows():
    pair = await connected(Patient)
    poll = select.poll()
    poll.register(pair.client.transport.get_extra_info("socket").fileno(), select.POLLIN)

    def look():
        pair.client._note("readable" if poll.poll(0) else "quiet")

    look()
    pair.client.transport.pause_reading()
    pair.server.transport.write(b"data")
    await settle()
    look()
    pair.client.transport.resume_reading()
    await settle()
    look()
    pair.server.transport.close()
    await settle()
    look()
    pair.client.transport.close()
    return pair


def observe(body, factory):
    async def main():
        pair = await body()
        await settle()
        observed = list(pair.client.log), list(pair.server.log)
        for end in (pair.client, pair.server):
            end.transport.abort()
        pair.listener.close()
        await settle()
        return observed

    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main())


def different(reason):
    return pytest.mark.xfail(strict=True, reason=reason)


BODIES = [
    half_close,
    an_end_behind_data,
    goodbye_said_on_connecting,
    both_close_at_once,
    abort_with_nothing_unread,
    abort_with_unread_data,
    close_with_unread_data_after_a_last_word,
    a_reset_found_on_resuming,
    a_reset_found_on_writing,
    writing_to_a_closed_peer,
    a_reset_while_bytes_wait,
    writing_after_close,
    a_paused_reader,
    a_closed_server,
    a_port_in_use,
    an_error_while_reading,
    what_a_descriptor_shows,
]


@pytest.mark.parametrize("body", BODIES)
def test_the_simulated_network_behaves_as_loopback_does(body):
    assert observe(body, SimLoop) == observe(body, asyncio.SelectorEventLoop)


@pytest.mark.parametrize("factory", [SimLoop, asyncio.SelectorEventLoop])
def test_a_writer_is_paused_and_resumed_in_turn(factory):
    class Counter(Observer):
        def data_received(self, data):
            self.reads.append(len(data))

    async def main():
        pair = await connected(server=Counter)
        pair.server.transport.pause_reading()
        await settle()
        pair.client.transport.write(bytes(20_000_000))
        await settle()
        paused = list(pair.client.events)
        pair.server.transport.resume_reading()
        async with asyncio.timeout(10):
            while pair.client.events[-1] != "resume" or sum(pair.server.reads) < 20_000_000:
                await settle()
        pair.client.transport.close()
        await settle()
        pair.listener.close()
        return paused, pair.client.events

    with asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(main()) == (["made", "pause"], ["made", "pause", "resume", "lost"])


@pytest.mark.parametrize("factory", [SimLoop, asyncio.SelectorEventLoop])
def test_many_small_writes_arrive_in_few_reads(factory):
    async def main():
        pair = await connected()
        for _ in range(50):
            pair.client.transport.write(b"x" * 160)
        await settle()
        pair.client.transport.close()
        await settle()
        pair.listener.close()
        return pair.server.reads

    with asyncio.Runner(loop_factory=factory) as runner:
        reads = runner.run(main())
    assert sum(reads) == 8000
    assert len(reads) <= 5
