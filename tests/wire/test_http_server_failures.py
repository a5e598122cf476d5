"""The small server: garbage, too much, and handlers that fail."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import simkit
from simkit.wire import http
from simkit.wire.http import HttpRequest, HttpResponse
from tests.wire.http_ends import HELLO, answer, exchange, in_steps, read_all, serving, tell
from tests.wire.peers import run


def test_a_handler_that_fails_is_a_500_and_is_told():
    told: list[dict[str, Any]] = []

    async def fail(request: HttpRequest) -> HttpResponse:
        if not told:
            asyncio.get_running_loop().set_exception_handler(lambda loop, c: told.append(c))
            raise RuntimeError("boom")
        return await tell(request)

    got, closed = exchange(HELLO, HELLO, handle=fail)
    assert got == b"HTTP/1.1 500 \r\nContent-Length: 0\r\n\r\n" + answer(b"GET /hello ")
    assert not closed
    assert [(c["message"], str(c["exception"])) for c in told] == [("GET /hello failed", "boom")]


def test_a_client_that_leaves_cancels_its_handler():
    async def main() -> None:
        cancelled = asyncio.Event()

        async def wait(request: HttpRequest) -> HttpResponse:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise
            return HttpResponse(200)

        async with serving(wait) as (port, _):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(HELLO)
            await asyncio.sleep(0.1)
            writer.close()
            await cancelled.wait()

    run(simkit.new_event_loop, main())


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost h\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\r\n\r\n\r\n\r\n",
        b"upgrade: websocket\r\n\r\n",
        b"x\r\nUpgrade: websocket\r\n\r\n",
    ],
)
def test_garbage_closes_the_connection_and_harms_no_other(garbage):
    async def main() -> None:
        problems: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, c: problems.append(c))
        async with serving() as (port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(garbage)
            _, closed = await read_all(reader)
            assert closed
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(HELLO)
            assert await read_all(reader) == (answer(b"GET /hello "), False)
            writer.close()
        assert problems == []

    run(simkit.new_event_loop, main())


def test_garbage_after_a_request_closes_the_connection():
    got, closed = exchange(HELLO, b"nonsense\r\n\r\n")
    assert (got, closed) == (answer(b"GET /hello "), True)


def test_a_head_without_end_is_given_up_after_64_kilobytes():
    endless = [b"GET / HTTP/1.1\r\nHost: h\r\n"] + [b"X-A: " + b"x" * 990 + b"\r\n"] * 80
    assert exchange(*endless) == (b"", True)
    assert exchange(*endless[:60]) == (b"", False)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_closes_the_connection(monkeypatch, chunked):
    monkeypatch.setattr(http, "MAX_BODY", 1000)

    def post(size: int) -> list[bytes]:
        head = b"POST / HTTP/1.1\r\nHost: h\r\n"
        if chunked:
            head += b"Transfer-Encoding: chunked\r\n\r\n"
            return [head, *[b"64\r\n" + b"x" * 100 + b"\r\n"] * (size // 100), b"0\r\n\r\n"]
        return [head + b"Content-Length: %d\r\n\r\n" % size, *in_steps(b"x" * size, 100)]

    assert exchange(*post(1000)) == (answer(b"POST / " + b"x" * 1000), False)
    assert exchange(*post(1100)) == (b"", True)
