"""What asyncio refuses to take, and what it makes of what it takes, on both loops."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl

import pytest

from tests.network.loops import LOOPS, on
from tests.network.observer import Observer


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@LOOPS
@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ({}, "host and port was not specified and no sock specified"),
        ({"host": "localhost", "port": 1, "server_hostname": "x"}, "server_hostname is only"),
        ({"host": "localhost", "port": 1, "ssl_handshake_timeout": 1}, "ssl_handshake_timeout is"),
        ({"host": "localhost", "port": 1, "ssl_shutdown_timeout": 1}, "ssl_shutdown_timeout is"),
        ({"port": 1, "ssl": True}, "You must set server_hostname when using ssl without a host"),
        ({"host": "", "port": 1, "ssl": True}, "You must set server_hostname"),
        ({"host": "localhost", "sock": object()}, "host/port and sock can not be specified"),
    ],
)
def test_a_connection_that_makes_no_sense_is_refused(factory, arguments, refusal):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(ValueError, match=refusal):
            await loop.create_connection(Observer, **arguments)

    on(factory, main)


@LOOPS
@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ({}, "Neither host/port nor sock were specified"),
        ({"port": 0, "ssl_handshake_timeout": 1}, "ssl_handshake_timeout is only meaningful"),
        ({"port": 0, "ssl_shutdown_timeout": 1}, "ssl_shutdown_timeout is only meaningful"),
        ({"port": 0, "sock": object()}, "host/port and sock can not be specified"),
    ],
)
def test_a_server_that_makes_no_sense_is_refused(factory, arguments, refusal):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(ValueError, match=refusal):
            await loop.create_server(Observer, **arguments)

    on(factory, main)


@LOOPS
def test_a_server_takes_a_context_not_a_truth_value_for_tls(factory):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(TypeError, match="ssl argument must be an SSLContext or None"):
            await loop.create_server(Observer, "127.0.0.1", 0, ssl=True)

    on(factory, main)


def test_tls_to_an_address_may_bring_the_name_itself(runner, loop, network):
    network.listen(network.home, 443, Observer)
    context = ssl.create_default_context()

    async def main():
        transport, _ = await loop.create_connection(
            Observer, "", 443, ssl=context, server_hostname="home"
        )
        transport.close()
        return transport.get_extra_info("sslcontext")

    assert runner.run(main()) is context


@LOOPS
def test_a_client_connects_from_the_address_it_chose(factory):
    async def main():
        peer = asyncio.get_running_loop().create_future()

        async def serve(reader, writer):
            peer.set_result(writer.get_extra_info("peername"))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        chosen = ("127.0.0.1", free_port())
        _, writer = await asyncio.open_connection(*address, local_addr=chosen)
        own = writer.get_extra_info("sockname")
        assert own == await peer == chosen
        writer.close()
        await writer.wait_closed()
        server.close()

    on(factory, main)


@LOOPS
def test_a_client_cannot_connect_from_an_address_that_is_taken(factory):
    async def main():
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        with pytest.raises(OSError, match=r"error while attempting to bind on address") as caught:
            await asyncio.open_connection(*address, local_addr=address)
        server.close()
        return caught.value.errno

    assert on(factory, main) == errno.EADDRINUSE


def test_a_client_that_chose_any_address_connects_from_its_own(runner, loop, network):
    network.listen(network.host("server"), 80, Observer)

    async def main():
        transport, _ = await loop.create_connection(
            Observer, "server", 80, local_addr=("0.0.0.0", 5000)
        )
        transport.close()
        return transport.get_extra_info("sockname")

    assert runner.run(main()) == (network.home.address, 5000)


@LOOPS
def test_one_address_named_twice_is_served_once(factory):
    async def main():
        server = await asyncio.start_server(
            lambda reader, writer: None, ["127.0.0.1", "127.0.0.1"], free_port()
        )
        addresses = [sock.getsockname() for sock in server.sockets]
        server.close()
        return len(addresses)

    assert on(factory, main) == 1


@LOOPS
@pytest.mark.parametrize("reuse_port", [None, False, True])
@pytest.mark.parametrize("reuse_address", [None, False, True])
def test_a_server_shows_the_options_it_was_made_with(factory, reuse_port, reuse_address):
    async def main():
        server = await asyncio.start_server(
            lambda reader, writer: None,
            "127.0.0.1",
            0,
            reuse_port=reuse_port,
            reuse_address=reuse_address,
        )
        [sock] = server.sockets
        options = [
            bool(sock.getsockopt(socket.SOL_SOCKET, option))
            for option in (socket.SO_REUSEPORT, socket.SO_REUSEADDR, socket.SO_ERROR)
        ]
        server.close()
        return options

    assert on(factory, main) == [bool(reuse_port), reuse_address is not False, False]


@LOOPS
def test_both_ends_of_a_connection_send_without_delay(factory):
    async def main():
        options = []

        async def serve(reader, writer):
            options.append(no_delay(writer))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await reader.read()
        options.append(no_delay(writer))
        writer.close()
        await writer.wait_closed()
        server.close()
        return options

    def no_delay(writer):
        sock = writer.get_extra_info("socket")
        return bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    assert on(factory, main) == [True, True]


@LOOPS
def test_an_address_can_be_asked_for_in_numbers(factory):
    async def main():
        loop = asyncio.get_running_loop()
        numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
        return await loop.getnameinfo(("127.0.0.1", 80), numeric)

    assert on(factory, main) == ("127.0.0.1", "80")
