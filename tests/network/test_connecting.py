from __future__ import annotations

import asyncio
import errno

import pytest

from tests.network.line import Arrivals, Line


@pytest.fixture
def line(loop):
    line = Line(loop)
    line.there.latency = 0.03
    line.back.latency = 0.07
    return line


async def attempt(line, port=80):
    """Connect; return the error, or None, and how long it took."""
    start = line.loop.time()
    error = None
    try:
        await line.loop.create_connection(Arrivals, "far", port)
    except OSError as caught:
        error = caught
    return error, round(line.loop.time() - start, 9)


def test_a_link_can_refuse_after_a_round_trip_though_somebody_listens(runner, line):
    line.there.refuse = True
    error, took = runner.run(attempt(line))
    assert isinstance(error, ConnectionRefusedError)
    assert error.errno == errno.ECONNREFUSED
    assert str(error) == f"[Errno 111] Connect call failed ('{line.far.address}', 80)"
    assert took == 0.1
    line.link.refuse = False
    assert runner.run(attempt(line)) == (None, 0.1)


def test_a_link_can_lead_nowhere(runner, line):
    line.link.unreachable = True
    error, took = runner.run(attempt(line))
    assert type(error) is OSError
    assert error.errno == errno.EHOSTUNREACH
    assert took == 0.1


def test_only_the_direction_of_the_connecting_counts(runner, line):
    line.back.refuse = line.back.unreachable = line.back.unanswered = True
    line.back.accept_delay = 5
    assert runner.run(attempt(line)) == (None, 0.1)


def test_a_connect_that_is_never_answered_times_out_as_the_kernel_does(runner, line):
    line.there.unanswered = True
    error, took = runner.run(attempt(line))
    assert isinstance(error, TimeoutError)
    assert error.errno == errno.ETIMEDOUT
    assert took == 127.0


@pytest.mark.parametrize(
    ("when", "turn"),
    [(0.01, ("there", "unanswered")), (0.01, ("back", "silent")), (0.05, ("back", "silent"))],
)
def test_an_answer_may_be_cut_off_while_the_question_is_on_its_way(runner, line, when, turn):
    side, knob = turn
    direction = getattr(line, side)

    async def main():
        line.loop.call_later(when, setattr, direction, knob, True)
        line.loop.call_later(2, setattr, direction, knob, False)
        return await attempt(line)

    expected = 3.1 if when == 0.01 else 0.1
    assert runner.run(main()) == (None, expected)


def test_the_programs_own_timeout_comes_first(runner, line):
    line.there.unanswered = True

    async def main():
        start = line.loop.time()
        with pytest.raises(TimeoutError) as caught:
            await asyncio.wait_for(line.loop.create_connection(Arrivals, "far", 80), 5)
        return caught.value.errno, line.loop.time() - start

    assert runner.run(main()) == (None, 5.0)


def test_open_connections_do_not_notice_that_new_ones_fail(runner, line):
    async def main():
        client, server = await line.connect()
        line.link.unanswered = line.link.refuse = line.link.unreachable = True
        client.transport.write(b"still here")
        await asyncio.sleep(1)
        return server.data

    assert runner.run(main()) == b"still here"


@pytest.mark.parametrize("side", ["there", "back"])
def test_a_silent_direction_lets_no_connect_through_until_it_speaks_again(runner, line, side):
    direction = getattr(line, side)
    direction.silent = True
    error, took = runner.run(attempt(line))
    assert error.errno == errno.ETIMEDOUT
    assert took == 127.0

    def speak():
        direction.silent = False

    async def main():
        line.loop.call_later(5, speak)
        return await attempt(line)

    # SYNs leave at 0, 1, 3 and 7 s.
    direction.silent = True
    assert runner.run(main()) == (None, 7.1)


def test_nobody_is_refused_twice(runner, line):
    line.there.jitter = 0
    error, took = runner.run(attempt(line, port=81))
    assert isinstance(error, ConnectionRefusedError)
    assert took == 0.1
    runner.run(asyncio.sleep(200))


def test_a_lost_syn_is_sent_again_after_a_second(runner, line, loop):
    class Draws:
        def __init__(self):
            self.random = iter([0.0, 0.9, 0.9]).__next__

    line.there.loss = 0.5
    loop.entropy._streams["link:home>far loss"] = Draws()
    assert runner.run(attempt(line)) == (None, 1.1)


def test_a_stall_holds_the_handshake_up(runner, line):
    line.back.stall(0.5)
    assert runner.run(attempt(line)) == (None, 0.5)


def test_a_stall_holds_up_what_is_on_its_way_already(runner, line):
    async def main():
        line.there.jitter = 0
        line.loop.call_later(0.01, line.there.stall, 0.5)
        return await attempt(line)

    assert runner.run(main()) == (None, 0.58)


def test_a_slow_listener_accepts_late_what_is_open_to_the_client(runner, line):
    line.there.accept_delay = 2.5

    async def main():
        start = line.loop.time()
        _, client = await line.loop.create_connection(Arrivals, "far", 80)
        opened = line.loop.time() - start
        client.transport.write(b"early ")
        await asyncio.sleep(1)
        client.transport.write(b"bird")
        await asyncio.sleep(9)
        (server,) = line.accepted
        return [round(t, 9) for t in (opened, server.at[0] - start, server.at[1] - start)], server

    times, server = runner.run(main())
    assert times == [0.1, 2.63, 2.63]
    assert server.reads == [10]


def test_the_accept_delay_goes_with_every_other_knob(runner, line):
    line.there.accept_delay = 1
    line.there.jitter = (0.01, 0.01)

    async def main():
        start = line.loop.time()
        _, client = await line.loop.create_connection(Arrivals, "far", 80)
        client.transport.write(b"x")
        await asyncio.sleep(9)
        (server,) = line.accepted
        return round(server.at[0] - start, 9), server.log

    assert runner.run(main()) == (1.15, ["made", b"x"])


def test_a_connection_whose_last_segment_is_silenced_is_accepted_later(runner, line):
    line.there.jitter = 0

    async def main():
        start = line.loop.time()
        _, client = await line.loop.create_connection(Arrivals, "far", 80)
        line.there.silent = True
        client.transport.write(b"x")
        await asyncio.sleep(4.9)
        before = len(line.accepted)
        line.there.silent = False
        await asyncio.sleep(1)
        (server,) = line.accepted
        return before, [round(when - start, 9) for when in server.at], server.log

    assert runner.run(main()) == (0, [5.03, 5.03], ["made", b"x"])


def test_what_waits_to_be_accepted_is_reset_when_the_server_goes(runner, line, loop):
    line.there.accept_delay = 2

    async def listen():
        return await loop.create_server(Arrivals, "0.0.0.0", 90)

    async def main():
        server = await line.far.spawn(listen())
        _, client = await loop.create_connection(Arrivals, "far", 90)
        client.transport.write(b"x")
        server.close()
        await asyncio.sleep(5)
        return client.log

    assert runner.run(main()) == ["made", "lost by ConnectionResetError"]
