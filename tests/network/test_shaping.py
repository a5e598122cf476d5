"""Knobs of a direction together."""

from __future__ import annotations

import asyncio

from simkit.network import SimLoop
from tests.network.line import Arrivals, Line, arrivals_of


def test_a_knob_draws_from_streams_of_its_own():
    def other_draws(turn):
        loop = SimLoop(3)
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            line = Line(loop)
            turn(line)

            async def main():
                client, _ = await line.connect()
                client.transport.write(bytes(10_000))
                await asyncio.sleep(10)

            runner.run(main())
            return [
                loop.entropy.stream(name).random()
                for name in ("ids", "link:home>far", "link:home>far loss", "link:far>home")
            ]

    def jitter(line):
        line.there.jitter = 0.1

    def loss(line):
        line.there.loss = 0.5

    def no_draws(line):
        line.link.bandwidth = 1_000_000
        line.link.jitter = 0
        line.link.loss = 0
        line.link.mss = 100
        line.link.stall(1)

    off = other_draws(lambda line: None)
    assert other_draws(no_draws) == off
    ids, for_jitter, for_loss, back = other_draws(jitter)
    assert (ids, for_loss, back) == (off[0], off[2], off[3])
    assert for_jitter != off[1]
    ids, for_jitter, for_loss, back = other_draws(loss)
    assert (ids, for_jitter, back) == (off[0], off[1], off[3])
    assert for_loss != off[2]


def test_a_direction_that_was_shaped_and_is_no_more_behaves_as_one_that_never_was():
    def once(turn):
        with asyncio.Runner(loop_factory=SimLoop) as runner:
            line = Line(runner.get_loop(), protocol=Arrivals)
            turn(line)

            async def write(transport):
                for size in (160, 70_000, 3, 400_000):
                    for _ in range(3):
                        transport.write(bytes(size))
                    await asyncio.sleep(0.004)

            return runner.run(arrivals_of(line, write))

    def and_back(line):
        line.link.bandwidth = 9600
        line.link.bandwidth = None
        line.link.silent = True
        line.link.silent = False

    assert once(and_back) == once(lambda line: None)
