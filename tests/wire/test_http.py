"""One HTTP request out: what is sent, and answers of every kind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import uvicorn

import simkit
from simkit.wire.http import HttpRequest, HttpResponse, HttpServer, fetch
from simkit.wire.websocket import WebSocketPeer, server_core
from tests.wire.http_ends import fetched, get
from tests.wire.peers import both_loops, run


@contextlib.asynccontextmanager
async def server() -> AsyncIterator[tuple[str, list[HttpRequest]]]:
    """A small server; yields its URL and what it was asked."""
    requests: list[HttpRequest] = []

    async def handle(request: HttpRequest) -> HttpResponse:
        requests.append(request)
        return HttpResponse(201, [("Content-Type", "text/plain"), ("X-A", "1")], request.body * 2)

    def connection() -> HttpServer:
        return HttpServer(handle, lambda path: WebSocketPeer(server_core()))

    listener = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    async with listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", requests


@both_loops
def test_a_request_arrives_as_it_was_made(new_loop):
    async def main() -> None:
        async with server() as (url, requests):
            headers = [("X-Twilio-Signature", "abc="), ("Content-Type", "text/x")]
            response = await fetch("POST", f"{url}/a/b?c=1&d=%20", headers=headers, body=b"hello")
            assert (response.status, response.body) == (201, b"hellohello")
            assert response.header("CONTENT-TYPE") == "text/plain"
            assert response.header("x-b") == ""
            request = requests[0]
            assert (request.method, request.target) == ("POST", "/a/b?c=1&d=%20")
            assert (request.path, request.body) == ("/a/b", b"hello")
            assert request.headers == {
                "host": url.removeprefix("http://"),
                "x-twilio-signature": "abc=",
                "content-type": "text/x",
                "content-length": "5",
            }

    run(new_loop, main())


@pytest.mark.parametrize(("method", "length"), [("GET", None), ("DELETE", None), ("POST", "0")])
def test_a_request_without_a_body_says_so_only_when_it_posts(method, length):
    async def main() -> None:
        async with server() as (url, requests):
            await fetch(method, url, headers=[])
            assert requests[0].headers.get("content-length") == length
            assert requests[0].target == "/"
            assert requests[0].body == b""

    run(simkit.new_event_loop, main())


def test_user_and_fragment_of_a_url_are_not_sent():
    async def main() -> None:
        async with server() as (url, requests):
            await get(url.replace("http://", "http://user:pass@") + "/x?y=1#rt=2000")
            assert requests[0].target == "/x?y=1"
            assert requests[0].headers["host"] == url.removeprefix("http://")

    run(simkit.new_event_loop, main())


@both_loops
def test_a_megabyte_travels_both_ways(new_loop):
    async def main() -> None:
        async with server() as (url, _):
            body = bytes(range(256)) * 4096
            response = await fetch("POST", url, headers=[], body=body)
            assert response.body == body * 2

    run(new_loop, main())


@both_loops
def test_uvicorn_understands_and_is_understood(new_loop):
    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self):
            yield

    async def app(scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            event = await receive()
            body, more = body + event["body"], event["more_body"]
        headers = [(b"x-path", scope["path"].encode()), (b"content-type", b"text/xml")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for piece in (b"<", body, b">"):  # without a length: chunked
            await send({"type": "http.response.body", "body": piece, "more_body": piece != b">"})

    async def main() -> None:
        config = uvicorn.Config(app, "127.0.0.1", 0, loop="none", log_config=None, lifespan="off")
        server = Server(config)
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        for body in (b"a=1", b"x" * 300_000):
            headers = [("Connection", "close")]
            response = await fetch(
                "POST", f"http://127.0.0.1:{port}/voice", headers=headers, body=body
            )
            assert (response.status, response.body) == (200, b"<" + body + b">")
            assert response.header("x-path") == "/voice"
        server.should_exit = True
        await task

    run(new_loop, main())


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 200, b"hi"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil it closes", 200, b"until it closes"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 503, b""),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 302, b""),
        (
            b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            200,
            b"",
        ),
    ],
    ids=["length", "chunked", "until close", "no content", "error", "redirect", "early hints"],
)
def test_an_answer_is_read_however_it_is_framed(answer, status, body):
    for pieces in ([answer], [answer[at : at + 1] for at in range(len(answer))]):
        response = fetched(*pieces)
        assert (response.status, response.body) == (status, body)


def test_a_header_in_latin_1_is_read():
    answer = b"HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nContent-Length: 0\r\n\r\n"
    assert fetched(answer).header("x-name") == "café"
