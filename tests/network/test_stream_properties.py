"""Bytes in are bytes out, in order, whatever is done to the connection meanwhile."""

from __future__ import annotations

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.network import SimLoop
from simkit.network.stream import MAX_READ
from tests.network.observer import Patient

MILLISECONDS = st.integers(0, 50)
Writes = st.lists(st.tuples(st.integers(0, 3000), MILLISECONDS), max_size=15)
Pauses = st.lists(st.tuples(MILLISECONDS, MILLISECONDS), max_size=5)
Windows = st.sampled_from([1, 7, 100, 1500, 65536, 256 * 1024])
Latencies = st.lists(MILLISECONDS, min_size=1, max_size=5)


async def connect(loop, window, latency_ms):
    loop.time_limit_ns = 10**13
    bridge = loop.network.host("bridge")
    link = loop.network.link("home", "bridge")
    link.latency = latency_ms / 1000
    for end in ("home", "bridge"):
        link.towards(end).window = window
    server = Patient()
    loop.network.listen(bridge, 80, lambda: server)
    _, client = await loop.create_connection(Patient, "bridge", 80)
    while not hasattr(server, "transport"):
        await asyncio.sleep(0.01)
    for end in (client, server):
        end.transport.set_write_buffer_limits(high=2000)
    return client, server, link


async def write(end, writes, seed):
    draw = random.Random(seed)
    sent = bytearray()
    for size, pause_ms in writes:
        data = draw.randbytes(size)
        end.transport.write(data)
        sent += data
        await asyncio.sleep(pause_ms / 1000)
    end.transport.write_eof()
    return bytes(sent)


async def pause_now_and_then(end, pauses):
    for wait_ms, pause_ms in pauses:
        await asyncio.sleep(wait_ms / 1000)
        end.transport.pause_reading()
        await asyncio.sleep(pause_ms / 1000)
        end.transport.resume_reading()


async def change_latency(link, latencies):
    for latency_ms in latencies:
        link.towards("bridge").latency = latency_ms / 1000
        await asyncio.sleep(0.02)


@settings(max_examples=60)
@given(up=Writes, down=Writes, pauses=Pauses, window=Windows, latencies=Latencies)
def test_both_directions_deliver_every_byte_once_in_order_and_then_the_end(
    up, down, pauses, window, latencies
):
    async def main(loop):
        client, server, link = await connect(loop, window, latencies[0])
        sent_up, sent_down, *_ = await asyncio.gather(
            write(client, up, 1),
            write(server, down, 2),
            pause_now_and_then(server, pauses),
            change_latency(link, latencies),
        )
        while "eof" not in client.log or "eof" not in server.log:
            await asyncio.sleep(1)
        await asyncio.sleep(1)
        assert server.data == sent_up
        assert client.data == sent_down
        for end in (client, server):
            assert max(end.reads, default=0) <= min(window, MAX_READ)
            assert end.transport.get_write_buffer_size() == 0
            flow = [event for event in end.events if event in ("pause", "resume")]
            assert flow == ["pause", "resume"] * (len(flow) // 2)
            end.transport.close()

    with asyncio.Runner(loop_factory=SimLoop) as runner:
        runner.run(main(runner.get_loop()))


@settings(max_examples=60)
@given(
    writes=Writes,
    latencies=Latencies,
    cut=st.integers(0, 14),
    how=st.sampled_from(["close", "abort"]),
)
def test_what_arrives_before_a_cut_is_a_beginning_of_what_was_sent(writes, latencies, cut, how):
    async def main(loop):
        client, server, link = await connect(loop, 1500, latencies[0])
        changing = asyncio.create_task(change_latency(link, latencies))
        sent = bytearray()
        for number, (size, pause_ms) in enumerate(writes):
            data = bytes([number + 1]) * size
            client.transport.write(data)
            sent += data
            await asyncio.sleep(pause_ms / 1000)
            if number == cut:
                getattr(client.transport, how)()
                break
        else:
            client.transport.close()
        await changing
        await asyncio.sleep(10)
        assert bytes(sent).startswith(server.data)
        if how == "close":
            assert server.data == bytes(sent)
        assert client.log[-1] == "lost"
        assert server.log[-1] == "eof"
        server.transport.close()

    with asyncio.Runner(loop_factory=SimLoop) as runner:
        runner.run(main(runner.get_loop()))


@settings(max_examples=40)
@given(seed=st.integers(), writes=Writes, window=Windows)
def test_a_run_is_the_same_every_time(seed, writes, window):
    async def main(loop):
        client, server, _ = await connect(loop, window, random.randrange(20))
        await write(client, writes, seed)
        await asyncio.sleep(10)
        server.transport.close()
        client.transport.close()
        return server.at, server.reads, server.log

    def once():
        with asyncio.Runner(loop_factory=lambda: SimLoop(seed)) as runner:
            return runner.run(main(runner.get_loop()))

    assert once() == once()
