"""Ports of servers that do not serve yet, on the simulated network and on loopback."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.network.loops import LOOPS, on
from tests.network.observer import Observer


async def reserve(port=0, **options):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        Observer, "127.0.0.1", port, start_serving=False, **options
    )  # fmt: skip
    return server, server.sockets[0].getsockname()[1]


async def closed(*servers):
    for server in servers:
        server.close()
    await asyncio.sleep(0.004)


async def connects(port):
    try:
        transport, _ = await asyncio.get_running_loop().create_connection(
            Observer, "127.0.0.1", port
        )
    except ConnectionRefusedError:
        return False
    transport.abort()
    return True


async def errno_of(awaitable):
    try:
        await awaitable
    except OSError as error:
        return error.errno
    return 0


@LOOPS
def test_connections_are_refused_until_serving_starts(factory):
    async def main():
        server, port = await reserve()
        found = [server.is_serving(), await connects(port)]
        await server.start_serving()
        found += [server.is_serving(), await connects(port)]
        await closed(server)
        return [*found, await connects(port)]

    assert on(factory, main) == [False, False, True, True, False]


@LOOPS
def test_a_reserved_port_is_in_use_for_a_plain_socket(factory):
    async def main():
        server, port = await reserve()
        with socket.socket() as sock:
            with pytest.raises(OSError, match="in use") as caught:
                sock.bind(("127.0.0.1", port))
            await closed(server)
            sock.bind(("127.0.0.1", port))  # it was given back
        return caught.value.errno

    assert on(factory, main) == 98


@LOOPS
@pytest.mark.parametrize(
    ("first", "second"), [(False, False), (False, None), (None, False), (True, False)]
)
def test_a_reserved_port_is_in_use_unless_both_servers_share_addresses(factory, first, second):
    async def main():
        server, port = await reserve(reuse_address=first)
        found = await errno_of(reserve(port, reuse_address=second))
        await closed(server)
        return found

    assert on(factory, main) == 98


@LOOPS
def test_of_two_servers_that_share_a_port_the_first_to_serve_has_it(factory):
    async def main():
        # SO_REUSEADDR, which asyncio sets, lets both be bound, and one of them listen.
        first, port = await reserve()
        second, _ = await reserve(port)
        await second.start_serving()
        found = [await errno_of(first.start_serving()), await connects(port)]
        found.append(await errno_of(reserve(port)))
        await closed(second)
        found.append(await connects(port))
        await closed(first)
        return found

    assert on(factory, main) == [98, True, 98, False]


@LOOPS
def test_a_server_that_never_served_gives_its_port_back(factory):
    async def main():
        server, port = await reserve(reuse_address=False)
        await closed(server)
        again, _ = await reserve(port, reuse_address=False)
        await closed(again)

    on(factory, main)


@LOOPS
def test_a_server_on_two_addresses_takes_both_or_none(factory):
    async def main():
        loop = asyncio.get_running_loop()
        with socket.socket() as other:
            other.bind(("127.0.0.2" if factory is None else "127.0.0.1", 0))
            taken = other.getsockname()
            free = "127.0.0.1" if factory is None else loop.network.home.address
            with pytest.raises(OSError, match="in use"):
                await loop.create_server(Observer, [free, taken[0]], taken[1])
            server = await loop.create_server(Observer, free, taken[1])
            await closed(server)

    on(factory, main)


@LOOPS
def test_two_sockets_of_a_program_share_a_port_until_one_listens(factory):
    async def main():
        with socket.socket() as first, socket.socket() as second:
            for sock in (first, second):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            first.bind(("127.0.0.1", 0))
            second.bind(first.getsockname())
            first.listen()
            with pytest.raises(OSError, match="in use") as caught:
                second.listen()
        return caught.value.errno

    assert on(factory, main) == 98


@LOOPS
def test_a_client_holds_the_port_that_it_chose(factory):
    async def main():
        server, port = await reserve()
        await server.start_serving()
        transport, _ = await asyncio.get_running_loop().create_connection(
            Observer, "127.0.0.1", port, local_addr=("127.0.0.1", 0)
        )
        own = transport.get_extra_info("sockname")[1]
        found = await errno_of(reserve(own, reuse_address=False))
        transport.abort()
        await closed(server)
        return found

    assert on(factory, main) == 98
