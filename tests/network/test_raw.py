"""Sockets that a program made itself, under the loop's ``sock_*`` methods."""

from __future__ import annotations

import asyncio
import io
import socket
import warnings

import pytest

from simkit.network import SimLoop, UnknownHostError
from tests.network.observer import Observer


async def settle():
    """Let everything under way arrive: a real loop reads a socket once in each pass."""
    for _ in range(5):
        await asyncio.sleep(0.004)


def stream_socket():
    sock = socket.socket()
    sock.setblocking(False)
    return sock


def listening(address=("127.0.0.1", 0)):
    sock = stream_socket()
    sock.bind(address)
    sock.listen()
    return sock


async def both_ends():
    loop = asyncio.get_running_loop()
    server = listening()
    client = stream_socket()
    accepting = asyncio.ensure_future(loop.sock_accept(server))
    await loop.sock_connect(client, server.getsockname())
    accepted, name = await accepting
    assert name == client.getsockname() == accepted.getpeername()
    assert accepted.getsockname() == client.getpeername() == server.getsockname()
    server.close()
    return client, accepted


async def an_echo():
    loop = asyncio.get_running_loop()
    client, accepted = await both_ends()
    with client, accepted:
        await loop.sock_sendall(client, b"question")
        question = await loop.sock_recv(accepted, 3), await loop.sock_recv(accepted, 100)
        reading = asyncio.ensure_future(loop.sock_recv(client, 100))
        await settle()
        await loop.sock_sendall(accepted, b"answer")
        return question, await reading, accepted.gettimeout()


async def reading_into_a_buffer():
    loop = asyncio.get_running_loop()
    client, accepted = await both_ends()
    with client, accepted:
        buffer = bytearray(5)
        await loop.sock_sendall(client, memoryview(b"0123456"))
        await settle()
        sizes = [await loop.sock_recv_into(accepted, buffer) for _ in range(2)]
        return sizes, bytes(buffer)


async def more_than_the_window_holds():
    loop = asyncio.get_running_loop()
    client, accepted = await both_ends()
    with client, accepted:
        sending = asyncio.ensure_future(loop.sock_sendall(client, bytes(20_000_000)))
        await settle()
        waited = not sending.done()
        total = 0
        while total < 20_000_000:
            total += len(await loop.sock_recv(accepted, 1_000_000))
        await sending
        return waited, total


async def an_end():
    loop = asyncio.get_running_loop()
    client, accepted = await both_ends()
    with client, accepted:
        await loop.sock_sendall(client, b"last")
        client.shutdown(socket.SHUT_WR)
        read = [await loop.sock_recv(accepted, 100) for _ in range(3)]
        await loop.sock_sendall(accepted, b"answer")
        accepted.close()
        return read, [await loop.sock_recv(client, 100) for _ in range(3)]


async def a_reset():
    loop = asyncio.get_running_loop()
    client, accepted = await both_ends()
    with client, accepted:
        await loop.sock_sendall(client, b"never read")
        await settle()
        accepted.close()
        await settle()
        return await failure(loop.sock_recv(client, 100))


async def writing_to_a_closed_peer():
    loop = asyncio.get_running_loop()
    client, accepted = await both_ends()
    with client, accepted:
        accepted.close()
        await loop.sock_sendall(client, b"first")
        await settle()
        return await failure(loop.sock_sendall(client, b"second"))


async def a_refusal():
    server = listening()
    address = server.getsockname()
    server.close()
    with stream_socket() as client:
        return await failure(asyncio.get_running_loop().sock_connect(client, address))


async def nothing_to_do_yet():
    client, accepted = await both_ends()
    with client, accepted, listening() as server, stream_socket() as fresh:
        failures = []
        for call in (lambda: client.recv(1), server.accept, fresh.getpeername):
            try:
                call()
            except OSError as error:
                failures.append(type(error).__name__)
        return failures


async def a_cancelled_read_takes_nothing():
    loop = asyncio.get_running_loop()
    client, accepted = await both_ends()
    with client, accepted:
        reading = asyncio.ensure_future(loop.sock_recv(client, 100))
        await settle()
        reading.cancel()
        await settle()
        await loop.sock_sendall(accepted, b"kept")
        return await loop.sock_recv(client, 100)


async def a_file():
    loop = asyncio.get_running_loop()
    client, accepted = await both_ends()
    with client, accepted:
        sent = await loop.sock_sendfile(client, io.BytesIO(b"0123456789"), 2, 5)
        return sent, await loop.sock_recv(accepted, 100)


async def a_connected_socket_given_to_create_connection():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Greeter, "127.0.0.1", 0)
    sock = stream_socket()
    await loop.sock_connect(sock, server.sockets[0].getsockname())
    await settle()
    transport, protocol = await loop.create_connection(Observer, sock=sock)
    own = transport.get_extra_info("sockname") == sock.getsockname()
    transport.write(b"bye")
    await settle()
    closed = sock.fileno() == -1
    server.close()
    return own, protocol.log, closed


async def an_accepted_socket_given_a_transport():
    loop = asyncio.get_running_loop()
    client, accepted = await both_ends()
    with client:
        _, protocol = await loop.connect_accepted_socket(Observer, accepted)
        await loop.sock_sendall(client, b"hello")
        await settle()
        client.close()
        await settle()
        return protocol.log


async def a_server_on_a_bound_socket():
    loop = asyncio.get_running_loop()
    sock = stream_socket()
    sock.bind(("127.0.0.1", 0))
    server = await loop.create_server(Greeter, sock=sock)
    same = server.sockets[0].getsockname() == sock.getsockname()
    transport, protocol = await loop.create_connection(Observer, *sock.getsockname())
    await settle()
    transport.close()
    await settle()
    server.close()
    await settle()
    return same, protocol.log, sock.fileno()


async def a_server_on_a_listening_socket_gets_who_came_before():
    loop = asyncio.get_running_loop()
    with listening() as sock, stream_socket() as client:
        await loop.sock_connect(client, sock.getsockname())
        await settle()
        server = await loop.create_server(Greeter, sock=sock)
        greeting = await loop.sock_recv(client, 100)
        server.close()
        return greeting


async def datagrams_on_sockets_of_ones_own():
    loop = asyncio.get_running_loop()
    with datagram_socket() as one, datagram_socket() as other:
        for sock in (one, other):
            sock.bind(("127.0.0.1", 0))
        sent = await loop.sock_sendto(one, b"first", other.getsockname())
        await loop.sock_sendto(one, b"second", other.getsockname())
        data, sender = await loop.sock_recvfrom(other, 3)
        buffer = bytearray(10)
        size, _ = await loop.sock_recvfrom_into(other, buffer)
        return sent, data, sender == one.getsockname(), size, bytes(buffer)


async def a_forgotten_socket():
    loop = asyncio.get_running_loop()
    client, accepted = await both_ends()
    with client:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            del accepted
            await settle()
        return await loop.sock_recv(client, 100)


class Greeter(asyncio.Protocol):
    """Says hello, and hangs up when answered."""

    def connection_made(self, transport):
        self.transport = transport
        transport.write(b"hello")

    def data_received(self, data):
        self.transport.close()


def datagram_socket():
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.setblocking(False)
    return sock


async def failure(coro):
    try:
        await coro
    except OSError as error:
        return type(error).__name__
    return None


BODIES = [
    an_echo,
    reading_into_a_buffer,
    more_than_the_window_holds,
    an_end,
    a_reset,
    writing_to_a_closed_peer,
    a_refusal,
    nothing_to_do_yet,
    a_cancelled_read_takes_nothing,
    a_file,
    a_connected_socket_given_to_create_connection,
    an_accepted_socket_given_a_transport,
    a_server_on_a_bound_socket,
    a_server_on_a_listening_socket_gets_who_came_before,
    datagrams_on_sockets_of_ones_own,
    a_forgotten_socket,
]


def observe(body, factory):
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(body())


@pytest.mark.parametrize("body", BODIES)
def test_a_socket_in_memory_behaves_as_on_loopback(body):
    assert observe(body, SimLoop) == observe(body, asyncio.SelectorEventLoop)


def test_connecting_takes_one_round_trip_of_the_link(runner, loop, network):
    network.link("home", network.host("far.example.com")).latency = 0.03

    async def main():
        await network.host("far.example.com").spawn(loop.create_server(Observer, "0.0.0.0", 80))
        with stream_socket() as sock:
            await loop.sock_connect(sock, ("far.example.com", 80))
            return loop.time(), sock.getpeername()[1]

    assert runner.run(main()) == (0.06, 80)


def test_a_socket_connects_once(runner, loop):
    async def main():
        client, accepted = await both_ends()
        with client, accepted:
            await loop.sock_connect(client, client.getpeername())

    with pytest.raises(OSError, match="already connected"):
        runner.run(main())


def test_a_name_that_is_not_here_is_refused(runner, loop):
    with stream_socket() as sock, pytest.raises(UnknownHostError):
        runner.run(loop.sock_connect(sock, ("elsewhere.example.com", 80)))
