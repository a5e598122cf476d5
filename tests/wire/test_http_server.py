"""The small server: bytes in, bytes out, however they are cut."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from websockets.asyncio.client import connect

import simkit
from simkit.wire.http import HttpRequest, HttpResponse
from tests.wire.http_ends import HELLO, POST, answer, exchange, in_steps, serving, tell
from tests.wire.peers import both_loops, run


def test_a_request_is_answered_and_the_connection_kept():
    assert exchange(HELLO) == (answer(b"GET /hello "), False)


def test_one_connection_takes_one_request_after_another():
    assert exchange(HELLO, POST, HELLO) == (
        answer(b"GET /hello ") + answer(b"POST /post 0123456789") + answer(b"GET /hello "),
        False,
    )


@pytest.mark.parametrize("step", [1, 2, 3, 5, 17])
def test_a_request_may_arrive_in_pieces(step):
    assert exchange(*in_steps(POST, step), *in_steps(HELLO, step)) == (
        answer(b"POST /post 0123456789") + answer(b"GET /hello "),
        False,
    )


def test_a_body_may_arrive_in_chunks():
    head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = [b"5\r\nhello\r\n", b"1;x=y\r\n!", b"\r\n0\r\n\r\n"]
    assert exchange(head, *chunks) == (answer(b"POST / hello!"), False)
    assert exchange(head + b"".join(chunks)) == (answer(b"POST / hello!"), False)


def test_requests_sent_ahead_are_answered_in_order():
    async def slow_first(request: HttpRequest) -> HttpResponse:
        await asyncio.sleep(1 if request.target == "/post" else 0)
        return await tell(request)

    expected = answer(b"POST /post 0123456789") + answer(b"GET /hello ") * 2
    assert exchange(POST + HELLO + HELLO, handle=slow_first) == (expected, False)
    assert exchange(POST, HELLO, HELLO[:9], HELLO[9:], handle=slow_first) == (expected, False)


def test_a_request_sent_ahead_may_be_cut_within_its_last_line_break():
    assert exchange(HELLO + HELLO[:-1], HELLO[-1:]) == (answer(b"GET /hello ") * 2, False)


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    ],
)
def test_a_client_that_does_not_keep_the_connection_has_it_closed(request_):
    assert exchange(request_) == (answer(b"GET / ", last=True), True)


def test_a_head_request_is_answered_without_a_body():
    got, _ = exchange(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert got == b"HTTP/1.1 200 \r\nContent-Length: 7\r\n\r\n"


def test_header_names_are_lower_case_and_values_as_sent():
    async def headers(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, [], repr(request.headers).encode())

    got, _ = exchange(b"GET / HTTP/1.1\r\nHOST: H.Example\r\nX-Aa:  B c \r\n\r\n", handle=headers)
    assert got.endswith(b"{'host': 'H.Example', 'x-aa': 'B c'}")


def test_a_header_in_latin_1_is_read():
    async def name(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, [], request.headers["x-name"].encode())

    got, _ = exchange(b"GET / HTTP/1.1\r\nHost: h\r\nX-Name: caf\xe9\r\n\r\n", handle=name)
    assert got == answer("café".encode())


@both_loops
def test_httpx_keeps_its_connection_over_two_requests(new_loop):
    async def main() -> None:
        ports = set()

        async def handle(request: HttpRequest) -> HttpResponse:
            await asyncio.sleep(0.001)
            return HttpResponse(200, [("Content-Type", "application/json")], request.body or b"{}")

        async with serving(handle) as (port, _), httpx.AsyncClient(trust_env=False) as client:
            for body in ({"a": 1}, {"b": "x" * 200_000}):
                response = await client.post(f"http://127.0.0.1:{port}/call", json=body)
                assert response.json() == body
                stream = response.extensions["network_stream"]
                ports.add(stream.get_extra_info("client_addr"))
            assert (await client.get(f"http://127.0.0.1:{port}/")).json() == {}
            assert len(ports) == 1

    run(new_loop, main())


@both_loops
def test_an_upgrade_is_handed_to_a_socket_of_that_path(new_loop):
    async def main() -> None:
        async with serving() as (port, peers):
            async with connect(f"ws://127.0.0.1:{port}/call/transport?x=1") as client:
                await client.send("hello")
                assert await client.recv() == "hello"
            await peers[0].gone.wait()
            assert peers[0].path == "/call/transport?x=1"
            assert peers[0].seen == ["open", ("close", 1000, "")]

    run(new_loop, main())


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_an_upgrade_may_arrive_in_pieces_after_a_plain_request(step):
    async def main() -> None:
        upgrade = (
            b"GET /ws HTTP/1.1\r\nHost: h\r\nUPGRADE: WebSocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        async with serving() as (port, peers):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(HELLO)
            assert (await reader.readuntil(b"/hello ")).startswith(b"HTTP/1.1 200")
            for piece in in_steps(upgrade, step):
                writer.write(piece)
                await asyncio.sleep(0.001)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 ")
            assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head  # the example of RFC 6455
            writer.write(b"\x81\x82\x00\x00\x00\x00hi")
            assert await reader.readexactly(4) == b"\x81\x02hi"
            writer.close()
            await peers[0].gone.wait()
            assert peers[0].seen[-1][:2] == ("close", 1006)

    run(simkit.new_event_loop, main())


def test_a_body_that_speaks_of_an_upgrade_is_a_body():
    body = b"x\r\nUpgrade: websocket\r\n\r\n"
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert exchange(head + body) == (answer(b"POST / " + body), False)
    assert exchange(head, body) == (answer(b"POST / " + body), False)
