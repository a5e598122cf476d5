from __future__ import annotations

import asyncio

import pytest

from simkit.network import SimLoop
from tests.network.line import Arrivals, Line, arrivals_of
from tests.network.observer import Patient


@pytest.fixture
def line(loop):
    return Line(loop)


class Draws:
    """Stands for a stream of entropy whose draws are known."""

    def __init__(self, *draws):
        self.draws = list(draws)

    def random(self):
        return self.draws.pop(0)

    def randint(self, low, high):
        draw = self.draws.pop(0)
        assert low <= draw <= high
        return draw


def known_draws(loop, name, *draws):
    loop.entropy._streams[name] = Draws(*draws)


# Bandwidth


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


# Jitter


def test_jitter_is_drawn_for_each_segment_and_nothing_overtakes(runner, line, loop):
    client, server = runner.run(line.connect())
    line.there.jitter = 0.02
    known_draws(loop, "link:home>far", 5_000_000, 19_000_000, 1_000_000)

    async def main():
        start_ns = loop.calendar.now_ns
        for size in (100, 200, 300):
            client.transport.write(bytes(size))
            await asyncio.sleep(0.001)
        await asyncio.sleep(1)
        return line.since(server, start_ns)

    assert runner.run(main()) == [(15_000, 100), (30_000, 500)]


def test_jitter_has_a_least_and_a_most(runner, line):
    line.there.jitter = (0.005, 0.007)

    async def write(transport):
        for _ in range(200):
            transport.write(b"x")
            await asyncio.sleep(0.1)

    client, server = runner.run(line.connect())
    start_ns = line.loop.calendar.now_ns
    runner.run(write(client.transport))
    late = [
        when_ns - start_ns - number * 100_000_000
        for number, (when_ns, _) in enumerate(server.arrivals)
    ]
    assert len(late) == 200
    assert 15_000_000 <= min(late) < 15_100_000
    assert 16_900_000 < max(late) <= 17_000_000


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


# Loss

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


# Segments


def test_a_write_is_cut_where_segments_end(runner, line):
    line.there.bandwidth = 8_000_000
    line.there.mss = 300

    async def write(transport):
        transport.write(bytes(700))

    assert runner.run(arrivals_of(line, write)) == [(10_300, 300), (10_600, 300), (10_700, 100)]


def test_segments_that_arrive_together_are_one_read(runner, line):
    line.there.mss = 100

    async def write(transport):
        for _ in range(50):
            transport.write(bytes(160))

    assert runner.run(arrivals_of(line, write)) == [(10_000, 8000)]


def test_a_segment_holds_what_ethernet_does_and_more_within_a_machine(network):
    network.host("far")
    assert network.link("home", "far").mss == 1460
    assert network.link("home", "home").mss == 65483


# Stalls


def test_a_stall_lets_nothing_through_and_then_everything_at_once(runner, line):
    async def write(transport):
        transport.write(bytes(1))  # due in 10 ms, within the stall
        await asyncio.sleep(0.001)
        line.there.stall(0.1)
        for _ in range(4):
            transport.write(bytes(10))
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.02)
        transport.write(bytes(5))

    assert runner.run(arrivals_of(line, write)) == [(101_000, 41), (111_000, 5)]


def test_a_stall_can_be_announced(runner, line):
    async def write(transport):
        line.there.stall(0.5, start=line.loop.time() + 0.02)
        transport.write(bytes(1))
        await asyncio.sleep(0.009)
        transport.write(bytes(2))
        await asyncio.sleep(0.001)
        transport.write(bytes(4))
        assert transport.get_extra_info("simkit.arrival_ns") % 10**9 == 520_000_000
        transport.write(bytes(8))

    assert runner.run(arrivals_of(line, write)) == [(10_000, 1), (19_000, 2), (520_000, 12)]


def test_stalls_may_overlap(runner, line):
    async def write(transport):
        now = line.loop.time()
        line.there.stall(0.1, start=now + 0.05)
        line.there.stall(0.1)
        transport.write(b"x")
        assert transport.get_extra_info("simkit.arrival_ns") % 10**9 == 150_000_000

    assert runner.run(arrivals_of(line, write)) == [(150_000, 1)]


def test_a_stalled_direction_holds_the_end_back_too(runner, line):
    async def main():
        client, server = await line.connect()
        start = line.loop.time()
        line.there.stall(3)
        client.transport.close()
        await asyncio.sleep(10)
        return round(server.when("eof") - start, 9), round(client.when("lost") - start, 9)

    assert runner.run(main()) == (3.0, 0.0)


def test_a_stalled_direction_holds_a_reset_back_behind_the_bytes(runner, line):
    async def main():
        client, server = await line.connect()
        server.transport.pause_reading()
        client.transport.write(b"never read")
        await asyncio.sleep(0.5)
        start = line.loop.time()
        server.transport.write(b"last words")
        server.transport.abort()
        await asyncio.sleep(0.005)
        line.back.stall(1)
        await asyncio.sleep(10)
        return client.log, round(client.at[-1] - start, 9)

    assert runner.run(main()) == (["made", b"last words", "lost by ConnectionResetError"], 1.005)


def test_a_stalled_acknowledgement_keeps_the_window_shut(runner, line):
    line.there.window = 100

    async def write(transport):
        line.back.stall(2)
        transport.write(bytes(250))
        await asyncio.sleep(0.1)
        transport.write(bytes(10))

    assert runner.run(arrivals_of(line, write)) == [
        (10_000, 100),
        (2_010_000, 100),
        (2_030_000, 60),
    ]


# Resets


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


# Silence


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
