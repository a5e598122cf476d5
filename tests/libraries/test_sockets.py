"""asyncio's network interface: streams, TLS that starts late, datagrams, Unix sockets, sockets."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.libraries.serving import NAME

CHUNK = 65_536


async def closed(writer):
    writer.close()
    await writer.wait_closed()


async def test_streams_echo_line_by_line(sim, bridge):
    async def echo(reader, writer):
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
        await closed(writer)

    async def main():
        async with await asyncio.start_server(echo, "0.0.0.0", 7000) as server:
            await server.serve_forever()

    bridge.serve(main)
    reader, writer = await asyncio.open_connection(NAME, 7000)
    assert sim.now == 0.02
    writer.write(b"one\n")
    assert await reader.readline() == b"ONE\n"
    writer.writelines([b"two\n", b"three\n"])
    assert [await reader.readline(), await reader.readline()] == [b"TWO\n", b"THREE\n"]
    assert sim.now == 0.06
    assert writer.get_extra_info("peername") == (bridge.address, 7000)
    await closed(writer)


async def test_a_half_closed_connection_still_carries_the_answer(sim, bridge):
    async def count(reader, writer):
        question = await reader.read()  # until the client has closed its direction
        await asyncio.sleep(60)
        writer.write(f"{len(question)} bytes".encode())
        await closed(writer)

    await bridge.spawn(asyncio.start_server(count, "0.0.0.0", 7000))
    reader, writer = await asyncio.open_connection(NAME, 7000)
    writer.write(b"x" * 100_000)
    assert writer.can_write_eof()
    writer.write_eof()
    assert await reader.read() == b"100000 bytes"
    # A round trip to connect, the question, a minute, the answer.
    assert sim.now == pytest.approx(60.04, abs=0.05)
    await closed(writer)


async def test_a_writer_waits_as_long_as_its_peer_does_not_read(sim, bridge):
    async def read_late(reader, writer):
        writer.transport.pause_reading()
        await asyncio.sleep(3600)
        writer.transport.resume_reading()
        received.append(len(await reader.read()))
        await closed(writer)

    async def write_on(writer):
        while True:
            writer.write(bytes(CHUNK))
            sent.append(CHUNK)
            await writer.drain()

    sent, received = [], []
    await bridge.spawn(asyncio.start_server(read_late, "0.0.0.0", 7000))
    _, writer = await asyncio.open_connection(NAME, 7000)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(write_on(writer), 60)
    assert sim.now == 60.02
    # The sender stops: nothing grows without bound.
    assert writer.transport.get_write_buffer_size() <= 2 * CHUNK
    assert sum(sent) < 100 * CHUNK
    await writer.drain()
    assert sim.now == pytest.approx(3600, abs=0.1)
    await closed(writer)
    await asyncio.sleep(1)
    assert received == [sum(sent)]


async def test_start_tls_upgrades_a_connection_with_a_real_handshake(
    sim, bridge, server_context, client_context
):
    async def submission(reader, writer):
        assert await reader.readline() == b"STARTTLS\r\n"
        writer.write(b"220 go ahead\r\n")
        await writer.start_tls(server_context)
        while line := await reader.readline():
            writer.write(line.upper())
        await closed(writer)

    await bridge.spawn(asyncio.start_server(submission, "0.0.0.0", 587))
    reader, writer = await asyncio.open_connection(NAME, 587)
    writer.write(b"STARTTLS\r\n")
    assert await reader.readline() == b"220 go ahead\r\n"
    assert sim.now == 0.04
    try:
        await writer.start_tls(client_context, server_hostname=NAME)
        assert writer.get_extra_info("peercert")["subjectAltName"] == (("DNS", NAME),)
        writer.write(b"noop\r\n")
        assert await reader.readline() == b"NOOP\r\n"
        assert sim.now == pytest.approx(0.08)
    finally:
        await closed(writer)


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self):
        self.received = asyncio.Queue()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.received.put_nowait((data, address))


class Echo(Datagrams):
    def datagram_received(self, data, address):
        self.transport.sendto(data.upper(), address)


async def test_datagrams_keep_their_boundaries_and_can_be_answered(sim, bridge):
    loop = asyncio.get_running_loop()
    await bridge.spawn(loop.create_datagram_endpoint(Echo, local_addr=("0.0.0.0", 5060)))
    transport, client = await loop.create_datagram_endpoint(Datagrams, remote_addr=(NAME, 5060))
    transport.sendto(b"one")
    transport.sendto(b"two")
    assert await client.received.get() == (b"ONE", (bridge.address, 5060))
    assert await client.received.get() == (b"TWO", (bridge.address, 5060))
    assert sim.now == 0.02
    transport.close()


async def test_an_unconnected_datagram_socket_sends_to_whom_it_likes(sim, bridge):
    loop = asyncio.get_running_loop()
    await bridge.spawn(loop.create_datagram_endpoint(Echo, local_addr=("0.0.0.0", 5060)))
    transport, client = await loop.create_datagram_endpoint(Datagrams, local_addr=("0.0.0.0", 4000))
    transport.sendto(b"hello", (bridge.address, 5060))
    assert await client.received.get() == (b"HELLO", (bridge.address, 5060))
    transport.close()


async def test_programs_of_one_machine_meet_at_a_unix_socket(sim, tmp_path):
    async def shout(reader, writer):
        writer.write((await reader.readline()).upper())
        await closed(writer)

    path = str(tmp_path / "app.sock")
    async with await asyncio.start_unix_server(shout, path):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"hello\n")
        assert await reader.read() == b"HELLO\n"
        await closed(writer)
    assert sim.now == 0


async def test_a_unix_socket_where_nobody_listens_is_refused_as_ever(sim, tmp_path):
    with pytest.raises(FileNotFoundError):
        await asyncio.open_unix_connection(str(tmp_path / "app.sock"))


async def test_sockets_of_the_programs_own_accept_connect_and_talk(sim, bridge):
    async def serve():
        loop = asyncio.get_running_loop()
        with socket.socket() as listener:
            listener.setblocking(False)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("0.0.0.0", 7000))
            listener.listen()
            connection, _ = await loop.sock_accept(listener)
            with connection:
                while data := await loop.sock_recv(connection, 1000):
                    await loop.sock_sendall(connection, data.upper())

    loop = asyncio.get_running_loop()
    server = bridge.spawn(serve())
    await asyncio.sleep(0)
    with socket.socket() as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, (NAME, 7000))
        await loop.sock_sendall(sock, b"hello")
        assert await loop.sock_recv(sock, 1000) == b"HELLO"
        buffer = bytearray(1000)
        await loop.sock_sendall(sock, b"again")
        assert await loop.sock_recv_into(sock, buffer) == 5
        assert buffer[:5] == b"AGAIN"
    await server
    assert sim.now == pytest.approx(0.07)


async def test_a_library_may_hand_over_the_socket_that_it_connected(sim, bridge):
    async def echo(reader, writer):
        writer.write(await reader.readline())
        await closed(writer)

    await bridge.spawn(asyncio.start_server(echo, "0.0.0.0", 7000))
    sock = socket.socket()
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (NAME, 7000))
        reader, writer = await asyncio.open_connection(sock=sock)
        writer.write(b"hello\n")
        assert await reader.read() == b"hello\n"
        await closed(writer)
    finally:
        sock.close()


async def test_a_server_may_listen_on_a_socket_that_the_program_bound(sim, bridge):
    async def echo(reader, writer):
        writer.write(await reader.readline())
        await closed(writer)

    async def main():
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("0.0.0.0", 7000))
            async with await asyncio.start_server(echo, sock=sock) as server:
                await server.serve_forever()

    program = bridge.spawn(main())
    try:
        await asyncio.sleep(0)
        reader, writer = await asyncio.open_connection(NAME, 7000)
        writer.write(b"hello\n")
        assert await reader.read() == b"hello\n"
        await closed(writer)
    finally:
        program.cancel()
        await asyncio.gather(program, return_exceptions=True)
