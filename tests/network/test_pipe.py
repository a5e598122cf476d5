from __future__ import annotations

from types import SimpleNamespace

import pytest

from simkit.kernel import Calendar
from simkit.network import Direction
from simkit.network.pipe import Pipe


class Reader:
    def __init__(self, pipe):
        self.pipe = pipe
        self.wakes = []
        pipe.reader = self

    def _was_reset(self):
        self._wake()

    def _wake(self):
        self.wakes.append(self.pipe._calendar.now_ns)

    def take(self):
        taken = list(self.pipe.arrived)
        self.pipe.arrived.clear()
        return taken


@pytest.fixture
def calendar():
    return Calendar()


@pytest.fixture
def pipe(calendar):
    return Pipe(SimpleNamespace(calendar=calendar), Direction("a", "b", 100))


@pytest.fixture
def reader(pipe):
    return Reader(pipe)


def let_pass(calendar, duration_ns):
    end = calendar.now_ns + duration_ns
    while calendar.peek() <= end:
        calendar.advance()
        calendar.run_due()
    calendar.stall(end - calendar.now_ns)


def test_bytes_arrive_after_the_latency_with_the_instant_they_were_sent(calendar, pipe, reader):
    let_pass(calendar, 7)
    pipe.send(b"hello")
    assert pipe.last_arrival_ns == 107
    let_pass(calendar, 99)
    assert reader.wakes == []
    let_pass(calendar, 1)
    assert reader.wakes == [107]
    assert reader.take() == [(7, b"hello")]


def test_writes_of_one_instant_travel_as_one(calendar, pipe, reader):
    for word in (b"one ", b"two ", b"three"):
        pipe.send(word)
    let_pass(calendar, 100)
    assert reader.wakes == [100]
    assert reader.take() == [(0, b"one two three")]


def test_writes_of_two_instants_travel_apart(calendar, pipe, reader):
    pipe.send(b"one")
    let_pass(calendar, 1)
    pipe.send(b"two")
    let_pass(calendar, 100)
    assert reader.wakes == [100, 101]
    assert reader.take() == [(0, b"one"), (1, b"two")]


def test_nothing_overtakes_when_the_latency_drops(calendar, pipe, reader):
    pipe.send(b"slow")
    pipe.direction.latency_ns = 10
    pipe.send(b"fast")
    let_pass(calendar, 1)
    pipe.send(b"faster")
    assert pipe.last_arrival_ns == 100
    let_pass(calendar, 99)
    assert reader.take() == [(0, b"slowfast"), (1, b"faster")]


def test_a_latency_that_grows_holds_for_what_is_sent_from_then_on(calendar, pipe, reader):
    pipe.send(b"one")
    pipe.direction.latency_ns = 500
    pipe.send(b"two")
    let_pass(calendar, 500)
    assert reader.wakes == [100, 500]


def test_the_end_comes_behind_everything_sent(calendar, pipe, reader):
    pipe.send(b"last words")
    pipe.send_end()
    let_pass(calendar, 100)
    assert reader.take() == [(0, b"last words"), (0, b"")]


def test_the_window_is_what_may_be_on_the_way_or_unread(calendar, pipe, reader):
    pipe.direction.window = 1000
    assert pipe.room == 1000
    pipe.send(b"x" * 300)
    let_pass(calendar, 100)
    assert pipe.room == 700
    pipe.unread -= 300
    assert pipe.room == 1000


def test_bytes_wait_for_a_reader_that_comes_later(calendar, pipe):
    pipe.send(b"early")
    let_pass(calendar, 100)
    assert list(pipe.arrived) == [(0, b"early")]


def duplex(calendar):
    """Return both directions of a connection, and whoever writes into the first."""
    loop = SimpleNamespace(calendar=calendar)
    there, back = Pipe(loop, Direction("a", "b", 100)), Pipe(loop, Direction("b", "a", 30))
    a = Reader(back)
    b = Reader(there)
    a._in = back
    b._in = there
    there.writer, back.writer = a, b
    return there, back, a


def test_bytes_for_a_closed_socket_are_answered_with_a_reset(calendar):
    there, back, a = duplex(calendar)
    there.closed = True
    there.send(b"too late")
    let_pass(calendar, 129)
    assert not there.reset
    let_pass(calendar, 1)
    assert there.reset
    assert not back.reset
    assert a.wakes == [130]


def test_the_end_of_a_stream_for_a_closed_socket_is_not_answered(calendar):
    there, _, a = duplex(calendar)
    there.closed = True
    there.send_end()
    let_pass(calendar, 1000)
    assert not there.reset
    assert a.wakes == []


def test_a_reset_comes_behind_what_was_sent_before_it(calendar):
    there, back, a = duplex(calendar)
    back.send(b"answer")
    back.direction.latency_ns = 1
    back.send_reset(there)
    let_pass(calendar, 30)
    assert a.wakes == [30, 30]
    assert there.reset
    assert a.take() == [(0, b"answer")]
