"""Blocking TLS in worker threads: elided, or for real where a server has a certificate."""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
import time

import pytest
import trustme

NAME = "far.example.com"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def server_context(authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(NAME).configure_cert(context)
    return context


@pytest.fixture(scope="module")
def client_context(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def answer(reader, writer):
    head = await reader.readuntil(b"\r\n\r\n")
    body = head.split(b" ")[1]
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def get(network, client_context, server_context, name=NAME):
    """Serve on a host, and ask it by the standard library's blocking client."""
    far = network.host(NAME)
    server = await far.spawn(asyncio.start_server(answer, "0.0.0.0", 443, ssl=server_context))

    def ask():
        connection = http.client.HTTPSConnection(name, context=client_context, timeout=10)
        try:
            connection.request("GET", "/path")
            response = connection.getresponse()
            return response.read(), connection.sock and connection.sock.version()
        finally:
            connection.close()

    try:
        return await asyncio.to_thread(ask)
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.sleep(1)


def test_tls_to_a_server_with_a_certificate_is_real(
    runner, network, client_context, server_context
):
    body, _ = runner.run(get(network, client_context, server_context))
    assert body == b"/path"


def test_a_certificate_that_nobody_vouches_for_is_refused(runner, network, server_context):
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
        runner.run(get(network, ssl.create_default_context(), server_context))


def test_a_certificate_of_another_name_is_refused(runner, network, client_context, server_context):
    network.host(NAME, "alias.example.com")
    with pytest.raises(ssl.SSLCertVerificationError, match=r"alias\.example\.com"):
        runner.run(get(network, client_context, server_context, "alias.example.com"))


def test_tls_is_elided_where_the_server_has_no_certificate(runner, network, client_context):
    body, _ = runner.run(get(network, client_context, None))
    assert body == b"/path"


def test_a_handshake_that_begins_late_is_real_too(runner, network, client_context, server_context):
    far = network.host(NAME)

    async def main():
        server = await far.spawn(asyncio.start_server(answer, "0.0.0.0", 443, ssl=server_context))

        def ask():
            raw = socket.create_connection((NAME, 443))
            time.sleep(1)  # by now the server has accepted, and waits for the first record
            with client_context.wrap_socket(raw, server_hostname=NAME) as sock:
                sock.sendall(b"GET /path HTTP/1.1\r\n\r\n")
                return sock.getpeercert()["subjectAltName"], sock.recv(15)

        try:
            return await asyncio.to_thread(ask)
        finally:
            server.close()
            await server.wait_closed()
            await asyncio.sleep(1)

    assert runner.run(main()) == ((("DNS", NAME),), b"HTTP/1.1 200 OK")


async def silent(reader, writer):
    await reader.read()
    writer.close()


def blocking(runner, network, body):
    """Run ``body`` in a thread, with a server that says nothing."""
    far = network.host(NAME)

    async def main():
        server = await far.spawn(asyncio.start_server(silent, "0.0.0.0", 443))
        try:
            return await asyncio.to_thread(body)
        finally:
            await asyncio.sleep(1)
            server.close()
            await server.wait_closed()

    return runner.run(main())


def test_a_socket_keeps_its_timeout_and_names(runner, network, client_context):
    far = network.host(NAME)

    def body():
        raw = socket.create_connection((NAME, 443), timeout=0.5)
        here = raw.getsockname()
        with client_context.wrap_socket(raw, server_hostname=NAME) as sock:
            assert raw.fileno() == -1
            assert isinstance(sock, ssl.SSLSocket)
            assert sock.getsockname() == here
            assert sock.getpeername() == (far.address, 443)
            assert (sock.version(), sock.pending()) == ("TLSv1.3", 0)
            with pytest.raises(TimeoutError):
                sock.recv(1)
            sock.setblocking(False)
            with pytest.raises(ssl.SSLWantReadError):
                sock.recv(1)
        return sock.fileno()

    assert blocking(runner, network, body) == -1


def test_a_name_is_needed_to_check_one(runner, network, client_context):
    def body():
        with (
            socket.create_connection((NAME, 443)) as raw,
            pytest.raises(ValueError, match="requires server_hostname"),
        ):
            client_context.wrap_socket(raw)

    blocking(runner, network, body)


@pytest.mark.parametrize("client", ["asyncio", "blocking"])
def test_a_server_that_blocks_speaks_tls(runner, client_context, server_context, client):
    def serve(server):
        accepted, _ = server.accept()
        with server_context.wrap_socket(accepted, server_side=True) as sock:
            sock.sendall(sock.recv(10).upper())
            return sock.recv(10)

    def ask(address):
        with (
            socket.create_connection(address) as raw,
            client_context.wrap_socket(raw, server_hostname=NAME) as sock,
        ):
            sock.sendall(b"question")
            return sock.recv(10)

    async def ask_by_asyncio(address):
        reader, writer = await asyncio.open_connection(
            *address, ssl=client_context, server_hostname=NAME
        )
        writer.write(b"question")
        answer = await reader.read(10)
        writer.close()
        await writer.wait_closed()
        return answer

    async def main():
        with socket.create_server(("127.0.0.1", 0)) as server:
            serving = asyncio.create_task(asyncio.to_thread(serve, server))
            address = server.getsockname()
            if client == "blocking":
                answer = await asyncio.to_thread(ask, address)
            else:
                answer = await ask_by_asyncio(address)
            return answer, await serving

    assert runner.run(main()) == (b"QUESTION", b"")
