"""What an application sees of our socket is what it sees of uvicorn's own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from simkit import Simulation, new_event_loop
from simkit.bridge import Bridge, Config
from simkit.bridge.asgi_socket import MOST_WAITING, AsgiSocket
from simkit.twilio import AUTH_TOKEN
from tests.bridge.serving import Server, serving

CONFIG = Config(
    public_url="https://bridge.example.com", twilio_auth_token=AUTH_TOKEN, vapi_api_key="key"
)
App = Callable[[Any, Any, Any], Awaitable[None]]

both = pytest.mark.parametrize("ws", ["websockets-sansio", AsgiSocket], ids=["uvicorn", "ours"])


def sockets(app: App) -> App:
    """Return an application that is asked about sockets only."""

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await app(scope, receive, send)

    return asgi


def visit(
    app: App, client: Callable[[str, Server], Awaitable[Any]], ws: Any, **settings: Any
) -> Any:
    """Serve an application and let a client visit; returns what the client returns."""

    async def both_ends() -> Any:
        config = uvicorn.Config(
            sockets(app), port=0, ws=ws, loop="none", lifespan="off", log_config=None, **settings
        )
        async with serving(config) as (server, port):
            async with asyncio.timeout(5):
                return await client(f"ws://127.0.0.1:{port}/media%20a?b=c%26", server)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(both_ends())


async def echo(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send(message | {"type": "websocket.send"})


@both
def test_messages_of_every_kind_and_size_come_back(ws: Any) -> None:
    messages = ["", "ä", "x" * 125, "x" * 126, "x" * 70_000, b"", b"\0" * 160, b"\1" * 70_000]

    async def client(url: str, server: Server) -> list[Any]:
        async with connect(url) as socket:
            for message in messages:
                await socket.send(message)
            await socket.send(["in ", "three ", "pieces"])
            return [await socket.recv() for _ in range(len(messages) + 1)]

    assert visit(echo, client, ws) == [*messages, "in three pieces"]


def test_the_scope_is_that_of_uvicorns_own() -> None:
    scopes: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)
        assert (await receive()) == {"type": "websocket.connect"}
        await send({"type": "websocket.accept", "subprotocol": "b", "headers": [(b"x-y", b"\xe4")]})

    async def client(url: str, server: Server) -> Any:
        options: Any = {"subprotocols": ["a", "b"], "additional_headers": {"X": "ä"}}
        async with connect(url, compression=None, **options) as socket:
            assert socket.subprotocol == "b"
            assert socket.response is not None
            return {name.lower() for name in socket.response.headers}, socket.response.headers[
                "x-y"
            ]

    seen = [
        visit(app, client, ws, root_path="/under", headers=[("via", "us")])
        for ws in ("websockets-sansio", AsgiSocket)
    ]
    assert seen[0] == seen[1]
    for scope in scopes:
        for changing in ("client", "server", "extensions"):
            del scope[changing]
        scope["headers"] = [
            pair
            for pair in scope["headers"]
            if pair[0].lower() not in (b"host", b"sec-websocket-key")
        ]
    assert scopes[0] == scopes[1]


@both
def test_an_application_may_refuse(ws: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.close", "code": 1008})

    async def client(url: str, server: Server) -> None:
        with pytest.raises(InvalidStatus, match="403"):
            await connect(url)
        while server.server_state.connections:
            await asyncio.sleep(0.001)

    visit(app, client, ws)


@both
def test_an_application_that_fails_before_it_accepts_is_an_internal_error(
    ws: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("as planned")

    async def client(url: str, server: Server) -> None:
        with pytest.raises(InvalidStatus, match="500"):
            await connect(url)

    with caplog.at_level(logging.ERROR, "uvicorn.error"):
        visit(app, client, ws)
    assert "as planned" in caplog.text


def test_an_application_that_fails_or_ends_closes_its_socket(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        raise RuntimeError("as planned")

    async def client(url: str, server: Server) -> None:
        socket = await connect(url)
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1000

    with caplog.at_level(logging.ERROR, "uvicorn.error"):
        visit(app, client, AsgiSocket)
    assert "as planned" in caplog.text


@both
@pytest.mark.parametrize(("sent", "told"), [((4000, "enough"), (4000, "enough")), (None, None)])
def test_an_application_is_told_how_its_client_closed(ws: Any, sent: Any, told: Any) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        seen.append(await receive())

    async def client(url: str, server: Server) -> None:
        socket = await connect(url)
        if sent is None:
            socket.transport.abort()
        else:
            await socket.close(*sent)
        while not seen:
            await asyncio.sleep(0.001)

    visit(app, client, ws)
    assert seen[0]["type"] == "websocket.disconnect"
    if told is not None:
        assert (seen[0]["code"], seen[0]["reason"]) == told


@both
def test_an_application_closes_with_a_code(ws: Any) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 4001, "reason": "as planned"})
        seen.append(await receive())

    async def client(url: str, server: Server) -> Any:
        socket = await connect(url)
        await socket.wait_closed()
        return socket.close_code, socket.close_reason

    assert visit(app, client, ws) == (4001, "as planned")
    assert seen[0]["type"] == "websocket.disconnect"


@both
def test_sending_to_a_client_that_is_gone_is_an_os_error(ws: Any) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        try:
            await send({"type": "websocket.send", "text": "too late"})
        except OSError as error:
            seen.append(error)

    async def client(url: str, server: Server) -> None:
        await (await connect(url)).close()
        while not seen:
            await asyncio.sleep(0.001)

    visit(app, client, ws)


@both
def test_a_message_that_is_too_large_closes_the_socket(ws: Any) -> None:
    async def client(url: str, server: Server) -> Any:
        socket = await connect(url)
        await socket.send("x" * 1001)
        await socket.wait_closed()
        return socket.close_code

    assert visit(echo, client, ws, ws_max_size=1000) == 1009


@both
def test_text_that_is_not_utf_8_closes_the_socket(ws: Any) -> None:
    async def client(url: str, server: Server) -> Any:
        socket = await connect(url)
        await socket.send(b"\xff", text=True)
        await socket.wait_closed()
        return socket.close_code

    assert visit(echo, client, ws) == 1007


@both
def test_an_upgrade_without_a_key_is_refused_and_the_application_not_asked(ws: Any) -> None:
    async def client(url: str, server: Server) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.split(":")[2][:5]))
        writer.write(
            b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
        )
        answer = await reader.read()
        writer.close()
        return answer.split(b"\r\n")[0]

    assert visit(pytest.fail, client, ws) == b"HTTP/1.1 400 Bad Request"


def test_a_slow_application_stops_the_reading_and_no_message_is_lost() -> None:
    begin = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await begin.wait()
        for number in range(10 * MOST_WAITING):
            assert (await receive())["text"] == f"{number:8}" * 1000
        await send({"type": "websocket.send", "text": "all there"})

    async def client(url: str, server: Server) -> None:
        async with connect(url) as socket:
            ours: Any = next(iter(server.server_state.connections))

            async def send() -> None:
                for number in range(10 * MOST_WAITING):
                    await socket.send(f"{number:8}" * 1000)

            sending = asyncio.create_task(send())
            while ours.transport.is_reading():
                await asyncio.sleep(0.001)
            # What had been read when reading stopped may hold some messages more.
            assert MOST_WAITING <= len(ours._waiting) < 2 * MOST_WAITING
            begin.set()
            await sending
            assert await socket.recv() == "all there"

    visit(app, client, AsgiSocket)


@both
def test_sending_waits_for_a_client_that_does_not_read(ws: Any) -> None:
    sent = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal sent
        await receive()
        await send({"type": "websocket.accept"})
        while sent < 1000:
            await send({"type": "websocket.send", "bytes": bytes(100_000)})
            sent += 1

    async def client(url: str, server: Server) -> None:
        socket = await connect(url, compression=None)
        socket.transport.pause_reading()
        await asyncio.sleep(1)
        assert 0 < sent < 1000
        socket.transport.abort()

    visit(app, client, ws)


@both
def test_a_client_that_answers_no_ping_is_dropped(ws: Any) -> None:
    async def client(url: str, server: Server) -> None:
        socket = await connect(url)
        socket.transport.pause_reading()
        while server.server_state.connections:
            await asyncio.sleep(0.001)

    visit(echo, client, ws, ws_ping_interval=0.03, ws_ping_timeout=0.03)


@both
def test_a_server_that_stops_says_so(ws: Any) -> None:
    async def client(url: str, server: Server) -> Any:
        socket = await connect(url)
        server.should_exit = True
        await socket.wait_closed()
        return socket.close_code

    assert visit(echo, client, ws) == 1012


def test_a_call_is_the_same_to_the_byte() -> None:
    def story(ws: Any) -> str:
        with Simulation(seed=0) as sim:
            app = Bridge(CONFIG).app()
            app.state.uvicorn = {"ws": ws}
            sim.host("bridge.example.com").serve(app)
            sim.vapi.assistant(first_message="Your appointment is on Tuesday.", replies=["Fine."])

            async def call() -> None:
                call = await sim.twilio.call(to="+15550100")
                await call.hears("Your appointment")
                await call.says("wait, can we do Thursday instead?")
                await call.hears("Fine.")
                await call.hangs_up()

            sim.run(call())
            return str(sim.timeline)

    assert story(AsgiSocket) == story("websockets-sansio")
