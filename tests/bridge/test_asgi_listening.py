"""Our socket also tells a listener each message as it comes, and is written to at once."""

from __future__ import annotations

import asyncio
from typing import Any

from websockets.asyncio.client import connect

from simkit.bridge.asgi_socket import AsgiSocket
from tests.bridge.serving import Server
from tests.bridge.test_asgi_socket import visit


def test_who_listens_hears_what_waited_and_what_comes_and_the_end() -> None:
    heard: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        own: AsgiSocket = receive.__self__
        while len(own._waiting) < 2:
            await asyncio.sleep(0)
        ended = asyncio.get_running_loop().create_future()

        def hear(message: str | bytes | None) -> None:
            heard.append(message)
            if message == "stop":
                own.unlisten()
            elif message == "go on":
                assert own.write(b"is written")
            elif message is None and not ended.done():
                ended.set_result(None)

        own.listen(hear)
        assert heard == ["waited", b"as well"]
        assert own.write("wä".encode())
        heard.append(await receive())
        own.listen(hear)
        await ended
        assert not own.write(b"too late")
        assert (await receive())["type"] == "websocket.disconnect"
        own.listen(hear)

    async def client(url: str, server: Server) -> list[Any]:
        async with connect(url, compression=None) as socket:
            for message in ("waited", b"as well"):
                await socket.send(message)
            said = [await socket.recv()]
            for message in ("stop", "by ASGI again", "go on"):
                await socket.send(message)
            return [*said, await socket.recv()]

    assert visit(app, client, AsgiSocket) == ["wä", "is written"]
    by_asgi = {"type": "websocket.receive", "text": "by ASGI again"}
    assert heard == ["waited", b"as well", "stop", by_asgi, "go on", None]


def test_nothing_is_written_while_the_far_end_does_not_read() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        own: AsgiSocket = receive.__self__
        own.pause_writing()
        assert not own.write(b"no")
        own.resume_writing()
        assert own.write(b"yes")

    async def client(url: str, server: Server) -> Any:
        async with connect(url, compression=None) as socket:
            return await socket.recv()

    assert visit(app, client, AsgiSocket) == "yes"
