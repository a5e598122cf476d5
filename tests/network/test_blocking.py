"""Blocking sockets in worker threads: as on loopback, and at virtual instants."""

from __future__ import annotations

import asyncio
import errno
import select
import socket
import threading
import time

import pytest

from simkit.kernel import OutsideWorldError
from simkit.network import SimLoop


async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def served(body, handler=echo):
    """Run ``body(port)`` in a thread, with a server that an asyncio program has."""
    served = []

    async def serve(reader, writer):
        served.append(asyncio.current_task())
        await handler(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        return await asyncio.to_thread(body, server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await asyncio.gather(*served)
        await server.wait_closed()


def conversation(port):
    seen = []
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        seen.append(sock.getpeername() == ("127.0.0.1", port))
        sock.sendall(b"question")
        seen.append(sock.recv(3))
        buffer = bytearray(16)
        seen.append((sock.recv_into(buffer), bytes(buffer)))
        sock.shutdown(socket.SHUT_WR)
        seen.append(sock.recv(10))
        with pytest.raises(BrokenPipeError) as caught:
            sock.send(b"more")
        seen.append(caught.value.errno)
    return seen


def lines(port):
    with socket.create_connection(("127.0.0.1", port)) as sock, sock.makefile("rwb") as file:
        file.write(b"one\ntwo\n")
        file.flush()
        return [file.readline(), file.readline()]


def a_megabyte(port):
    data = bytes(range(256)) * 4096
    with socket.create_connection(("127.0.0.1", port)) as sock:
        received = bytearray()
        for at in range(0, len(data), 65536):
            sock.sendall(data[at : at + 65536])
            while len(received) < at + 65536:
                received += sock.recv(65536)
    return bytes(received) == data


def time_runs_out(port):
    with socket.create_connection(("127.0.0.1", port), timeout=0.05) as sock:
        with pytest.raises(TimeoutError, match="timed out"):
            sock.recv(1)
        sock.setblocking(False)
        with pytest.raises(BlockingIOError) as caught:
            sock.recv(1)
        sock.setblocking(True)
        sock.sendall(b"late")
        return caught.value.errno, sock.recv(4)


def what_is_ready(port):
    with socket.create_connection(("127.0.0.1", port)) as sock:
        seen = [select.select([sock], [sock], [], 0) == ([], [sock], [])]
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        seen.append(poll.poll(10))
        sock.sendall(b"x")
        seen.append([bits for _, bits in poll.poll(5000)])
        seen.append(select.select([sock.fileno()], [], []) == ([sock.fileno()], [], []))
        seen.append(sock.recv(1))
        poll.modify(sock, select.POLLIN | select.POLLOUT)
        seen.append([bits for _, bits in poll.poll(0)])
        poll.unregister(sock)
        seen.append(poll.poll(0))
        return seen


def looks_after_a_sleep(port):
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"xy")
        time.sleep(0.05)
        seen = [select.select([sock], [], [], 0) == ([sock], [], [])]
        sock.setblocking(False)
        seen.append(sock.recv(1))
        sock.send(b"z")
        sock.recv(1)
        time.sleep(0.05)
        return [*seen, sock.recv(1)]


def a_server_of_its_own(port):
    seen = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        with pytest.raises(TimeoutError):
            server.accept()
        with socket.create_connection(server.getsockname()) as client:
            seen.append(select.select([server], [], [], 5) == ([server], [], []))
            accepted, name = server.accept()
            with accepted:
                seen.append(name == client.getsockname())
                seen.append(accepted.gettimeout())
                client.sendall(b"hello")
                seen.append(accepted.recv(5))
    return seen


def datagrams(port):
    with (
        socket.socket(type=socket.SOCK_DGRAM) as receiver,
        socket.socket(type=socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        sender.bind(("127.0.0.1", 0))
        sender.sendto(b"one", receiver.getsockname())
        data, name = receiver.recvfrom(10)
        receiver.settimeout(0.05)
        with pytest.raises(TimeoutError):
            receiver.recvfrom(10)
        return data, name == sender.getsockname()


def nobody_listens(port):
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()
    with pytest.raises(ConnectionRefusedError) as caught:
        socket.create_connection(free)
    with socket.socket() as sock:
        codes = [sock.connect_ex(free), sock.connect_ex(("127.0.0.1", port))]
        sock.sendall(b"x")
        return caught.value.errno, codes, sock.recv(1)


BODIES = [
    conversation,
    lines,
    a_megabyte,
    time_runs_out,
    what_is_ready,
    looks_after_a_sleep,
    a_server_of_its_own,
    datagrams,
    nobody_listens,
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_a_blocking_program_sees_what_it_sees_on_loopback(body):
    results = []
    for factory in (SimLoop, asyncio.SelectorEventLoop):
        with asyncio.Runner(loop_factory=factory) as runner:
            results.append(runner.run(served(body)))
    assert results[0] == results[1]


async def count(reader, writer):
    writer.write(b"%d" % len(await reader.read(-1)))
    writer.close()
    await writer.wait_closed()


def a_megabyte_at_once(port):
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(bytes(1 << 20))
        sock.shutdown(socket.SHUT_WR)
        return sock.recv(20)


@pytest.mark.parametrize("factory", [SimLoop, asyncio.SelectorEventLoop])
def test_sending_everything_waits_for_room(factory):
    with asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(served(a_megabyte_at_once, count)) == b"1048576"


def test_waiting_takes_virtual_time_and_stalls_nobody(runner, loop):
    async def slowly(reader, writer):
        await reader.read(1)
        await asyncio.sleep(30)
        writer.write(b"at last")
        writer.close()
        await writer.wait_closed()

    def body(port):
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(b"?")
            return sock.recv(10), loop.calendar.now_ns

    async def main():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(1)
                ticks += 1

        ticking = asyncio.create_task(tick())
        result = await served(body, slowly)
        ticking.cancel()
        return result, ticks

    (data, now_ns), ticks = runner.run(main())
    assert data == b"at last"
    assert now_ns // 10**9 == 30
    assert ticks in (29, 30)


def test_names_are_those_of_the_simulation(runner, network):
    far = network.host("far.example.com")

    async def main():
        def ask():
            infos = socket.getaddrinfo("far.example.com", 443, type=socket.SOCK_STREAM)
            return (
                infos[0],
                socket.gethostbyname("far.example.com"),
                socket.gethostbyname_ex("far.example.com"),
            )

        return await asyncio.to_thread(ask)

    info, address, everything = runner.run(main())
    assert info == (socket.AF_INET, socket.SOCK_STREAM, 6, "", (far.address, 443))
    assert address == far.address
    assert everything == ("far.example.com", [], [far.address])


def test_an_unknown_name_is_no_name(runner):
    async def main():
        with pytest.raises(socket.gaierror, match="not part of this simulation"):
            await asyncio.to_thread(socket.create_connection, ("elsewhere.example.com", 80))

    runner.run(main())


def test_a_thread_of_the_program_may_block_too(runner):
    async def main():
        read = []

        def body(port):
            thread = threading.Thread(target=lambda: read.append(lines(port)))
            thread.start()
            thread.join()
            return read

        return await served(body)

    assert runner.run(main()) == [[b"one\n", b"two\n"]]


def test_in_the_loops_own_thread_it_is_refused(runner):
    async def main():
        with (
            socket.socket() as sock,
            pytest.raises(OutsideWorldError, match=r"asyncio\.to_thread"),
        ):
            sock.connect(("127.0.0.1", 80))

    runner.run(main())


def test_connecting_without_blocking_is_refused_in_a_thread(runner):
    def body(port):
        with socket.socket() as sock:
            sock.setblocking(False)
            with pytest.raises(OutsideWorldError, match="let it block in a thread"):
                sock.connect(("127.0.0.1", port))
            with pytest.raises(OutsideWorldError):
                sock.connect_ex(("127.0.0.1", port))

    runner.run(served(body))


def test_connecting_gives_up_when_its_time_is_up(runner, network):
    far = network.host("far.example.com")
    network.link("home", far).unanswered = True

    def body():
        with pytest.raises(TimeoutError):
            socket.create_connection(("far.example.com", 80), timeout=2)
        with socket.socket() as sock:
            sock.settimeout(1)
            return sock.connect_ex((far.address, 80))

    async def main():
        return await asyncio.to_thread(body), asyncio.get_running_loop().time()

    code, now = runner.run(main())
    assert code == errno.EAGAIN
    assert now == pytest.approx(3)


def test_what_is_not_in_memory_is_polled_for_real(runner):
    def body():
        here, there = socket.socketpair()
        with here, there:
            poll = select.poll()
            poll.register(here, select.POLLIN)
            before = poll.poll(0)
            there.send(b"x")
            poll.modify(here, select.POLLIN)
            after = poll.poll(0) == [(here.fileno(), select.POLLIN)]
            poll.unregister(here)
            return before, after, select.select([here], [], [], 0) == ([here], [], [])

    async def main():
        return await asyncio.to_thread(body)

    assert runner.run(main()) == ([], True, True)
