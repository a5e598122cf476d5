"""uvicorn with FastAPI and Starlette, started by its own server."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import time
import uuid

import anyio.to_thread
import fastapi
import httpx
import pydantic
import pytest
import uvicorn
import websockets
from starlette.applications import Starlette
from starlette.background import BackgroundTasks
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from simkit.kernel.realm import EPOCH_NS
from tests.libraries.serving import URL, WS_URL, serving


class Event(pydantic.BaseModel):
    """Stamps itself; made before any simulation begins, so that its defaults are bound early."""

    at: float = pydantic.Field(default_factory=time.time)
    when: datetime.datetime = pydantic.Field(default_factory=datetime.datetime.now)
    id: uuid.UUID = pydantic.Field(default_factory=uuid.uuid4)


@pytest.fixture
def app():
    app = fastapi.FastAPI()

    @app.get("/double/{number}")
    async def double(number: int):
        return {"doubled": 2 * number}

    @app.get("/blocking")
    def blocking():
        time.sleep(2)
        return {"at": time.monotonic()}

    @app.get("/event")
    async def event() -> Event:
        return Event()

    @app.websocket("/echo")
    async def echo(websocket: fastapi.WebSocket):
        await websocket.accept()
        await websocket.send_bytes(await websocket.receive_bytes())
        await websocket.send_text((await websocket.receive_text()).upper())
        await websocket.close(4000, "that is all")

    return app


@pytest.mark.parametrize(
    "options",
    [{}, {"ws": "websockets-sansio"}, {"ws": "wsproto", "http": "h11"}],
    ids=["auto", "sansio", "wsproto"],
)
async def test_fastapi_serves_websockets(sim, bridge, app, options):
    async with serving(bridge, app, **options):
        async with websockets.connect(f"{WS_URL}/echo") as websocket:
            sent_at = sim.now
            await websocket.send(b"\x00\xff" * 50_000)
            assert await websocket.recv() == b"\x00\xff" * 50_000
            await websocket.send("hello")
            assert await websocket.recv() == "HELLO"
            assert sim.now - sent_at == pytest.approx(0.04)
            await websocket.wait_closed()
        assert (websocket.close_code, websocket.close_reason) == (4000, "that is all")


async def test_httpx_asks_fastapi(bridge, app):
    async with serving(bridge, app), httpx.AsyncClient(base_url=URL) as client:
        assert (await client.get("/double/21")).json() == {"doubled": 42}
        assert (await client.get("/double/x")).status_code == 422


async def test_a_def_endpoint_takes_its_time_while_the_loop_goes_on(sim, bridge, app):
    async with serving(bridge, app), httpx.AsyncClient(base_url=URL) as client:
        began = sim.now
        blocking = asyncio.create_task(client.get("/blocking"))
        await asyncio.sleep(0.1)
        assert (await client.get("/double/1")).json() == {"doubled": 2}
        assert sim.now - began == pytest.approx(0.14)
        assert (await blocking).json() == {"at": pytest.approx(began + 2.03)}
        assert sim.now - began == pytest.approx(2.04)


async def test_anyio_threads_take_virtual_time(sim):
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(anyio.to_thread.run_sync, time.sleep, 2)
    assert sim.now == 2
    with pytest.raises(ZeroDivisionError):
        await anyio.to_thread.run_sync(lambda: 1 / 0)


async def test_models_are_stamped_by_the_virtual_clock(sim, bridge, app):
    async with serving(bridge, app), httpx.AsyncClient(base_url=URL) as client:
        await asyncio.sleep(3600)
        asked_at = EPOCH_NS / 1e9 + sim.now
        first = Event.model_validate((await client.get("/event")).json())
        second = Event.model_validate((await client.get("/event")).json())
    assert first.at == pytest.approx(asked_at + 0.03, abs=1e-6)
    assert second.at == pytest.approx(asked_at + 0.05, abs=1e-6)
    assert first.when == datetime.datetime.fromtimestamp(first.at)
    assert first.id != second.id


def test_two_runs_of_one_seed_draw_the_same_ids():
    async def draw():
        return [Event().id for _ in range(3)]

    def run():
        with asyncio.Runner(loop_factory=uvicorn.Config(None, **OWN_LOOP).get_loop_factory()) as r:
            return r.run(draw())

    assert run() == run()


OWN_LOOP = {"loop": "simkit:new_event_loop", "log_config": None}


def test_uvicorn_makes_the_loop_itself_and_listens_where_it_does_by_default():
    log = []

    @contextlib.asynccontextmanager
    async def lifespan(app):
        task = asyncio.create_task(client())
        yield
        await task

    async def client():
        await asyncio.sleep(3600)
        async with httpx.AsyncClient(trust_env=False) as client:
            response = await client.get("http://localhost:8000/")
        log.append((response.text, round(asyncio.get_running_loop().time())))
        server.should_exit = True

    async def root(request):
        return PlainTextResponse("here")

    app = Starlette(routes=[Route("/", root)], lifespan=lifespan)
    server = uvicorn.Server(uvicorn.Config(app, **OWN_LOOP))
    server.run()
    assert log == [("here", 3600)]


async def test_starlette_runs_its_lifespan_and_background_tasks(sim, bridge):
    log = []

    @contextlib.asynccontextmanager
    async def lifespan(app):
        await asyncio.sleep(3)
        log.append(("up", sim.now))
        heart = asyncio.create_task(beat())
        yield {"greeting": "hello"}
        heart.cancel()
        log.append(("down", len(beats)))

    async def beat():
        while True:
            beats.append(sim.now)
            await asyncio.sleep(1)

    async def greet(request):
        tasks = BackgroundTasks()
        tasks.add_task(asyncio.sleep, 5)
        tasks.add_task(time.sleep, 2)  # a plain function: in a worker thread
        tasks.add_task(lambda: log.append(("after", round(sim.now - asked_at, 9))))
        return JSONResponse({"says": request.state.greeting}, background=tasks)

    beats = []
    async with (
        serving(bridge, Starlette(routes=[Route("/", greet)], lifespan=lifespan)),
        httpx.AsyncClient(base_url=URL) as client,
    ):
        asked_at = sim.now
        assert (await client.get("/")).json() == {"says": "hello"}
        assert sim.now - asked_at == pytest.approx(0.04)
        await asyncio.sleep(10)
    assert log == [("up", 3), ("after", 7.03), ("down", len(beats))]
    assert beats == list(range(3, 3 + len(beats)))
    assert len(beats) > 10
