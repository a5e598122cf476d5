"""Whatever the knobs: one ordered stream of bytes, within its window, and not before its time."""

from __future__ import annotations

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.network import SimLoop
from tests.network.line import Arrivals, Line
from tests.network.observer import Patient

SETTINGS = settings(max_examples=60)

milliseconds = st.integers(0, 60).map(lambda value: value / 1000)
seconds = st.integers(1, 3000).map(lambda value: value / 1000)
jitters = milliseconds | st.tuples(milliseconds, milliseconds).map(lambda pair: tuple(sorted(pair)))
knobs = st.fixed_dictionaries(
    {},
    optional={
        "bandwidth": st.sampled_from([None, 56_000, 64_000.0, 1_000_000, 12_345_679]),
        "jitter": jitters,
        "loss": st.sampled_from([0, 0.01, 0.2]),
        "rto": st.sampled_from([0.001, 0.2, 1]),
        "mss": st.sampled_from([1, 7, 160, 1460, 65483]),
        "silent": st.booleans(),
    },
)
windows = st.sampled_from([100, 1500, 256 * 1024])
sides = st.sampled_from(["there", "back"])
deeds = st.lists(
    st.tuples(
        milliseconds,
        sides,
        knobs
        | st.tuples(st.just("stall"), seconds)
        | st.tuples(st.just("stall"), seconds, milliseconds),
    ),
    max_size=6,
)
writes = st.lists(st.tuples(st.integers(0, 1000), milliseconds), max_size=8)


class Stamped(Patient, Arrivals):
    """Keeps, besides what arrives, the instant of each write and where in the stream it begins."""

    def __init__(self):
        super().__init__()
        self.sent = bytearray()
        self.written = []

    def write(self, data):
        self.written.append((len(self.sent), asyncio.get_running_loop().calendar.now_ns))
        self.sent += data
        self.transport.write(data)


async def write(end, plan, seed):
    draw = random.Random(seed)
    for size, pause in plan:
        end.write(draw.randbytes(size))
        await asyncio.sleep(pause)


async def do(line, plan):
    for pause, side, deed in plan:
        await asyncio.sleep(pause)
        direction = getattr(line, side)
        if isinstance(deed, dict):
            for name, value in deed.items():
                setattr(direction, name, value)
        elif len(deed) == 2:
            direction.stall(deed[1])
        else:
            direction.stall(deed[1], start=line.loop.time() + deed[2])


def watch_window(pipe, window):
    """Check after each arrival and each sending that no more is under way than may be."""
    held = sum(len(part) for _, _, parts in pipe.in_flight for part in parts)
    held += sum(len(data) for _, data in pipe.arrived)
    assert held <= pipe.unread <= window


async def watch(pipes, window):
    while True:
        for pipe in pipes:
            watch_window(pipe, window)
        await asyncio.sleep(0.003)


def arrival_of_each_byte(end):
    return [when_ns for when_ns, size in end.arrivals for _ in range(size)]


def assert_nothing_came_before_its_time(sender, receiver, latency_ns):
    arrived = arrival_of_each_byte(receiver)
    for position, sent_ns in sender.written:
        if position < len(arrived):
            assert arrived[position] >= sent_ns + latency_ns


def run(seed, window, up, down, plan, end=lambda client, server: None):
    """Return both ends after everything written had all the time to arrive."""

    async def main(loop):
        line = Line(loop, protocol=Stamped)
        for side in (line.there, line.back):
            side.window = window
        client, server = await line.connect()
        pipes = (client.transport._out, server.transport._out)
        watching = asyncio.create_task(watch(pipes, window))
        await asyncio.gather(write(client, up, 1), write(server, down, 2), do(line, plan))
        watching.cancel()
        line.link.silent = False
        end(client, server)
        await asyncio.sleep(10_000)
        return client, server

    with asyncio.Runner(loop_factory=lambda: SimLoop(seed)) as runner:
        client, server = runner.run(main(runner.get_loop()))
        assert_nothing_came_before_its_time(client, server, 10_000_000)
        assert_nothing_came_before_its_time(server, client, 10_000_000)
        for side in (client, server):
            side.transport.close()
        runner.run(asyncio.sleep(10))
        return client, server


@SETTINGS
@given(seed=st.integers(0, 99), window=windows, up=writes, down=writes, plan=deeds)
def test_bytes_in_are_bytes_out_in_order_and_never_early(seed, window, up, down, plan):
    def finish(client, server):
        client.transport.write_eof()
        server.transport.write_eof()

    client, server = run(seed, window, up, down, plan, finish)
    assert server.data == bytes(client.sent)
    assert client.data == bytes(server.sent)
    for side in (client, server):
        # The end comes last, and once.
        assert [event for event in side.events if event not in ("pause", "resume")] == [
            "made",
            "eof",
            "lost",
        ]


@SETTINGS
@given(seed=st.integers(0, 99), up=writes, plan=deeds)
def test_after_an_abort_an_end_gets_nothing_and_the_other_a_beginning(seed, up, plan):
    lengths = []

    def finish(client, server):
        server.write(b"too late")
        client.transport.abort()
        lengths.append(len(client.log))

    client, server = run(seed, 1500, up, up, plan, finish)
    assert client.log[lengths[0] :] == ["lost"]
    assert bytes(client.sent).startswith(server.data)
    assert bytes(server.sent).startswith(client.data)


@SETTINGS
@given(seed=st.integers(0, 99), up=writes, plan=deeds, size=st.integers(0, 3000), side=sides)
def test_a_reset_lets_exactly_so_many_bytes_through(seed, up, plan, size, side):
    async def main(loop):
        line = Line(loop, protocol=Stamped)
        client, server = await line.connect()
        sender, receiver = (client, server) if side == "there" else (server, client)
        getattr(line, side).reset_after(size)
        await asyncio.gather(write(sender, up, 1), do(line, plan))
        line.link.silent = False
        await asyncio.sleep(10_000)
        for end in (client, server):
            end.transport.close()
        return sender, receiver

    with asyncio.Runner(loop_factory=lambda: SimLoop(seed)) as runner:
        sender, receiver = runner.run(main(runner.get_loop()))
        runner.run(asyncio.sleep(10))
    assert receiver.data == bytes(sender.sent[:size])
    if len(sender.sent) > size:
        for end in (sender, receiver):
            assert end.events[-1] == "lost by ConnectionResetError"


@settings(max_examples=40)
@given(seed=st.integers(0, 99), window=windows, up=writes, plan=deeds)
def test_the_same_seed_gives_the_same_arrivals(seed, window, up, plan):
    def once():
        return [(end.arrivals, end.log, end.at) for end in run(seed, window, up, up, plan)]

    assert once() == once()
