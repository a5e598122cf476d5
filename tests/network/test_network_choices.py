"""Choice points of the network: the order in a poll, late arrivals, cut writes."""

from __future__ import annotations

import asyncio

import pytest

from simkit.kernel import Choices
from simkit.network import SimLoop
from tests.network.observer import Observer, connected


class Chooser(Choices):
    """Reverses polls, cuts writes in half, lets each arrival be later than the one before."""

    def __init__(self, *points: str) -> None:
        self.points = points
        self.late = 0
        self.polls: list[list[str]] = []

    def order(self, point, names):
        if point not in self.points:
            return range(len(names))
        self.polls.append(list(names))
        return range(len(names) - 1, -1, -1)

    def duration_ns(self, point, name):
        if point == "arrival" and point in self.points:
            self.late += 1
            return self.late * 1_000_000
        return 0

    def size(self, point, name, most):
        return most // 2 if point in self.points else most


def run(choices, main):
    with asyncio.Runner(loop_factory=SimLoop) as runner:
        loop = runner.get_loop()
        loop.network.link("home", loop.network.host("bridge")).latency = 0.01
        loop.choices = choices
        return runner.run(main(loop))


async def three_at_once(loop):
    """Three connections get a byte at the same instant; tell in which order they read it."""
    read = []
    pairs = [await connected() for _ in range(3)]
    for number, pair in enumerate(pairs):
        pair.server.data_received = lambda data, n=number: read.append((n, data))
    await asyncio.sleep(1)
    read.clear()
    for pair in pairs:
        pair.client.transport.write(b"x")
    await asyncio.sleep(1)
    return [number for number, _ in read]


def test_one_poll_reports_connections_in_the_order_of_arrival_by_default():
    assert run(None, three_at_once) == [0, 1, 2]
    assert run(Choices(), three_at_once) == [0, 1, 2]


def test_one_poll_may_report_connections_in_any_order():
    choices = Chooser("poll")
    assert run(choices, three_at_once) == [2, 1, 0]
    assert ["home > home"] * 3 in choices.polls


async def bursts(loop):
    """Write twice; tell what was read, and when."""
    bridge = loop.network.host("bridge")
    server = Observer()
    loop.network.listen(bridge, 80, lambda: server)
    _, client = await loop.create_connection(Observer, "bridge", 80)
    await asyncio.sleep(1)
    began = loop.time()
    seen = []
    server.data_received = lambda data: seen.append((round((loop.time() - began) * 1000, 6), data))
    client.transport.write(b"abcd")
    client.transport.write(b"efgh")
    await asyncio.sleep(1)
    return seen


def test_by_default_a_write_arrives_whole_and_in_time():
    assert run(Choices(), bursts) == [(10.0, b"abcdefgh")]


def test_a_write_may_be_cut():
    seen = run(Chooser("segment"), bursts)
    assert b"".join(data for _, data in seen) == b"abcdefgh"
    assert len(seen) > 1
    assert [at for at, _ in seen] == sorted(at for at, _ in seen)
    assert all(10.0 <= at < 10.001 for at, _ in seen)


def test_an_arrival_may_be_late_but_overtakes_nothing():
    seen = run(Chooser("arrival"), bursts)
    assert b"".join(data for _, data in seen) == b"abcdefgh"
    assert [data for _, data in seen] == [b"abcd", b"efgh"]
    assert seen[1][0] - seen[0][0] == pytest.approx(1.0)
    assert seen[0][0] > 10.0


@pytest.mark.parametrize("answer", [0, 9, 2.0])
def test_a_cut_of_no_size_is_refused(answer):
    choices = Choices()
    choices.size = lambda point, name, most: answer
    with pytest.raises(ValueError, match=r"choice 'segment' of home > bridge: bytes, 1 to \d"):
        run(choices, bursts)
