from __future__ import annotations

import asyncio
import ssl

import pytest

from simkit.network.tls import ElidedSSLObject
from tests.network.observer import Observer, connected
from tests.network.upgrading import NAME, echo, say_hello


def test_tls_to_a_server_without_a_certificate_is_elided(runner, loop, bridge):
    async def main():
        await bridge.spawn(asyncio.start_server(echo, "0.0.0.0", 443))
        reader, writer = await asyncio.open_connection(NAME, 443, ssl=True)
        connected_at = loop.time()
        context = writer.get_extra_info("sslcontext")
        return connected_at, await say_hello(reader, writer), loop.time(), context

    assert runner.run(main()) == (0.02, b"hello", 0.04, True)


def test_an_elided_server_side_knows_that_it_is_behind_tls(runner, loop, network, bridge):
    server = Observer()
    network.listen(bridge, 443, lambda: server)
    context = ssl.create_default_context()

    async def main():
        await loop.create_connection(Observer, NAME, 443, ssl=context)
        await asyncio.sleep(1)
        return server.transport.get_extra_info("sslcontext")

    assert runner.run(main()) is context


def test_bytes_of_an_elided_connection_arrive_unchanged(runner, loop, network, bridge):
    server = Observer()
    network.listen(bridge, 443, lambda: server)

    async def main():
        _, writer = await asyncio.open_connection(NAME, 443, ssl=True)
        writer.write(b"in the clear")
        writer.close()
        await asyncio.sleep(1)

    runner.run(main())
    assert server.log == ["made", b"in the clear", "eof", "lost"]


def test_start_tls_is_elided_in_the_same_way(runner, loop, bridge):
    async def main():
        await bridge.spawn(asyncio.start_server(echo, "0.0.0.0", 443))
        reader, writer = await asyncio.open_connection(NAME, 443)
        await writer.start_tls(ssl.create_default_context(), server_hostname=NAME)
        assert isinstance(writer.get_extra_info("ssl_object"), ElidedSSLObject)
        return await say_hello(reader, writer), loop.time()

    assert runner.run(main()) == (b"hello", 0.04)


def test_wrap_bio_is_elided_only_while_a_simulation_runs(runner, client_context):
    def wrap():
        return client_context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="home")

    async def main():
        return wrap()

    assert isinstance(runner.run(main()), ElidedSSLObject)
    assert isinstance(wrap(), ssl.SSLObject)


def test_an_elided_object_passes_bytes_through(client_context):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ElidedSSLObject(client_context, incoming, outgoing, NAME)
    tls.do_handshake()
    with pytest.raises(ssl.SSLWantReadError):
        tls.read(10)
    incoming.write(b"0123456789")
    buffer = bytearray(4)
    assert tls.pending() == 10
    assert tls.read(4, buffer) == 4
    assert (bytes(buffer), tls.read(3), tls.read(100)) == (b"0123", b"456", b"789")
    incoming.write_eof()
    assert tls.read(10) == b""
    assert tls.write(b"out") == 3
    assert outgoing.read() == b"out"
    assert (tls.version(), tls.server_hostname) == ("TLSv1.3", NAME)


def test_a_server_with_its_own_certificate_gets_a_real_handshake(
    runner, loop, bridge, server_context, client_context
):
    async def main():
        await bridge.spawn(asyncio.start_server(echo, "0.0.0.0", 443, ssl=server_context))
        reader, writer = await asyncio.open_connection(NAME, 443, ssl=client_context)
        names = writer.get_extra_info("peercert")["subjectAltName"]
        connected_at = loop.time()
        return names, connected_at, await say_hello(reader, writer), loop.time()

    assert runner.run(main()) == ((("DNS", NAME),), 0.04, b"hello", 0.06)


def test_a_certificate_of_an_unknown_authority_is_refused(runner, bridge, server_context):
    async def main():
        await bridge.spawn(asyncio.start_server(echo, "0.0.0.0", 443, ssl=server_context))
        await asyncio.open_connection(NAME, 443, ssl=ssl.create_default_context())

    with pytest.raises(ssl.SSLCertVerificationError):
        runner.run(main())


def test_a_certificate_of_another_name_is_refused(
    runner, network, bridge, server_context, client_context
):
    network.host(NAME, "other.example.com")

    async def main():
        await bridge.spawn(asyncio.start_server(echo, "0.0.0.0", 443, ssl=server_context))
        await asyncio.open_connection("other.example.com", 443, ssl=client_context)

    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        runner.run(main())


def test_plain_bytes_to_a_tls_server_end_the_connection(runner, loop, bridge, server_context):
    loop.set_exception_handler(lambda loop, context: None)

    async def main():
        await bridge.spawn(asyncio.start_server(echo, "0.0.0.0", 443, ssl=server_context))
        reader, writer = await asyncio.open_connection(NAME, 443)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await reader.read()
        writer.close()
        return loop.time()

    assert runner.run(main()) < 1


def test_a_large_transfer_through_real_tls_is_flow_controlled(
    runner, server_context, client_context, bridge
):
    async def swallow(reader, writer):
        total = 0
        while data := await reader.read(50_000):
            total += len(data)
            await asyncio.sleep(0.001)
        sizes.append(total)
        writer.close()

    async def main():
        await bridge.spawn(asyncio.start_server(swallow, "0.0.0.0", 443, ssl=server_context))
        _, writer = await asyncio.open_connection(NAME, 443, ssl=client_context)
        for _ in range(20):
            writer.write(bytes(100_000))
            await writer.drain()
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(1)

    sizes = []
    runner.run(main())
    assert sizes == [2_000_000]


def test_a_plain_pair_is_not_touched_by_tls(runner):
    async def main():
        pair = await connected()
        return pair.server.transport.get_extra_info("sslcontext")

    assert runner.run(main()) is None
