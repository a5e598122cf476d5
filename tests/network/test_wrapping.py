"""TLS that a library puts around a connection by itself: elided or not by that connection."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ssl

import anyio
import httpx
import pytest
from anyio.streams.tls import TLSListener, TLSStream

from simkit.network.tls import ElidedSSLObject
from tests.network.upgrading import NAME, echo, say_hello, upgrading


async def shown(stream):
    """Say hello; return what came back, and whether a certificate was shown."""
    await stream.send(b"hello")
    answer = await stream.receive()
    certificate = stream.extra(anyio.streams.tls.TLSAttribute.peer_certificate)
    await stream.aclose()
    return answer, bool(certificate)


async def connect(context, port, host=NAME, **options):
    return await anyio.connect_tcp(
        host, port, tls=True, ssl_context=context, tls_hostname=NAME,
        tls_standard_compatible=False, **options
    )  # fmt: skip


async def answer(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    writer.close()


async def serve(bridge, server, port, **options):
    return await bridge.spawn(asyncio.start_server(server, "0.0.0.0", port, **options))


def test_only_the_port_that_has_a_certificate_gets_a_handshake(
    runner, loop, bridge, client_context, server_context
):
    async def main():
        await serve(bridge, echo, 443)
        await serve(bridge, echo, 8443, ssl=server_context)
        found = []
        for port in (443, 8443):
            start = loop.time()
            found.append((*await shown(await connect(client_context, port)), loop.time() - start))
        return found

    # To connect and to say hello takes a round trip each, and so does a handshake.
    assert runner.run(main()) == [
        (b"hello", False, pytest.approx(0.04)),
        (b"hello", True, pytest.approx(0.06)),
    ]


def test_an_address_without_a_name_is_judged_alike(runner, bridge, client_context, server_context):
    async def main():
        await serve(bridge, echo, 443)
        await serve(bridge, echo, 8443, ssl=server_context)
        return [
            await shown(await connect(client_context, port, host=bridge.address))
            for port in (443, 8443)
        ]

    assert runner.run(main()) == [(b"hello", False), (b"hello", True)]


@pytest.mark.parametrize("has_certificate", [True, False])
def test_an_upgrade_goes_by_what_the_server_has_begun(
    runner, bridge, client_context, server_context, has_certificate
):
    async def plain(reader, writer):
        await reader.readline()
        writer.write(b"ready\n")
        await echo(reader, writer)

    async def main():
        # Both are there: the name says nothing.
        for port, server in ((25, upgrading(server_context)), (26, plain)):
            await serve(bridge, server, port)
        await serve(bridge, echo, 443, ssl=server_context)
        stream = await anyio.connect_tcp(NAME, 25 if has_certificate else 26)
        await stream.send(b"STARTTLS\n")
        assert await stream.receive() == b"ready\n"
        return await shown(
            await TLSStream.wrap(
                stream, hostname=NAME, ssl_context=client_context, standard_compatible=False
            )
        )

    assert runner.run(main()) == (b"hello", has_certificate)


def test_an_unknown_authority_is_refused(runner, bridge, server_context):
    runner.get_loop().set_exception_handler(lambda loop, context: None)

    async def main():
        await serve(bridge, echo, 443, ssl=server_context)
        await connect(ssl.create_default_context(), 443)

    with pytest.raises(ssl.SSLCertVerificationError):
        runner.run(main())


def test_httpx_gets_a_handshake_from_one_port_and_none_from_the_other(
    runner, bridge, client_context, server_context
):
    async def main():
        await serve(bridge, answer, 443)
        await serve(bridge, answer, 8443, ssl=server_context)
        found = []
        async with httpx.AsyncClient(verify=client_context) as client:
            for url in (f"https://{NAME}/", f"https://{NAME}:8443/", f"https://{NAME}/"):
                response = await client.get(url)
                stream = response.extensions["network_stream"]
                tls = stream.get_extra_info("ssl_object")
                found.append((response.status_code, bool(tls.getpeercert()), tls.version()))
        return found

    none, real = (204, False, "TLSv1.3"), (204, True, "TLSv1.3")
    assert runner.run(main()) == [none, real, none]


@pytest.mark.parametrize("has_certificate", [True, False])
@pytest.mark.parametrize("to_proxy", ["http", "https"])
def test_through_a_proxy_the_far_end_is_known_by_its_name(
    runner, network, bridge, client_context, server_context, authority, to_proxy, has_certificate
):
    async def tunnel(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        far_reader, far_writer = await asyncio.open_connection(NAME, 443)
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")

        async def carry(source, sink):
            with contextlib.suppress(ConnectionResetError):
                while data := await source.read(5000):
                    sink.write(data)
            sink.close()

        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))

    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("proxy.example.com").configure_cert(own)

    async def main():
        await serve(bridge, answer, 443, ssl=server_context if has_certificate else None)
        proxy = network.host("proxy.example.com")
        tls = {"ssl": own} if to_proxy == "https" else {}
        await serve(proxy, tunnel, 3128, **tls)
        proxied = httpx.Proxy(f"{to_proxy}://proxy.example.com:3128", ssl_context=(
            client_context if tls else None
        ))  # fmt: skip
        async with httpx.AsyncClient(verify=client_context, proxy=proxied) as client:
            response = await client.get(f"https://{NAME}/")
            shown = response.extensions["network_stream"].get_extra_info("ssl_object")
            return response.status_code, bool(shown.getpeercert())

    assert runner.run(main()) == (204, has_certificate)


def test_a_server_that_wraps_by_itself_serves_who_speaks_tls_and_who_has_it_elided(
    runner, bridge, client_context, server_context
):
    async def handle(stream):
        async with stream:
            await stream.send(await stream.receive())

    async def serve_tls():
        listener = TLSListener(
            await anyio.create_tcp_listener(local_host="0.0.0.0", local_port=443),
            server_context,
            standard_compatible=False,
        )
        await listener.serve(handle)

    async def main():
        server = bridge.spawn(serve_tls())
        await asyncio.sleep(0)
        reader, writer = await asyncio.open_connection(NAME, 443, ssl=client_context)
        found = [await say_hello(reader, writer), *await shown(await connect(client_context, 443))]
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)
        return found

    assert runner.run(main()) == [b"hello", b"hello", False]


def test_without_any_certificate_nothing_is_asked(runner, loop, bridge, client_context):
    async def main():
        await serve(bridge, echo, 443)
        stream = await connect(client_context, 443)
        assert type(stream._ssl_object) is ElidedSSLObject
        return loop.undecided_number, await shown(stream)

    assert runner.run(main()) == (0, (b"hello", False))


def test_two_buffers_without_a_connection_agree_with_each_other(
    runner, client_context, server_context
):
    async def main():
        a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = server_context.wrap_bio(a, b, server_side=True)
        client = client_context.wrap_bio(b, a, server_hostname=NAME)
        waiting = [client, server]
        for _ in range(10):
            for each in list(waiting):
                try:
                    each.do_handshake()
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    continue
                waiting.remove(each)
        client.write(b"hello")
        return waiting, server.read(100), bool(client.getpeercert())

    # Nobody here is called so: the name is not a fake's, and TLS is real.
    assert runner.run(main()) == ([], b"hello", True)


@pytest.mark.parametrize("port", [443, 8443])
def test_a_connection_that_is_lost_before_the_handshake_is_told_of(
    runner, loop, bridge, client_context, server_context, port
):
    async def main():
        await serve(bridge, echo, 8443, ssl=server_context)
        await serve(bridge, echo, 443)
        stream = await anyio.connect_tcp(NAME, port)
        loop.network.link("home", NAME).reset_after(0)
        with pytest.raises((anyio.BrokenResourceError, anyio.EndOfStream)):
            await shown(
                await TLSStream.wrap(
                    stream, hostname=NAME, ssl_context=client_context, standard_compatible=False
                )
            )
        await stream.aclose()

    loop.set_exception_handler(lambda loop, context: None)
    runner.run(main())
    assert not loop.undecided


def test_a_token_that_is_never_sent_is_forgotten(
    runner, loop, bridge, client_context, server_context
):
    async def main():
        await serve(bridge, echo, 443, ssl=server_context)
        stream = await anyio.connect_tcp(NAME, 443)
        await stream.aclose()
        with pytest.raises(anyio.ClosedResourceError):
            await TLSStream.wrap(stream, hostname=NAME, ssl_context=client_context)
        await asyncio.sleep(1)

    runner.run(main())
    gc.collect()
    assert not loop.undecided
