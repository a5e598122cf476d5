"""One end of a WebSocket against the client and the server of the websockets library."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from simkit.wire.websocket import client_core, server_core
from tests.wire.peers import Peer, both_loops, run

SIZES = (0, 1, 125, 126, 127, 65535, 65536, 1_000_000)


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[tuple[str, list[Peer]]]:
    """A server of peers that echo; yields its URL and the peers."""
    peers: list[Peer] = []

    class Echo(Peer):
        def on_text(self, data: bytes) -> None:
            self.send_text(data)

        def on_binary(self, data: bytes) -> None:
            self.send_binary(data)

    def make() -> Peer:
        peers.append(Echo(server_core()))
        peers[-1].gone = asyncio.Event()
        return peers[-1]

    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", peers
    finally:
        server.close()
        await server.wait_closed()


@contextlib.asynccontextmanager
async def calling(handler: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[Peer]:
    """A peer connected to the library's server."""
    async with serve(handler, "127.0.0.1", 0, max_size=None) as server:
        port = server.sockets[0].getsockname()[1]
        peer = Peer(client_core(f"ws://127.0.0.1:{port}/"))
        peer.gone = asyncio.Event()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: peer, "127.0.0.1", port)
        while "open" not in peer.seen:
            await asyncio.sleep(0)
        yield peer
        transport.close()


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@both_loops
def test_the_librarys_client_gets_every_message_back(new_loop):
    async def main() -> None:
        async with serving() as (url, _), connect(url, max_size=None) as client:
            for size in SIZES:
                await client.send("ä" * (size // 2))
                assert await client.recv() == "ä" * (size // 2)
                await client.send(b"\x00" * size)
                assert await client.recv() == b"\x00" * size

    run(new_loop, main())


@both_loops
def test_the_librarys_fragments_are_joined(new_loop):
    async def main() -> None:
        async with serving() as (url, _), connect(url) as client:
            await client.send(["Hel", "", "lo ", "wörld"])
            assert await client.recv() == "Hello wörld"
            data = bytes(range(256)) * 300
            await client.send(pieces(data, 10_000))
            assert await client.recv() == data
            assert await asyncio.wait_for(await client.ping(), 5) >= 0

    run(new_loop, main())


@both_loops
@pytest.mark.parametrize("code", [1000, 1001, 4000])
def test_the_librarys_close_is_told(new_loop, code):
    async def main() -> None:
        async with serving() as (url, peers), connect(url) as client:
            await client.close(code, "over")
            await peers[0].gone.wait()
            assert peers[0].seen == ["open", ("close", code, "over")]
            assert client.close_code == code

    run(new_loop, main())


@both_loops
@pytest.mark.parametrize(("code", "told"), [(1000, 1000), (4321, 4321), (None, 1005)])
def test_the_librarys_client_is_told_of_a_close(new_loop, code, told):
    async def main() -> None:
        async with serving() as (url, peers), connect(url) as client:
            peers[0].close(code, "" if code is None else "bye")
            with pytest.raises(websockets.ConnectionClosed):
                await client.recv()
            assert client.close_code == told
            await peers[0].gone.wait()

    run(new_loop, main())


@both_loops
def test_the_librarys_client_sees_a_drop_as_1006(new_loop):
    async def main() -> None:
        async with serving() as (url, peers), connect(url) as client:
            peers[0].drop()
            with pytest.raises(websockets.ConnectionClosedError):
                await client.recv()
            assert client.close_code == 1006
            await peers[0].gone.wait()
            assert peers[0].seen[-1][:2] == ("close", 1006)

    run(new_loop, main())


@both_loops
def test_the_librarys_server_takes_and_sends_every_size(new_loop):
    async def main() -> None:
        async def echo(connection: ServerConnection) -> None:
            async for message in connection:
                await connection.send(message)

        async with calling(echo) as peer:
            for size in SIZES:
                peer.send_text(b"t" * size)
                peer.send_binary(b"\xff" * size)
            while len(peer.seen) < 1 + 2 * len(SIZES):
                await asyncio.sleep(0.01)
            peer.close(4000)
            await peer.gone.wait()
            sent = [event for n in SIZES for event in (("text", b"t" * n), ("binary", b"\xff" * n))]
            assert peer.seen == ["open", *sent, ("close", 4000, "")]

    run(new_loop, main())


@both_loops
def test_the_librarys_server_may_fragment_ping_and_close(new_loop):
    async def main() -> None:
        async def talk(connection: ServerConnection) -> None:
            await connection.send(["one ", "message"])
            assert await connection.recv() == "go"
            await (await connection.ping())
            await connection.send(pieces(b"x" * 100_000, 4096))
            await connection.close(4002, "bye")

        async with calling(talk) as peer:
            peer.ping()
            peer.send_text(b"go")
            await peer.gone.wait()
            assert [event for event in peer.seen if event != "pong"] == [
                "open",
                ("text", b"one message"),
                ("binary", b"x" * 100_000),
                ("close", 4002, "bye"),
            ]
            assert "pong" in peer.seen

    run(new_loop, main())


@both_loops
def test_the_librarys_server_dropping_is_1006(new_loop):
    async def main() -> None:
        async def drop(connection: ServerConnection) -> None:
            connection.transport.abort()

        async with calling(drop) as peer:
            await peer.gone.wait()
            assert peer.seen[-1][:2] == ("close", 1006)

    run(new_loop, main())
