from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

import simkit
from simkit.network import SimLoop
from tests.network.observer import Observer, connected

THERE_NS = 30_000_001
BACK_NS = 70_000_010


@pytest.fixture
def bridge(network):
    bridge = network.host("bridge")
    link = network.link("home", "bridge")
    link.towards("bridge").latency_ns = THERE_NS
    link.towards("home").latency_ns = BACK_NS
    return bridge


class Stamped(Observer):
    """An observer whose instants are nanoseconds."""

    def _note(self, entry):
        self.log.append(entry)
        self.at.append(asyncio.get_running_loop().calendar.now_ns)


class Greeter(Stamped):
    def connection_made(self, transport):
        super().connection_made(transport)
        transport.write(b"hello")


def test_connecting_takes_one_round_trip(runner, loop, network, bridge):
    async def main():
        server = Stamped()
        network.listen(bridge, 80, lambda: server)
        await asyncio.sleep(1)
        _, client = await loop.create_connection(Stamped, "bridge", 80)
        await asyncio.sleep(1)
        return client.when("made"), server.when("made")

    connected_at, accepted_at = runner.run(main())
    assert connected_at == 10**9 + THERE_NS + BACK_NS
    assert accepted_at == connected_at + THERE_NS


def test_the_first_byte_of_each_side_takes_its_own_direction(runner, loop, network, bridge):
    async def main():
        server = Greeter()
        network.listen(bridge, 80, lambda: server)
        _, client = await loop.create_connection(Greeter, "bridge", 80)
        await asyncio.sleep(1)
        return client, server

    client, server = runner.run(main())
    assert server.when(b"hello") == 2 * THERE_NS + BACK_NS
    assert client.when(b"hello") == 2 * THERE_NS + 2 * BACK_NS


def test_a_transport_knows_when_bytes_left_and_when_they_arrive(runner, loop, network, bridge):
    class Curious(Stamped):
        def data_received(self, data):
            super().data_received(data)
            self.sent_ns = self.transport.get_extra_info("simkit.sent_ns")

    async def main():
        server = Curious()
        network.listen(bridge, 80, lambda: server)
        transport, _ = await loop.create_connection(Stamped, "bridge", 80)
        await asyncio.sleep(1)
        transport.write(b"hello")
        sent = loop.calendar.now_ns, transport.get_extra_info("simkit.arrival_ns")
        await asyncio.sleep(1)
        return *sent, server

    sent_ns, arrival_ns, server = runner.run(main())
    assert server.sent_ns == sent_ns
    assert server.when(b"hello") == arrival_ns == sent_ns + THERE_NS


def test_a_server_sees_a_client_close_one_way_later(runner, loop, network, bridge):
    async def main():
        server = Stamped()
        network.listen(bridge, 80, lambda: server)
        transport, _ = await loop.create_connection(Stamped, "bridge", 80)
        transport.close()
        closed_ns = loop.calendar.now_ns
        await asyncio.sleep(1)
        return server.when("eof") - closed_ns

    assert runner.run(main()) == THERE_NS


def test_a_refusal_takes_one_round_trip(runner, loop, bridge):
    async def main():
        with pytest.raises(ConnectionRefusedError, match="Connect call failed") as caught:
            await loop.create_connection(Observer, "bridge", 81)
        return caught.value.errno, loop.calendar.now_ns

    assert runner.run(main()) == (111, THERE_NS + BACK_NS)


def test_within_a_machine_nothing_takes_time(runner, loop):
    async def main():
        await connected(host="localhost")
        return loop.time()

    assert runner.run(main()) == 0.0


@given(there=st.integers(0, 10**9), back=st.integers(0, 10**9))
def test_an_echo_takes_two_round_trips_whatever_the_latencies(there, back):
    async def echo(reader, writer):
        writer.write(await reader.read(100))
        writer.close()

    async def main(loop):
        bridge = loop.network.host("bridge")
        link = loop.network.link("home", "bridge")
        link.towards("bridge").latency_ns = there
        link.towards("home").latency_ns = back
        await bridge.spawn(asyncio.start_server(echo, "0.0.0.0", 80))
        reader, writer = await asyncio.open_connection("bridge", 80)
        writer.write(b"ping")
        answer = await reader.read()
        writer.close()
        return answer, loop.calendar.now_ns

    with asyncio.Runner(loop_factory=SimLoop) as runner:
        answer, now_ns = runner.run(main(runner.get_loop()))
    assert answer == b"ping"
    assert now_ns == 2 * (there + back)


def test_streams_echo_line_by_line(runner):
    async def echo(reader, writer):
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def main():
        async with await asyncio.start_server(echo, "localhost", 8000) as server:
            assert server.is_serving()
            reader, writer = await asyncio.open_connection("localhost", 8000)
            answers = []
            for word in (b"one\n", b"two\n"):
                writer.write(word)
                answers.append(await reader.readline())
            writer.write_eof()
            answers.append(await reader.read())
            writer.close()
            await writer.wait_closed()
        return answers

    assert runner.run(main()) == [b"ONE\n", b"TWO\n", b""]


def test_a_closed_server_refuses_and_keeps_its_connections(runner, loop):
    async def main():
        pair = await connected()
        address = pair.listener.sockets[0].getsockname()
        pair.listener.close()
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(Observer, *address)
        pair.client.transport.write(b"still here")
        await asyncio.sleep(1)
        return pair.server.data, pair.listener.is_serving(), pair.listener.sockets

    assert runner.run(main()) == (b"still here", False, ())


def test_a_port_is_free_again_after_its_server_closed(runner, loop):
    async def main():
        for _ in range(3):
            server = await loop.create_server(Observer, "localhost", 80)
            server.close()
            await server.wait_closed()

    runner.run(main())


def test_a_server_that_closes_before_the_last_packet_of_a_handshake_resets(
    runner, loop, network, bridge
):
    async def serve():
        server = await loop.create_server(Observer, "0.0.0.0", 80)
        loop.call_at((THERE_NS + BACK_NS) / 1e9, server.close)

    async def main():
        await bridge.spawn(serve())
        _, client = await loop.create_connection(Observer, "bridge", 80)
        await asyncio.sleep(1)
        return client.events

    assert runner.run(main()) == ["made", "lost by ConnectionResetError"]


def test_a_server_accepts_nothing_before_it_serves(runner, loop):
    async def main():
        server = await loop.create_server(Observer, "localhost", 80, start_serving=False)
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(Observer, "localhost", 80)
        await server.start_serving()
        await loop.create_connection(Observer, "localhost", 80)
        server.close()

    runner.run(main())


def test_a_server_can_listen_on_several_addresses(runner, loop, network):
    network.host("bridge")

    async def main():
        names = ["127.0.0.1", network.home.address]
        server = await loop.create_server(Observer, names, 80)
        for name in names:
            await loop.create_connection(Observer, name, 80)
        return [sock.getsockname() for sock in server.sockets]

    assert runner.run(main()) == [("127.0.0.1", 80), (network.home.address, 80)]


def test_a_wildcard_server_is_reached_by_every_name(runner, loop, network):
    async def main():
        await loop.create_server(Observer, None, 80)
        for name in ("localhost", "127.0.0.1", "home", "HOME", network.home.address, b"home"):
            transport, _ = await loop.create_connection(Observer, name, 80)
            transport.close()

    runner.run(main())


def test_a_loopback_server_is_not_reached_from_outside(runner, loop, network, bridge):
    async def main():
        await bridge.spawn(loop.create_server(Observer, "localhost", 80))
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(Observer, "bridge", 80)

    runner.run(main())


@pytest.mark.parametrize("address", ["0.0.0.0", "home"])
def test_a_client_may_choose_the_port_that_it_connects_from(runner, loop, network, bridge, address):
    async def main():
        server = Observer()
        network.listen(bridge, 80, lambda: server)
        transport, _ = await loop.create_connection(
            Observer, "bridge", 80, local_addr=(address, 5555)
        )
        await asyncio.sleep(1)
        seen = transport.get_extra_info("sockname"), server.transport.get_extra_info("peername")
        transport.close()
        return seen

    assert runner.run(main()) == ((network.home.address, 5555),) * 2


def test_a_client_cannot_connect_from_another_machines_address(runner, loop, bridge):
    with pytest.raises(OSError, match="host 'home' has"):
        runner.run(loop.create_connection(Observer, "bridge", 80, local_addr=("bridge", 5555)))


def test_a_client_that_gives_up_while_connecting_leaves_nothing_behind(
    runner, loop, network, bridge
):
    accepted = []

    async def main():
        network.listen(bridge, 80, lambda: accepted.append(Observer()) or accepted[-1])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(loop.create_connection(Observer, "bridge", 80), 0.05)
        await asyncio.sleep(1)

    runner.run(main())
    assert accepted == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "host and port was not specified"),
        ({"host": "h", "port": 1, "server_hostname": "h"}, "only meaningful with ssl"),
    ],
)
def test_meaningless_connections_are_refused_as_asyncio_does(runner, loop, options, message):
    with pytest.raises(ValueError, match=message):
        runner.run(loop.create_connection(Observer, **options))


def test_meaningless_servers_are_refused_as_asyncio_does(runner, loop):
    with pytest.raises(ValueError, match="Neither host/port nor sock were specified"):
        runner.run(loop.create_server(Observer))
    with pytest.raises(TypeError, match="ssl argument must be an SSLContext or None"):
        runner.run(loop.create_server(Observer, "localhost", 80, ssl=True))


def test_simkit_new_event_loop_is_a_loop_factory():
    with asyncio.Runner(loop_factory=simkit.new_event_loop) as runner:
        assert runner.run(asyncio.sleep(3600, "an hour passed")) == "an hour passed"
        assert isinstance(runner.get_loop(), SimLoop)
    loop = simkit.new_event_loop(seed=5)
    assert loop.entropy.seed == 5
    loop.close()


def test_a_thread_runs_on_the_host_that_starts_it(runner, loop, network):
    async def main():
        hosts = []

        def work():
            hosts.append(network.current().name)
            loop.call_soon_threadsafe(lambda: hosts.append(network.current().name))

        async def start():
            threading.Thread(target=work).start()

        await network.host("bridge.example.com").spawn(start())
        await asyncio.sleep(0)
        return hosts

    assert runner.run(main()) == ["bridge.example.com"] * 2
