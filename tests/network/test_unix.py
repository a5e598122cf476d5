"""Unix sockets, in memory and of the machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from pathlib import Path

import pytest

from simkit.network import SimLoop
from tests.network.observer import Observer


async def settle():
    """Let everything under way arrive: a real loop reads a socket once in each pass."""
    for _ in range(5):
        await asyncio.sleep(0.004)


async def echo(reader, writer):
    while data := await reader.read(1000):
        writer.write(data.upper())
    writer.close()


async def ask(path, question=b"question"):
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(question)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


async def failure(coro):
    try:
        return await coro
    except OSError as error:
        return type(error).__name__


async def an_echo(path):
    server = await asyncio.start_unix_server(echo, path)
    answer = await ask(path)
    server.close()
    await settle()
    return answer


async def paths_of_every_kind(path):
    answers = []
    for made in (path, os.fsencode(path), Path(path)):
        server = await asyncio.start_unix_server(echo, made)
        answers += [await ask(asked) for asked in (path, os.fsencode(path), Path(path))]
        server.close()
        await settle()
    return answers


async def what_both_ends_know_of_each_other(path):
    loop = asyncio.get_running_loop()
    accepted = Observer()
    server = await loop.create_unix_server(lambda: accepted, path)
    transport, protocol = await loop.create_unix_connection(Observer, path)
    await settle()
    known = [
        (
            end.get_extra_info("sockname") in ("", path) and end.get_extra_info("sockname") != "",
            end.get_extra_info("peername"),
            end.get_extra_info("socket").family,
        )
        for end in (transport, accepted.transport)
    ]
    transport.write(b"hello")
    transport.close()
    await settle()
    names = [sock.getsockname() for sock in server.sockets]
    server.close()
    return known[0][1] == path, known[1], names == [path], protocol.log, accepted.log


async def a_missing_path(path):
    return await failure(ask(path))


async def nobody_listens_any_more(path):
    options = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
    server = await asyncio.start_unix_server(echo, path, **options)
    server.close()
    await settle()
    return await failure(ask(path))


async def a_server_that_removes_its_path(path):
    server = await asyncio.start_unix_server(echo, path)
    server.close()
    await settle()
    return await failure(ask(path))


async def a_server_that_takes_over(path):
    first = await asyncio.start_unix_server(echo, path)
    first.close()
    await settle()
    second = await asyncio.start_unix_server(echo, path)
    answer = await ask(path)
    second.close()
    await settle()
    return answer


async def sockets_of_ones_own(path):
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        for sock in (server, client):
            sock.setblocking(False)
        server.bind(path)
        server.listen()
        await loop.sock_connect(client, path)
        accepted, name = await loop.sock_accept(server)
        with accepted:
            await loop.sock_sendall(client, b"hello")
            names = name, client.getpeername() == path, accepted.getsockname() == path
            return names, await loop.sock_recv(accepted, 100)


async def a_server_on_a_socket_of_ones_own(path):
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as sock:
        sock.bind(path)
        server = await asyncio.start_unix_server(echo, sock=sock)
        answer = await ask(path)
        server.close()
        await settle()
        return answer


async def wrong_arguments(path):
    loop = asyncio.get_running_loop()
    errors = []
    for wrong in (
        lambda: loop.create_unix_connection(Observer),
        lambda: loop.create_unix_connection(Observer, path, ssl=True),
        lambda: loop.create_unix_connection(Observer, path, server_hostname="x"),
        lambda: loop.create_unix_server(Observer),
        lambda: loop.create_unix_server(Observer, path, ssl=True),
    ):
        try:
            await wrong()
        except (TypeError, ValueError) as error:
            errors.append(str(error))
    return errors


BODIES = [
    an_echo,
    paths_of_every_kind,
    what_both_ends_know_of_each_other,
    a_missing_path,
    nobody_listens_any_more,
    a_server_that_removes_its_path,
    a_server_that_takes_over,
    sockets_of_ones_own,
    a_server_on_a_socket_of_ones_own,
    wrong_arguments,
]


def observe(body, factory, path):
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(body(path))


@pytest.mark.parametrize("body", BODIES)
def test_a_unix_socket_in_memory_behaves_as_the_machines(body, tmp_path):
    paths = [str(tmp_path / name) for name in ("simulated", "real")]
    assert observe(body, SimLoop, paths[0]) == observe(body, asyncio.SelectorEventLoop, paths[1])
    assert not os.path.exists(paths[0])


def test_an_abstract_name(runner):
    async def main():
        before = await failure(ask("\0app"))
        server = await asyncio.start_unix_server(echo, "\0app")
        with pytest.raises(OSError, match="already in use"):
            await asyncio.start_unix_server(echo, "\0app")
        answer = await ask("\0app")
        server.close()
        return before, answer, await failure(ask("\0app"))

    assert runner.run(main()) == ("ConnectionRefusedError", b"QUESTION", "ConnectionRefusedError")


def test_each_machine_has_its_own_paths(runner, network):
    async def main():
        other = network.host("other")
        await other.spawn(asyncio.start_unix_server(echo, "/run/app.sock"))
        return await failure(ask("/run/app.sock")), await other.spawn(ask("/run/app.sock"))

    assert runner.run(main()) == ("FileNotFoundError", b"QUESTION")


def test_within_a_machine_nothing_takes_time(runner, loop):
    async def main():
        await asyncio.start_unix_server(echo, "/run/app.sock")
        await ask("/run/app.sock")
        return loop.time()

    assert runner.run(main()) == 0
