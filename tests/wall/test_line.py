"""Lines: connections on real sockets that take as long as a link says."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from simkit.wall.links import Links, WallLink
from simkit.wall.loop import WallLoop

FAR = "bridge.example.com"
LATENCY = 0.03
ROUND_TRIP_NS = 60_000_000


class Noting(asyncio.Protocol):
    """The fake's protocol: writes down what happens to it, and when."""

    def __init__(self, loop: WallLoop) -> None:
        self.loop = loop
        self.came: list[tuple[str, object]] = []
        self.at_ns: list[int] = []
        self.over = loop.create_future()

    def note(self, what: str, value: object = None) -> None:
        self.came.append((what, value))
        self.at_ns.append(self.loop.pacing.read_ns())

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.note("made")

    def data_received(self, data: bytes) -> None:
        self.note("data", data)

    def eof_received(self) -> None:
        self.note("eof")

    def connection_lost(self, error: Exception | None) -> None:
        self.note("lost", type(error).__name__)
        self.over.set_result(None)

    @property
    def data(self) -> bytes:
        return b"".join(value for what, value in self.came if what == "data")


class Far(Noting):
    """The bridge's end of a connection; its server makes one for each."""

    def eof_received(self) -> bool:
        self.note("eof")
        return True


class World:
    """A loop with a server behind a link, and what both ends saw."""

    def __init__(self, loop: WallLoop) -> None:
        self.loop = loop
        self.far: list[Far] = []
        link = WallLink("", FAR, latency=LATENCY)
        loop.between = lambda source, target: link.towards(target)

    async def listen(self) -> None:
        def make() -> Far:
            self.far.append(Far(self.loop))
            return self.far[-1]

        self.server = await self.loop.create_server(make, "127.0.0.1", 0)
        self.place = self.loop.places[FAR] = self.server.sockets[0].getsockname()

    async def connect(self) -> Noting:
        _, near = await self.loop.create_connection(lambda: Noting(self.loop), *self.place)
        while not self.far:  # the server's side of a connection that is there
            await asyncio.sleep(0)
        assert isinstance(near, Noting)
        return near


@contextmanager
def world() -> Iterator[World]:
    with asyncio.Runner(loop_factory=WallLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, WallLoop)
        made = World(loop)
        runner.run(made.listen())
        try:
            yield made
        finally:
            for line in tuple(loop.lines):
                line.cut()
            for far in made.far:
                far.transport.abort()
            made.server.close()
            runner.run(asyncio.sleep(0.001))


def run(body) -> None:
    with world() as made:
        made.loop.run_until_complete(asyncio.wait_for(body(made), 20))


async def until(happened) -> None:
    while not happened():
        await asyncio.sleep(0.001)


def test_connecting_takes_a_round_trip():
    async def body(made: World) -> None:
        began_ns = made.loop.pacing.read_ns()
        near = await made.connect()
        assert near.at_ns[0] - began_ns >= ROUND_TRIP_NS

    run(body)


def test_what_leaves_at_one_instant_is_one_write():
    async def body(made: World) -> None:
        near = await made.connect()
        [far] = made.far

        def write() -> None:
            for _ in range(200):
                near.transport.write(b"frame")

        made.loop.pacing.call_at(made.loop.pacing.read_ns(), write)
        await until(lambda: len(far.data) == 1000)
        assert len(far.came) == 2  # the connection, and one read

    run(body)


def test_fakes_act_before_the_time_and_bytes_leave_on_time():
    async def body(made: World) -> None:
        near = await made.connect()
        [far] = made.far
        pacing = made.loop.pacing
        pacing.ahead = lambda: 20_000_000
        due_ns = pacing.real_ns() + 40_000_000
        written: list[tuple[int, int]] = []

        def write() -> None:
            written.append((pacing.read_ns(), pacing.real_ns()))
            near.transport.write(b"frame")

        pacing.call_at(due_ns, write)
        await until(lambda: far.data)
        [(at_ns, really_ns)] = written
        assert at_ns == due_ns
        assert really_ns >= due_ns - 20_000_000
        assert pacing.real_ns() >= due_ns + ROUND_TRIP_NS // 2

    run(body)


def test_links_know_the_least_that_anything_takes_from_the_bridge():
    links = Links({"twilio": 0.02}, 0.01, FAR)
    assert links.shortest_ns() == 10_000_000
    links.between("twilio", "api.vapi.ai")  # takes no time, and is not the bridge's
    links.between("twilio", FAR).towards("twilio").latency = 0.004
    assert links.shortest_ns() == 4_000_000


def test_bytes_leave_and_arrive_a_latency_later_in_order():
    async def body(made: World) -> None:
        near = await made.connect()
        [far] = made.far
        wrote_ns = made.loop.pacing.read_ns()
        for number in range(50):
            near.transport.write(b"%02d" % number)
        assert near.transport.get_extra_info("simkit.arrival_ns") >= wrote_ns + ROUND_TRIP_NS // 2
        await until(lambda: len(far.data) == 100)
        assert far.data == b"".join(b"%02d" % number for number in range(50))
        assert far.at_ns[1] - wrote_ns >= ROUND_TRIP_NS // 2
        answered_ns = made.loop.pacing.read_ns()
        far.transport.write(b"answer")
        await until(lambda: near.data)
        assert near.at_ns[-1] - answered_ns >= ROUND_TRIP_NS // 2
        sent_ns = near.transport.get_extra_info("simkit.sent_ns")
        assert answered_ns <= sent_ns <= near.at_ns[-1] - ROUND_TRIP_NS // 2

    run(body)


def test_the_end_of_a_direction_is_passed_on_behind_the_bytes_and_the_other_goes_on():
    async def body(made: World) -> None:
        near = await made.connect()
        [far] = made.far
        near.transport.write(b"the last word")
        near.transport.write_eof()
        await until(lambda: ("eof", None) in far.came)
        assert far.data == b"the last word"
        far.transport.write(b"an answer all the same")
        far.transport.write_eof()
        await near.over
        assert near.data == b"an answer all the same"
        assert [what for what, _ in near.came][-2:] == ["eof", "lost"]

    run(body)


def test_a_close_sends_what_was_written_and_hands_on_nothing_more():
    async def body(made: World) -> None:
        near = await made.connect()
        [far] = made.far
        far.transport.write(b"on its way")
        near.transport.write(b"goodbye")
        near.transport.close()
        assert near.transport.is_closing()
        near.transport.write(b"never")
        await near.over
        await until(lambda: ("eof", None) in far.came)
        assert far.data == b"goodbye"
        assert near.data == b""
        assert near.came[-1] == ("lost", "NoneType")

    run(body)


def test_the_first_request_to_a_name_says_what_a_proxy_says_and_one_to_an_address_does_not():
    async def body(made: World) -> None:
        for host, port in ((FAR, 443), (FAR, 80), made.place):
            line, _ = await made.loop.create_connection(lambda: Noting(made.loop), host, port)
            line.write(b"GET / HTTP/1.1\r\n\r\n")
            line.write(b"more")
            line.close()
        await until(lambda: [far.data[-4:] for far in made.far] == [b"more"] * 3)
        said = [far.data.partition(b"\r\n")[2].removesuffix(b"\r\nmore") for far in made.far]
        host_header = b"X-Forwarded-Host: bridge.example.com\r\n"
        assert said == [
            b"X-Forwarded-Proto: https\r\n" + host_header,
            b"X-Forwarded-Proto: http\r\n" + host_header,
            b"",
        ]

    run(body)


def test_who_loses_the_connection_lets_the_other_know_a_latency_later():
    async def body(made: World) -> None:
        near = await made.connect()
        [far] = made.far
        near.transport.abort()
        await near.over
        aborted_ns = near.at_ns[-1]
        await until(lambda: len(far.came) > 1)
        assert far.at_ns[-1] >= aborted_ns
        await until(lambda: not made.loop.lines)

    run(body)


def test_a_reset_by_the_bridge_arrives_behind_its_bytes():
    async def body(made: World) -> None:
        near = await made.connect()
        [far] = made.far
        far.transport.write(b"almost")
        sock = far.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        far.transport.abort()
        await near.over
        assert near.data == b"almost"
        assert near.came[-1] == ("lost", "ConnectionResetError")

    run(body)


def test_nothing_is_handed_on_while_reading_is_paused_and_nothing_is_lost():
    async def body(made: World) -> None:
        near = await made.connect()
        [far] = made.far
        far.transport.write(b"one")
        near.transport.pause_reading()
        assert not near.transport.is_reading()
        await asyncio.sleep(LATENCY * 2)
        assert near.data == b""
        far.transport.write(b"two")
        near.transport.resume_reading()
        assert near.transport.is_reading()
        await until(lambda: near.data == b"onetwo")

    run(body)


def test_a_line_that_is_cut_is_closed_and_hands_on_nothing_more():
    async def body(made: World) -> None:
        near = await made.connect()
        [far] = made.far
        far.transport.write(b"on its way")
        await asyncio.sleep(LATENCY / 2)
        near.transport.cut()
        assert near.transport.is_closing()
        await until(lambda: far.came[-1][0] in ("eof", "lost"))
        await asyncio.sleep(2 * LATENCY)
        assert near.came == [("made", None)]

    run(body)


def test_flow_control_of_the_real_connection_reaches_the_fake():
    class Slow(Noting):
        def pause_writing(self) -> None:
            self.note("pause")

        def resume_writing(self) -> None:
            self.note("resume")

    async def body(made: World) -> None:
        _, near = await made.loop.create_connection(lambda: Slow(made.loop), *made.place)
        assert isinstance(near, Slow)
        await until(lambda: made.far)
        [far] = made.far
        far.transport.pause_reading()
        near.transport.set_write_buffer_limits(high=65536, low=1000)
        assert near.transport.get_write_buffer_limits() == (1000, 65536)
        near.transport.write(b"x" * 20_000_000)
        await until(lambda: ("pause", None) in near.came)
        assert near.transport.get_write_buffer_size() > 65536
        far.transport.resume_reading()
        await until(lambda: ("resume", None) in near.came)
        await until(lambda: sum(len(value) for what, value in far.came if value) == 20_000_000)

    run(body)


def test_what_the_bridge_says_first_is_as_late_as_its_connecting_would_have_been():
    async def body(made: World) -> None:
        loop, made_here = made.loop, []

        def make() -> Noting:
            made_here.append(Noting(loop))
            return made_here[-1]

        sock = socket.create_server(("127.0.0.1", 0))
        server = await loop.listen("", make, FAR, sock)
        loop.places["fake"] = sock.getsockname()
        began_ns = loop.pacing.read_ns()
        client = socket.create_connection(sock.getsockname())
        client.sendall(b"hello")
        await until(lambda: made_here and made_here[0].data)
        [fake] = made_here
        assert fake.at_ns[-1] - began_ns >= ROUND_TRIP_NS * 3 // 2
        assert fake.transport.get_extra_info("simkit.sent_ns") - began_ns >= ROUND_TRIP_NS
        assert fake.transport.get_extra_info("peername") == client.getsockname()
        client.close()
        server.close()

    run(body)


def test_a_connection_that_is_given_up_leaves_nothing():
    async def body(made: World) -> None:
        for seconds in (0.0, 0.005):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(seconds):
                    await made.connect()
        await until(lambda: not made.loop.lines)

    run(body)


def test_a_refused_connection_is_refused_a_round_trip_later_and_leaves_nothing():
    async def body(made: World) -> None:
        made.place = made.loop.places[FAR] = ("127.0.0.1", 1)
        began_ns = made.loop.pacing.read_ns()
        with pytest.raises(ConnectionRefusedError):
            await made.connect()
        assert made.loop.pacing.read_ns() - began_ns >= ROUND_TRIP_NS
        assert not made.loop.lines

    run(body)
