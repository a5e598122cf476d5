"""One HTTP request out, and every way not to get an answer."""

from __future__ import annotations

import asyncio
import socket

import pytest

import simkit
from simkit.wire import http
from simkit.wire.http import HttpError
from tests.wire.http_ends import answering, fetched, get
from tests.wire.peers import both_loops, run


def run_long(main) -> None:
    """Run on virtual time without the limit of :func:`run`."""
    with asyncio.Runner(loop_factory=simkit.new_event_loop) as runner:
        runner.run(main)


def failed(*answer: bytes, **options: object) -> HttpError:
    with pytest.raises(HttpError) as caught:
        fetched(*answer, **options)
    return caught.value


@both_loops
def test_a_refused_connection_fails_to_connect(new_loop):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    async def main() -> None:
        with pytest.raises(HttpError, match="connect: ") as caught:
            await get(f"http://127.0.0.1:{port}/")
        assert caught.value.stage == "connect"
        assert isinstance(caught.value.__cause__, OSError)

    run(new_loop, main())


def test_an_unknown_host_fails_to_connect():
    async def main() -> None:
        with pytest.raises(HttpError, match=r"nowhere\.example\.com") as caught:
            await get("http://nowhere.example.com/")
        assert caught.value.stage == "connect"

    run(simkit.new_event_loop, main())


def test_a_connection_that_is_never_accepted_times_out_while_connecting(monkeypatch):
    async def never(*args: object, **options: object) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "create_connection", never)
        for options, seconds in (({}, 5), ({"connect_seconds": 20}, 15), ({"total_seconds": 2}, 2)):
            began = loop.time()
            with pytest.raises(HttpError, match="connect: timed out") as caught:
                await get("http://127.0.0.1:1/", **options)
            assert caught.value.stage == "connect"
            assert loop.time() - began == pytest.approx(seconds)

    run_long(main())


def test_an_answer_that_does_not_come_times_out_while_reading():
    async def main() -> None:
        async with answering(b"HTTP/1.1 200 OK\r\n\r\n", seconds=60) as url:
            began = asyncio.get_running_loop().time()
            with pytest.raises(HttpError, match="read: timed out") as caught:
                await get(url)
            assert caught.value.stage == "read"
            assert asyncio.get_running_loop().time() - began == pytest.approx(15)

    run_long(main())


def test_an_answer_that_drips_in_times_out_all_the_same():
    async def main() -> None:
        drops = [b"HTTP/1.1 200 OK\r\n", *[b"X-A: 1\r\n"] * 20]
        async with answering(*drops, seconds=1) as url:
            began = asyncio.get_running_loop().time()
            with pytest.raises(HttpError, match="read: timed out"):
                await get(url, total_seconds=4.5)
            assert asyncio.get_running_loop().time() - began == pytest.approx(4.5)

    run_long(main())


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"\x15\x03\x03\x00\x02\x02\x28",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 3,
    ],
)
def test_an_answer_cut_off_or_not_http_fails_to_read(answer):
    error = failed(answer)
    assert error.stage == "read"
    assert len(str(error)) > len("read: ")


def test_a_connection_that_is_closed_without_an_answer_is_said_to_be():
    assert str(failed(b"")) == "read: the connection was closed without an answer"


def test_a_body_over_the_limit_fails_to_read(monkeypatch):
    monkeypatch.setattr(http, "MAX_BODY", 1000)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    assert len(fetched(head % 1000 + b"x" * 1000).body) == 1000
    error = failed(head % 1001 + b"x" * 1001)
    assert (error.stage, str(error)) == ("read", "read: body of over 1000 bytes")


def test_tls_to_a_server_without_it_fails_to_connect():
    async def main() -> None:
        async with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
            with pytest.raises(HttpError) as caught:
                await get(url.replace("http:", "https:"), connect_seconds=0.2)
            assert caught.value.stage == "connect"

    run(asyncio.new_event_loop, main())


@pytest.mark.parametrize("url", ["ftp://h/", "/voice", "https:///x", ""])
def test_a_url_without_scheme_or_host_is_a_value_error(url):
    async def main() -> None:
        with pytest.raises(ValueError, match="expected an http"):
            await get(url)

    run(simkit.new_event_loop, main())


@pytest.mark.parametrize("path", ["a b", "café", "a\x7f"])
def test_a_url_that_cannot_be_sent_is_an_http_error(path):
    async def main() -> None:
        async with answering(b"HTTP/1.1 204 No Content\r\n\r\n") as url:
            with pytest.raises(HttpError):
                await get(url + path)

    run(simkit.new_event_loop, main())


def test_a_host_that_cannot_be_resolved_is_an_http_error():
    async def main() -> None:
        with pytest.raises(HttpError):
            await get("http://bridge..example.com/")

    run(asyncio.new_event_loop, main())


def test_a_cancelled_request_closes_its_connection():
    async def main() -> None:
        closed = asyncio.Event()

        async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.read() == b""
            writer.close()
            closed.set()

        async with await asyncio.start_server(wait, "127.0.0.1", 0) as listener:
            port = listener.sockets[0].getsockname()[1]
            task = asyncio.ensure_future(get(f"http://127.0.0.1:{port}/"))
            await asyncio.sleep(1)
            task.cancel()
            await closed.wait()
            assert task.cancelled()

    run(simkit.new_event_loop, main())
