"""Both ends of an HTTP connection, for tests: servers that answer, clients that send pieces."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import simkit
from simkit.wire.http import HttpRequest, HttpResponse, HttpServer, fetch
from simkit.wire.websocket import server_core
from tests.wire.peers import Peer, run

HELLO = b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789"
Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]


async def tell(request: HttpRequest) -> HttpResponse:
    return HttpResponse(200, [], f"{request.method} {request.target} ".encode() + request.body)


def answer(body: bytes, *, last: bool = False) -> bytes:
    closing = b"Connection: close\r\n" if last else b""
    return b"HTTP/1.1 200 \r\nContent-Length: %d\r\n%b\r\n%b" % (len(body), closing, body)


@contextlib.asynccontextmanager
async def serving(handle: Handler = tell) -> AsyncIterator[tuple[int, list[Peer]]]:
    """A server whose sockets echo text; yields its port and the sockets' peers."""
    peers: list[Peer] = []

    class Echo(Peer):
        def on_text(self, data: bytes) -> None:
            self.send_text(data)

    def upgrade(path: str) -> Peer:
        peers.append(Echo(server_core()))
        peers[-1].path = path  # type: ignore[attr-defined]
        peers[-1].gone = asyncio.Event()
        return peers[-1]

    listener = await asyncio.get_running_loop().create_server(
        lambda: HttpServer(handle, upgrade), "127.0.0.1", 0
    )
    async with listener:
        yield listener.sockets[0].getsockname()[1], peers


async def read_all(reader: asyncio.StreamReader, seconds: float = 2.0) -> tuple[bytes, bool]:
    """Return what comes within a while, and whether the connection was closed."""
    got = b""
    try:
        async with asyncio.timeout(seconds):
            while data := await reader.read(65536):
                got += data
    except TimeoutError:
        return got, False
    except ConnectionError:
        pass
    return got, True


def exchange(*pieces: bytes, handle: Handler = tell) -> tuple[bytes, bool]:
    """Send pieces one virtual millisecond apart; return the answer and whether it was closed."""
    found: list[tuple[bytes, bool]] = []

    async def main() -> None:
        async with serving(handle) as (port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0.001)
            found.append(await read_all(reader))
            writer.close()

    run(simkit.new_event_loop, main())
    return found[0]


def in_steps(data: bytes, step: int) -> list[bytes]:
    return [data[at : at + step] for at in range(0, len(data), step)]


@contextlib.asynccontextmanager
async def answering(*answer: bytes, seconds: float = 0.0) -> AsyncIterator[str]:
    """A server that sends these bytes to whoever asks, then closes; yields its URL."""

    async def answer_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            for piece in answer:
                await asyncio.sleep(seconds)
                writer.write(piece)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(answer_and_close, "127.0.0.1", 0)
    async with listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"


def get(url: str, **options: object) -> asyncio.Future[HttpResponse]:
    return fetch("GET", url, headers=[], **options)  # type: ignore[arg-type, return-value]


def fetched(*answer: bytes, **options: object) -> HttpResponse:
    """Return what is made of a server's answer."""
    found: list[HttpResponse] = []

    async def main() -> None:
        async with answering(*answer) as url:
            found.append(await get(url, **options))

    run(simkit.new_event_loop, main())
    return found[0]
