"""What becomes of a program's own socket inside a simulation."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

import pytest
import uvicorn

from simkit.kernel import OutsideWorldError
from simkit.network import SimLoop
from tests.network.test_raw import (
    Greeter,
    a_connected_socket_given_to_create_connection,
    a_refusal,
    an_echo,
    failure,
    listening,
    observe,
    settle,
    stream_socket,
)


def test_a_port_of_the_programs_own_socket_is_the_simulations(runner, network):
    async def main():
        with socket.socket() as one, socket.socket() as other:
            one.bind(("", 443))
            one.listen()
            other.bind(("", 0))
            with pytest.raises(OSError, match="address already in use"), socket.socket() as third:
                third.bind(("", 443))
            return other.getsockname()

    assert runner.run(main()) == ("0.0.0.0", 49152)


def test_each_machine_has_its_own_ports(runner, network):
    async def serve():
        return listening(("0.0.0.0", 8000))

    async def main():
        here = await serve()
        there = await network.host("other").spawn(serve())
        with here, there:
            return here.getsockname() == there.getsockname()

    assert runner.run(main())


def test_a_socket_that_was_bound_before_the_simulation_keeps_its_address(runner, loop):
    async def main(sock):
        await loop.create_server(Greeter, sock=sock)
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        greeting = await reader.read(100)
        writer.close()
        return greeting

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        assert runner.run(main(sock)) == b"hello"


def test_a_socket_that_leads_outside_is_refused(runner, loop):
    with socket.create_server(("127.0.0.1", 0)) as server, stream_socket() as sock:
        with contextlib.suppress(BlockingIOError):
            sock.connect(server.getsockname())
        with pytest.raises(OutsideWorldError, match="leads out of the simulation"):
            runner.run(loop.sock_recv(sock, 100))


def test_a_call_that_would_block_the_thread_is_refused(runner):
    async def main():
        with socket.socket() as server:
            server.bind(("", 80))
            server.listen()
            server.accept()

    with pytest.raises(OutsideWorldError, match=r"would block the loop's own thread.*sock_accept"):
        runner.run(main())


def test_debug_mode_asks_for_non_blocking_sockets(runner, loop):
    loop.set_debug(True)
    with socket.socket() as sock, pytest.raises(ValueError, match="must be non-blocking"):
        runner.run(loop.sock_recv(sock, 100))


def test_a_subclass_of_socket_stays_one(runner, loop):
    class Labelled(socket.socket):
        label = "mine"

    async def main():
        server = listening()
        with server, Labelled() as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, server.getsockname())
            return isinstance(sock, Labelled), sock.label, sock.getpeername()[0]

    assert runner.run(main()) == (True, "mine", "127.0.0.1")


def test_closing_a_listening_socket_turns_away_who_waits(runner, loop):
    async def main():
        server = listening()
        with stream_socket() as client:
            await loop.sock_connect(client, server.getsockname())
            await settle()
            server.close()
            return await failure(loop.sock_recv(client, 100))

    assert runner.run(main()) == "ConnectionResetError"


def test_uvicorn_serves_on_a_socket_that_it_bound_itself(runner, loop):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def main():
        config = uvicorn.Config(app, host="0.0.0.0", port=80, lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext
        serving = asyncio.ensure_future(server.serve(sockets=[config.bind_socket()]))
        await asyncio.sleep(1)
        reader, writer = await asyncio.open_connection("localhost", 80)
        writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        answer = await reader.readline()
        writer.close()
        server.should_exit = True
        await serving
        return answer

    assert runner.run(main()) == b"HTTP/1.1 204 No Content\r\n"


def test_sockets_leave_no_descriptor_behind():
    before = len(os.listdir("/proc/self/fd"))
    for body in (an_echo, a_connected_socket_given_to_create_connection, a_refusal):
        observe(body, SimLoop)
    assert len(os.listdir("/proc/self/fd")) == before
