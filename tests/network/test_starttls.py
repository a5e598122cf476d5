"""Connections that begin without TLS and go on with it."""

from __future__ import annotations

import asyncio
import ssl

import pytest
import trustme

from simkit.network import SimLoop
from simkit.network.tls import ElidedSSLObject
from tests.network.upgrading import NAME, echo, say_hello, upgrading


async def upgraded(context, port, announced=True):
    reader, writer = await asyncio.open_connection(NAME, port)
    writer.write(b"STARTTLS\n")
    if announced:
        assert await reader.readline() == b"ready\n"
    await writer.start_tls(context, server_hostname=NAME)
    return reader, writer


def test_a_server_that_has_a_certificate_gets_a_real_handshake(
    runner, loop, bridge, client_context, server_context
):
    async def main():
        await bridge.spawn(asyncio.start_server(upgrading(server_context), "0.0.0.0", 25))
        reader, writer = await upgraded(client_context, 25)
        at = loop.time()
        shown = writer.get_extra_info("peercert")["subjectAltName"]
        assert writer.get_extra_info("sslcontext") is client_context
        return shown, at, await say_hello(reader, writer)

    # A round trip each to connect and to ask, and one for the handshake.
    assert runner.run(main()) == ((("DNS", NAME),), 0.06, b"hello")


def test_a_server_on_the_same_machine_gets_a_real_handshake(
    runner, network, client_context, server_context
):
    network.host("home", NAME)

    async def main():
        await asyncio.start_server(upgrading(server_context), "0.0.0.0", 25)
        reader, writer = await upgraded(client_context, 25)
        return bool(writer.get_extra_info("peercert")), await say_hello(reader, writer)

    assert runner.run(main()) == (True, b"hello")


def test_a_server_without_a_certificate_has_it_elided(
    runner, loop, bridge, client_context, server_context
):
    async def unchanged(reader, writer):
        await reader.readline()
        writer.write(b"ready\n")
        await echo(reader, writer)

    async def main():
        await bridge.spawn(asyncio.start_server(unchanged, "0.0.0.0", 25))
        reader, writer = await upgraded(client_context, 25)
        assert isinstance(writer.get_extra_info("ssl_object"), ElidedSSLObject)
        return loop.time(), await say_hello(reader, writer)

    assert runner.run(main()) == (0.04, b"hello")


def test_another_port_with_a_certificate_changes_nothing(
    runner, bridge, client_context, server_context
):
    async def main():
        await bridge.spawn(asyncio.start_server(echo, "0.0.0.0", 443, ssl=server_context))
        await bridge.spawn(asyncio.start_server(echo, "0.0.0.0", 25))
        reader, writer = await asyncio.open_connection(NAME, 25)
        await writer.start_tls(client_context, server_hostname=NAME)
        return await say_hello(reader, writer)

    assert runner.run(main()) == b"hello"


def test_a_client_that_does_not_wait_for_the_server_agrees_with_it(
    runner, bridge, client_context, server_context
):
    async def main():
        await bridge.spawn(
            asyncio.start_server(upgrading(server_context, announced=False), "0.0.0.0", 25)
        )
        return await say_hello(*await upgraded(client_context, 25, announced=False))

    assert runner.run(main()) == b"hello"


@pytest.mark.parametrize("trusted", [True, False])
def test_both_sides_show_a_certificate(runner, bridge, trusted):
    mutual = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority = trustme.CA()
    authority.issue_cert(NAME).configure_cert(mutual)
    mutual.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(mutual)
    own = ssl.create_default_context()
    authority.configure_trust(own)
    if trusted:
        authority.issue_cert("client.example.com").configure_cert(own)

    async def main():
        await bridge.spawn(asyncio.start_server(upgrading(mutual), "0.0.0.0", 25))
        try:
            return await say_hello(*await upgraded(own, 25))
        except (ssl.SSLError, ConnectionError):
            return b""

    runner.get_loop().set_exception_handler(lambda loop, context: None)
    assert runner.run(main()) == (b"hello" if trusted else b"")


def test_an_unknown_authority_is_refused(runner, bridge, client_context, server_context):
    runner.get_loop().set_exception_handler(lambda loop, context: None)

    async def main():
        await bridge.spawn(asyncio.start_server(upgrading(server_context), "0.0.0.0", 25))
        await upgraded(ssl.create_default_context(), 25)

    with pytest.raises(ssl.SSLCertVerificationError):
        runner.run(main())


def test_a_context_is_asked_for(runner, bridge):
    async def main():
        await bridge.spawn(asyncio.start_server(echo, "0.0.0.0", 25))
        _, writer = await asyncio.open_connection(NAME, 25)
        try:
            await writer.start_tls(True)
        finally:
            writer.close()

    with pytest.raises(TypeError, match=r"instance of ssl\.SSLContext"):
        runner.run(main())


@pytest.mark.parametrize("factory", [SimLoop, asyncio.SelectorEventLoop])
def test_an_upgrade_goes_as_on_loopback(client_context, server_context, factory):
    async def main():
        listener = await asyncio.start_server(upgrading(server_context), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
        writer.write(b"STARTTLS\n")
        await reader.readline()
        await writer.start_tls(client_context, server_hostname=NAME)
        shown = writer.get_extra_info("peercert")["subjectAltName"]
        version = writer.get_extra_info("ssl_object").version()
        answer = await say_hello(reader, writer)
        rest = await reader.read()
        listener.close()
        return shown, version, answer, rest

    with asyncio.Runner(loop_factory=factory) as runner:
        assert runner.run(main()) == ((("DNS", NAME),), "TLSv1.3", b"hello", b"")
