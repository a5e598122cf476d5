"""Programs and libraries as people write them, unmodified."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time

import fastapi
import httpx
import pytest
import uvicorn
import websockets
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.utils import accept_key

NAME = "bridge.example.com"


async def whoami(request: Request) -> JSONResponse:
    return JSONResponse({"port": request.client.port, "now": time.monotonic()})


async def slow(request: Request) -> StreamingResponse:
    async def parts():
        for number in range(3):
            await asyncio.sleep(1)
            yield f"{number}\n"

    return StreamingResponse(parts())


async def shout(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text.upper())


APP = Starlette(
    routes=[Route("/", whoami), Route("/slow", slow), WebSocketRoute("/shout", shout)],
)


@pytest.fixture
def bridge(network):
    bridge = network.host(NAME)
    network.link("home", bridge).latency = 0.01
    return bridge


@contextlib.asynccontextmanager
async def serving(bridge, app, **options):
    """Serve by uvicorn's own server, as a program would."""
    config = uvicorn.Config(app, host="0.0.0.0", port=443, log_config=None, **options)
    server = uvicorn.Server(config)
    task = bridge.spawn(server.serve())
    while not server.started:
        await asyncio.sleep(0.1)
    try:
        yield server
    finally:
        server.should_exit = True
        await task


def test_httpx_asks_starlette_behind_uvicorn(runner, loop, bridge):
    async def main():
        async with serving(bridge, APP), httpx.AsyncClient() as client:
            asked_at = loop.time()
            response = await client.get(f"https://{NAME}/")
            return response.status_code, response.json()["now"] - asked_at, loop.time() - asked_at

    status, there, both = runner.run(main())
    assert status == 200
    assert there == pytest.approx(0.03)
    assert both == pytest.approx(0.04)


def test_a_streamed_response_arrives_as_it_is_made(runner, loop, bridge):
    async def main():
        async with serving(bridge, APP), httpx.AsyncClient() as client:
            asked_at = loop.time()
            async with client.stream("GET", f"https://{NAME}/slow") as response:
                return [
                    (line, round(loop.time() - asked_at, 9))
                    async for line in response.aiter_lines()
                ]

    assert runner.run(main()) == [("0", 1.04), ("1", 2.04), ("2", 3.04)]


def test_the_connection_pool_of_httpx_expires_on_the_virtual_clock(runner, bridge):
    async def main():
        async with serving(bridge, APP), httpx.AsyncClient(base_url=f"https://{NAME}") as client:
            ports = []
            for pause in (1, 10, 1, 0):
                response = await client.get("/")
                response.raise_for_status()
                ports.append(response.json()["port"])
                await asyncio.sleep(pause)
        return ports

    first, within_keep_alive, after_expiry, reused = runner.run(main())
    assert first == within_keep_alive
    assert after_expiry not in (first, None)
    assert reused == after_expiry


def test_httpx_replaces_a_pooled_connection_that_the_server_has_closed(runner, bridge):
    async def main():
        pool = httpx.Limits(keepalive_expiry=600)
        async with (
            serving(bridge, APP, timeout_keep_alive=5),
            httpx.AsyncClient(base_url=f"https://{NAME}", limits=pool) as client,
        ):
            before = (await client.get("/")).json()["port"]
            await asyncio.sleep(60)
            after = (await client.get("/")).json()["port"]
        return before != after

    assert runner.run(main())


def test_httpx_times_out_on_the_virtual_clock(runner, loop, bridge):
    async def main():
        async with serving(bridge, APP), httpx.AsyncClient(timeout=0.5) as client:
            asked_at = loop.time()
            with pytest.raises(httpx.ReadTimeout):
                async with client.stream("GET", f"https://{NAME}/slow") as response:
                    await response.aread()
            return loop.time() - asked_at

    assert runner.run(main()) == pytest.approx(0.53, abs=0.02)


def test_httpx_reports_unknown_hosts_and_refusals_as_connect_errors(runner, bridge):
    async def main():
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.ConnectError, match="not part of this simulation"):
                await client.get("https://nowhere.example.com/")
            with pytest.raises(httpx.ConnectError):
                await client.get(f"https://{NAME}:444/")

    runner.run(main())


def test_websockets_talks_to_starlette(runner, bridge):
    async def main():
        async with serving(bridge, APP), websockets.connect(f"wss://{NAME}/shout") as websocket:
            answers = []
            for word in ("one", "two"):
                await websocket.send(word)
                answers.append(await websocket.recv())
        return answers, websocket.close_code

    assert runner.run(main()) == (["ONE", "TWO"], 1000)


def test_fastapi_serves_both_http_and_websocket(runner, bridge):
    app = fastapi.FastAPI()

    @app.get("/double/{number}")
    async def double(number: int):
        return {"doubled": 2 * number}

    @app.websocket("/echo")
    async def echo(websocket: fastapi.WebSocket):
        await websocket.accept()
        await websocket.send_bytes(await websocket.receive_bytes())
        await websocket.close(4000, "that is all")

    async def main():
        async with serving(bridge, app):
            async with httpx.AsyncClient() as client:
                response = await client.get(f"https://{NAME}/double/21")
            async with websockets.connect(f"wss://{NAME}/echo") as websocket:
                await websocket.send(b"\x00\xff")
                answer = await websocket.recv()
                await websocket.wait_closed()
        return response.json(), answer, websocket.close_code, websocket.close_reason

    assert runner.run(main()) == ({"doubled": 42}, b"\x00\xff", 4000, "that is all")


def test_websockets_serves_its_own_clients(runner, loop, bridge):
    async def count(websocket):
        async for message in websocket:
            await websocket.send(str(len(message)))

    async def serve():
        return await websockets.serve(count, "0.0.0.0", 8765)

    async def main():
        server = await bridge.spawn(serve())
        async with websockets.connect(f"ws://{NAME}:8765/") as websocket:
            opened_at = loop.time()
            await websocket.send(b"x" * 5000)
            answer = await websocket.recv(), round(loop.time() - opened_at, 9)
        server.close()
        await server.wait_closed()
        return answer

    assert runner.run(main()) == ("5000", 0.02)


def test_an_idle_websocket_stays_open_by_its_pings(runner, loop, bridge):
    async def idle(websocket):
        await websocket.wait_closed()

    async def serve():
        return await websockets.serve(idle, "0.0.0.0", 8765)

    async def main():
        server = await bridge.spawn(serve())
        async with websockets.connect(f"ws://{NAME}:8765/") as websocket:
            await asyncio.sleep(600)
            latency = websocket.latency
        server.close()
        await server.wait_closed()
        return latency, loop.time() > 600

    assert runner.run(main()) == (pytest.approx(0.02), True)


def test_an_idle_websocket_whose_peer_is_silent_ends_by_its_own_timeout(runner, loop, network):
    class Silent(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            if data.startswith(b"GET"):
                key = data.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0].decode()
                self.transport.write(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    b"Connection: Upgrade\r\n"
                    b"Sec-WebSocket-Accept: " + accept_key(key).encode() + b"\r\n\r\n"
                )

    async def main():
        network.listen(network.home, 8765, Silent)
        async with websockets.connect("ws://localhost:8765/", close_timeout=1) as websocket:
            with pytest.raises(websockets.ConnectionClosedError, match="keepalive ping timeout"):
                await websocket.recv()
            return loop.time()

    assert runner.run(main()) == pytest.approx(41, abs=1.1)


def test_uvicorn_makes_the_loop_itself_when_it_is_told_to():
    log = []

    @contextlib.asynccontextmanager
    async def lifespan(app):
        task = asyncio.create_task(client())
        yield
        await task

    async def client():
        await asyncio.sleep(3600)
        async with httpx.AsyncClient() as client:
            response = await client.get("http://localhost:8000/")
        log.append((response.status_code, round(asyncio.get_running_loop().time())))
        server.should_exit = True

    app = Starlette(routes=[Route("/", whoami)], lifespan=lifespan)
    config = uvicorn.Config(
        app, host="localhost", port=8000, loop="simkit:new_event_loop", log_config=None
    )
    server = uvicorn.Server(config)
    server.run()
    assert log == [(200, 3600)]


THREADED_ENDPOINT = """
import asyncio, time
import fastapi, httpx
from simkit.network import SimLoop

app = fastapi.FastAPI()

@app.get("/")
def endpoint():
    time.sleep(2)
    return {"ok": True}

async def main():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        answer = (await client.get("http://app/")).json()
    print(answer, asyncio.get_running_loop().time())

with asyncio.Runner(loop_factory=SimLoop) as runner:
    runner.run(main())
"""


def test_a_def_endpoint_of_fastapi_runs_inline():
    """In a process of its own: should anyio start a thread, it may outlive the test."""
    outcome = subprocess.run(
        [sys.executable, "-c", THREADED_ENDPOINT],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert outcome.stdout == "{'ok': True} 2.0\n", outcome.stderr[-2000:]
