"""UDP, on the simulated network and on the machine's own loopback."""

from __future__ import annotations

import asyncio
import select
import socket

import pytest

from simkit.network import SimLoop, UnknownHostError


async def settle():
    """Let everything under way arrive: a real loop reads a socket once in each pass."""
    for _ in range(5):
        await asyncio.sleep(0.004)


class Receiver(asyncio.DatagramProtocol):
    """Keeps a log of its callbacks."""

    def __init__(self):
        self.log = []
        self.at = []

    def connection_made(self, transport):
        self.transport = transport
        self.log.append("made")

    def datagram_received(self, data, addr):
        self.log.append(data)
        self.sender = addr
        self.at.append(asyncio.get_running_loop().time())

    def error_received(self, exc):
        self.log.append(type(exc).__name__)

    def connection_lost(self, exc):
        self.log.append("lost" if exc is None else f"lost by {type(exc).__name__}")

    @property
    def name(self):
        return self.transport.get_extra_info("sockname")


async def endpoint(local=("127.0.0.1", 0), remote=None, **options):
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_datagram_endpoint(
        Receiver, local_addr=local, remote_addr=remote, **options
    )
    return protocol


async def close(*endpoints):
    for each in endpoints:
        each.transport.close()
    await settle()


async def boundaries_are_kept():
    one, other = await endpoint(), await endpoint()
    for data in (b"a", b"bc", b"d" * 65_507):
        one.transport.sendto(data, other.name)
    await settle()
    same = other.sender == one.name
    await close(one, other)
    return other.log, same


async def an_answer_on_a_connected_endpoint():
    server = await endpoint()
    client = await endpoint(None, server.name)
    client.transport.sendto(b"question")
    await settle()
    server.transport.sendto(b"answer", server.sender)
    await settle()
    peer = client.transport.get_extra_info("peername") == server.name
    own = client.name == server.sender
    await close(client, server)
    return client.log, server.log, peer, own


async def a_connected_endpoint_hears_nobody_else():
    server, stranger = await endpoint(), await endpoint()
    client = await endpoint(("127.0.0.1", 0), server.name)
    stranger.transport.sendto(b"noise", client.name)
    await settle()
    try:
        client.transport.sendto(b"x", stranger.name)
    except ValueError as error:
        client.log.append(str(error).split(" (")[0])
    await close(client, server, stranger)
    return client.log


async def nobody_listens():
    server = await endpoint()
    client = await endpoint(None, server.name)
    await close(server)
    client.transport.sendto(b"first")
    await settle()
    client.transport.sendto(b"second")
    await settle()
    await close(client)
    return client.log


async def nobody_listens_and_nobody_is_told():
    server, client = await endpoint(), await endpoint()
    await close(server)
    client.transport.sendto(b"lost", server.name)
    await settle()
    await close(client)
    return client.log


async def too_long():
    one, other = await endpoint(), await endpoint()
    one.transport.sendto(bytes(65_508), other.name)
    one.transport.sendto(b"next", other.name)
    await settle()
    await close(one, other)
    return one.log, other.log


async def a_port_in_use():
    one = await endpoint()
    try:
        await endpoint(one.name)
    except OSError as error:
        one.log.append(error.errno)
    tcp = await asyncio.get_running_loop().create_server(asyncio.Protocol, *one.name)
    tcp.close()
    await close(one)
    return one.log


async def a_closed_port_is_free_again():
    one = await endpoint()
    name = one.name
    await close(one)
    again = await endpoint(name)
    await close(again)
    return one.log, again.log


async def after_closing():
    one, other = await endpoint(), await endpoint()
    one.transport.sendto(b"never heard", other.name)
    other.transport.close()
    closing = other.transport.is_closing()
    await settle()
    await close(one)
    return other.log, closing, other.transport.get_write_buffer_size()


async def a_wildcard_hears_loopback():
    server = await endpoint(("0.0.0.0", 0))
    client = await endpoint(None, ("127.0.0.1", server.name[1]))
    client.transport.sendto(b"here")
    await settle()
    server.transport.sendto(b"there", server.sender)
    await settle()
    await close(client, server)
    return server.name[0], server.log, client.log


async def wrong_arguments():
    loop = asyncio.get_running_loop()
    one = await endpoint()
    kinds = []
    for wrong in (
        lambda: loop.create_datagram_endpoint(Receiver),
        lambda: loop.create_datagram_endpoint(Receiver, local_addr="127.0.0.1"),
    ):
        try:
            await wrong()
        except (TypeError, ValueError) as error:
            kinds.append(type(error).__name__)
    try:
        one.transport.sendto("text", one.name)
    except TypeError as error:
        kinds.append(str(error))
    await close(one)
    return kinds


async def a_socket_of_ones_own():
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", 0))
    one = await endpoint(None, sock=sock)
    other = await endpoint()
    other.transport.sendto(b"hello", sock.getsockname())
    await settle()
    await close(one, other)
    return one.log, sock.fileno()


async def what_a_descriptor_shows():
    one, other = await endpoint(), await endpoint()
    poll = select.poll()
    poll.register(other.transport.get_extra_info("socket").fileno(), select.POLLIN)
    shown = [bool(poll.poll(0))]
    other.datagram_received = lambda data, addr: shown.append((data, bool(poll.poll(0))))
    one.transport.sendto(b"first", other.name)
    one.transport.sendto(b"second", other.name)
    await settle()
    await close(one, other)
    return shown


async def an_empty_datagram():
    one, other = await endpoint(), await endpoint()
    one.transport.sendto(b"", other.name)
    await settle()
    await close(one, other)
    return other.log


BODIES = [
    boundaries_are_kept,
    an_answer_on_a_connected_endpoint,
    a_connected_endpoint_hears_nobody_else,
    nobody_listens,
    nobody_listens_and_nobody_is_told,
    too_long,
    a_port_in_use,
    a_closed_port_is_free_again,
    after_closing,
    a_wildcard_hears_loopback,
    wrong_arguments,
    a_socket_of_ones_own,
    what_a_descriptor_shows,
    an_empty_datagram,
]


def observe(body, factory):
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(body())


@pytest.mark.parametrize("body", BODIES)
def test_datagrams_in_memory_go_as_on_loopback(body):
    assert observe(body, SimLoop) == observe(body, asyncio.SelectorEventLoop)


@pytest.fixture
def media(network):
    media = network.host("media.example.com")
    network.link("home", media).towards(media.name).latency = 0.01
    network.link("home", media).towards("home").latency = 0.03
    return media


def test_a_datagram_takes_the_latency_of_its_direction(runner, network, media):
    async def main():
        far = await media.spawn(endpoint(("0.0.0.0", 4000)))
        near = await endpoint(None, ("media.example.com", 4000))
        near.transport.sendto(b"there")
        await asyncio.sleep(0.02)
        far.transport.sendto(b"back", far.sender)
        await asyncio.sleep(1)
        return far.at, near.at, far.sender[0], near.sender

    assert runner.run(main()) == (
        [0.01],
        [0.05],
        network.home.address,
        (media.address, 4000),
    )


def test_a_refusal_comes_back_after_a_round_trip(runner, loop, media):
    async def main():
        near = await endpoint(None, ("media.example.com", 4000))
        near.transport.sendto(b"anybody?")
        while near.log[-1] == "made":
            await asyncio.sleep(0.01)
        return near.log, loop.time()

    assert runner.run(main()) == (["made", "ConnectionRefusedError"], 0.04)


def test_what_does_not_fit_into_the_receive_buffer_is_lost(runner, media):
    async def main():
        far = await media.spawn(endpoint(("0.0.0.0", 4000)))
        near = await endpoint(None, ("media.example.com", 4000))
        for _ in range(10):
            near.transport.sendto(bytes(60_000))
        await asyncio.sleep(1)
        return [len(data) for data in far.log[1:]]

    assert runner.run(main()) == [60_000] * 3


def test_a_name_that_is_not_here_is_refused(runner):
    with pytest.raises(UnknownHostError):
        runner.run(endpoint(None, ("elsewhere.example.com", 4000)))


def test_ports_of_a_machine_are_given_in_turn(runner):
    async def main():
        return [(await endpoint()).name for _ in range(2)]

    assert runner.run(main()) == [("127.0.0.1", 49152), ("127.0.0.1", 49153)]
