from __future__ import annotations

import asyncio
import gc
import os
import select
import socket

import pytest

from simkit.network import SimLoop
from simkit.network.sockets import SimSocket
from tests.network.observer import Patient, connected


def open_descriptors() -> int:
    gc.collect()  # what earlier tests have left
    return len(os.listdir("/dev/fd"))


def readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def test_a_socket_knows_its_addresses_and_kind():
    sock = SimSocket(("10.0.0.1", 5000), ("10.0.0.2", 80))
    assert sock.getsockname() == ("10.0.0.1", 5000)
    assert sock.getpeername() == ("10.0.0.2", 80)
    assert (sock.family, sock.type, sock.proto) == (
        socket.AF_INET,
        socket.SOCK_STREAM,
        socket.IPPROTO_TCP,
    )
    assert repr(sock) == "<SimSocket ('10.0.0.1', 5000) > ('10.0.0.2', 80)>"


def test_a_listening_socket_has_no_peer():
    with pytest.raises(OSError, match="not connected") as caught:
        SimSocket(("10.0.0.1", 80)).getpeername()
    assert caught.value.errno == 107


def test_options_are_remembered():
    sock = SimSocket(("10.0.0.1", 80))
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setblocking(False)
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    assert sock.gettimeout() == 0.0


def test_a_socket_has_the_face_of_asyncios_transport_socket():
    face = {name for name in dir(asyncio.trsock.TransportSocket) if not name.startswith("_")}
    # getsockbyname is a slip of asyncio's: no socket has it.
    assert face - {"getsockbyname"} <= set(dir(SimSocket))


def test_a_descriptor_is_made_only_when_asked_for():
    before = open_descriptors()
    sock = SimSocket(("10.0.0.1", 80))
    assert open_descriptors() == before
    assert isinstance(sock.fileno(), int)
    assert sock.fileno() == sock.fileno()
    sock.close()
    assert sock.fileno() == -1
    assert open_descriptors() == before


def test_the_descriptor_polls_readable_exactly_while_data_waits(runner):
    async def main():
        pair = await connected()
        transport = pair.server.transport
        descriptor = transport.get_extra_info("socket").fileno()
        seen = [readable(descriptor)]
        transport.pause_reading()
        for _ in range(2):
            pair.client.transport.write(b"data")
            await asyncio.sleep(1)
            seen.append(readable(descriptor))
        transport.resume_reading()
        await asyncio.sleep(1)
        seen.append(readable(descriptor))
        pair.client.transport.write(b"read at once")
        await asyncio.sleep(1)
        seen.append(readable(descriptor))
        transport.pause_reading()
        pair.client.transport.write(b"data")
        await asyncio.sleep(1)
        seen.append(readable(descriptor))
        return seen

    assert runner.run(main()) == [False, True, True, False, False, True]


def test_a_descriptor_asked_for_late_knows_what_already_waits(runner):
    async def main():
        pair = await connected()
        pair.server.transport.pause_reading()
        pair.client.transport.write(b"data")
        await asyncio.sleep(1)
        return readable(pair.server.transport.get_extra_info("socket").fileno())

    assert runner.run(main())


@pytest.mark.parametrize("how", ["close", "abort"])
def test_the_end_of_an_idle_connection_polls_readable(runner, how):
    async def main():
        pair = await connected(Patient)
        pair.client.transport.pause_reading()
        descriptor = pair.client.transport.get_extra_info("socket").fileno()
        before = readable(descriptor)
        getattr(pair.server.transport, how)()
        await asyncio.sleep(1)
        return before, readable(descriptor)

    assert runner.run(main()) == (False, True)


@pytest.mark.parametrize("asked", ["before", "after"])
def test_an_end_that_was_read_polls_readable_ever_after(runner, asked):
    async def main():
        pair = await connected(Patient)
        sock = pair.client.transport.get_extra_info("socket")
        if asked == "before":
            sock.fileno()
        pair.server.transport.close()
        await asyncio.sleep(1)
        return pair.client.log, readable(sock.fileno())

    assert runner.run(main()) == (["made", "eof"], True)


def test_closing_a_connection_closes_its_descriptor(runner):
    async def main():
        before = open_descriptors()
        pair = await connected()
        for end in (pair.client, pair.server):
            end.transport.get_extra_info("socket").fileno()
        during = open_descriptors()
        pair.client.transport.close()
        await asyncio.sleep(1)
        sock = pair.client.transport.get_extra_info("socket")
        return during - before, open_descriptors() - before, sock.fileno()

    assert runner.run(main()) == (4, 0, -1)


def test_a_connection_left_open_leaks_no_descriptor_once_its_loop_is_gone():
    async def main():
        pair = await connected()
        pair.client.transport.get_extra_info("socket").fileno()

    before = open_descriptors()
    with asyncio.Runner(loop_factory=SimLoop) as runner:
        runner.run(main())
    assert open_descriptors() == before
