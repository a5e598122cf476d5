from __future__ import annotations

import _socket
import asyncio
import socket
import sys
import urllib.request

import pytest

from simkit.kernel import OutsideWorldError

OUTSIDE = ("127.0.0.1", 9)


def inside(runner, function):
    async def main():
        return function()

    return runner.run(main())


@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_a_real_socket_cannot_connect(runner, method):
    def leave():
        with socket.socket() as sock:
            getattr(sock, method)(OUTSIDE)

    with pytest.raises(OutsideWorldError, match=rf"socket\.{method}.* sim\.host\(name\)"):
        inside(runner, leave)


def test_a_real_datagram_is_refused(runner):
    def leave():
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", OUTSIDE)

    with pytest.raises(OutsideWorldError, match=r"socket\.sendto"):
        inside(runner, leave)


def test_a_real_datagram_by_sendmsg_is_refused(runner):
    def leave():
        with (
            socket.socket(type=socket.SOCK_DGRAM) as receiver,
            socket.socket(type=socket.SOCK_DGRAM) as sender,
        ):
            receiver.bind(("127.0.0.1", 0))
            try:
                sender.sendmsg([b"out"], [], 0, receiver.getsockname())
            except OutsideWorldError:
                return "refused"
            return "sent"

    assert inside(runner, leave) == "refused"


def test_a_blocking_client_in_a_worker_stays_in_the_simulation(runner):
    async def main():
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with pytest.raises(OSError, match="Connect call failed") as caught:
            await asyncio.to_thread(opener.open, f"http://{OUTSIDE[0]}:{OUTSIDE[1]}/")
        return caught.value

    assert isinstance(runner.run(main()).reason, ConnectionRefusedError)


def test_a_blocking_lookup_does_not_leave_the_simulation(runner, monkeypatch):
    asked = []

    def resolver(*args):
        asked.append(args[0])
        raise socket.gaierror(socket.EAI_NONAME, "asked the machine")

    monkeypatch.setattr(_socket, "getaddrinfo", resolver)
    with pytest.raises((socket.gaierror, OutsideWorldError)):
        inside(runner, lambda: socket.getaddrinfo("api.example.com", 443))
    assert asked == []


def test_real_sockets_work_again_afterwards(runner):
    inside(runner, lambda: None)
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
    assert "connect" not in socket.socket.__dict__


def test_a_socket_of_the_operating_system_cannot_take_part(runner, loop):
    with socket.socket() as sock, pytest.raises(OutsideWorldError, match="pass host and port"):
        runner.run(loop.create_connection(asyncio.Protocol, sock=sock))


def test_a_librarys_own_socket_lands_in_memory(runner, loop):
    async def main():
        await loop.create_server(asyncio.Protocol, "localhost", 80)
        with socket.socket() as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, ("127.0.0.1", 80))

    runner.run(main())


@pytest.mark.parametrize(
    "start",
    [
        lambda: asyncio.create_subprocess_exec(sys.executable, "-V"),
        lambda: asyncio.create_subprocess_shell("true"),
    ],
)
def test_a_child_process_is_refused(runner, start):
    async def main():
        await start()

    with pytest.raises(OutsideWorldError, match="a child process runs on the machine's clock"):
        runner.run(main())


@pytest.mark.parametrize("method", ["add_reader", "add_writer"])
def test_descriptors_cannot_be_watched(loop, method):
    with pytest.raises(OutsideWorldError, match=rf"loop\.{method} is not possible"):
        getattr(loop, method)(0, print)


def open_datagram(loop):
    return loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))


def open_tcp_server(loop):
    return loop.create_server(asyncio.Protocol, "127.0.0.1", 0)


def open_unix_server(loop):
    return loop.create_unix_server(asyncio.Protocol, "/nowhere")


class RealSocketError(Exception):
    """A socket of the operating system was made."""


@pytest.mark.parametrize("way", [open_datagram, open_tcp_server, open_unix_server])
def test_what_asyncio_opens_needs_no_socket_of_the_operating_system(runner, loop, monkeypatch, way):
    def make_socket(*args, **options):
        raise RealSocketError

    monkeypatch.setattr(socket, "socket", make_socket)
    assert runner.run(way(loop))
