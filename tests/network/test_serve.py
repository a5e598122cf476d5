from __future__ import annotations

import asyncio
import contextlib
import sys

import httpx
import pytest
from aiohttp import web
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from simkit.network import SimLoop
from simkit.network.serve import AppError, load

NAME = "bridge.example.com"


async def asgi(scope, receive, send):
    """An application without a framework, which has no lifespan."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"plain asgi"})


def starlette(text="starlette", lifespan=None):
    async def root(request):
        return PlainTextResponse(text)

    return Starlette(routes=[Route("/", root)], lifespan=lifespan)


def factory():
    return starlette("made by a factory")


def aiohttp_app():
    async def root(request):
        return web.Response(text="aiohttp")

    app = web.Application()
    app.add_routes([web.get("/", root)])
    return app


async def init_aiohttp():
    await asyncio.sleep(0)
    return aiohttp_app()


async def main_program():
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nits own main")
        writer.close()

    async with await asyncio.start_server(answer, "0.0.0.0", 443) as server:
        await server.serve_forever()


@pytest.fixture
def bridge(network):
    return network.host(NAME)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write an importable module and return its name."""
    monkeypatch.syspath_prepend(tmp_path)
    names = []

    def write(source):
        names.append(f"app_under_test_{len(names)}")
        (tmp_path / f"{names[-1]}.py").write_text(source)
        return names[-1]

    yield write
    for name in names:
        sys.modules.pop(name, None)


def ask(runner, server, port=443):
    async def main():
        await server.wait_started()
        try:
            async with httpx.AsyncClient() as client:
                scheme = "https" if port == 443 else "http"
                return (await client.get(f"{scheme}://{NAME}:{port}/")).text
        finally:
            await server.shut_down()

    return runner.run(main())


def start(runner, server):
    async def main():
        try:
            await server.wait_started()
        finally:
            await server.shut_down()

    runner.run(main())


@pytest.mark.parametrize(
    ("app", "answer"),
    [
        (asgi, "plain asgi"),
        (starlette(), "starlette"),
        (factory, "made by a factory"),
        (main_program, "its own main"),
        (aiohttp_app(), "aiohttp"),
        (aiohttp_app, "aiohttp"),
        (init_aiohttp, "aiohttp"),
    ],
)
def test_whatever_serves_can_be_served(runner, bridge, app, answer):
    assert ask(runner, bridge.serve(app)) == answer


def test_an_application_of_aiohttps_is_served_in_one_simulation_after_the_other(bridge):
    app = aiohttp_app()
    app.add_subapp("/more", web.Application())
    for _ in range(2):
        with asyncio.Runner(loop_factory=SimLoop) as runner:
            host = runner.get_loop().network.host(NAME)
            assert ask(runner, host.serve(app)) == "aiohttp"


def test_a_program_can_be_named_by_module_and_attribute(runner, bridge, module):
    name = module("class Apps:\n    from tests.network.test_serve import asgi as main\n")
    assert ask(runner, bridge.serve(f"{name}:Apps.main")) == "plain asgi"


def test_a_port_can_be_chosen(runner, bridge):
    assert ask(runner, bridge.serve(asgi, port=8080), port=8080) == "plain asgi"


def test_an_application_is_served_under_the_settings_it_is_deployed_with(runner, bridge):
    async def root(request):
        return PlainTextResponse(request.scope["root_path"])

    app = Starlette(routes=[Route("/", root)])
    app.state.uvicorn = {"root_path": "/deployed"}
    assert ask(runner, bridge.serve(app)) == "/deployed"


def test_a_server_starts_by_itself_once_the_loop_runs(runner, bridge):
    server = bridge.serve(starlette())

    async def main():
        await asyncio.sleep(1)
        assert server.started.is_set()
        await server.shut_down()

    runner.run(main())


def test_start_up_takes_the_virtual_time_that_it_takes(runner, loop, bridge):
    @contextlib.asynccontextmanager
    async def lifespan(app):
        await asyncio.sleep(3)
        yield

    async def main():
        server = bridge.serve(starlette(lifespan=lifespan))
        await server.wait_started()
        started_at = loop.time()
        await server.shut_down()
        return started_at

    assert runner.run(main()) == 3.0


def test_shutting_down_runs_the_programs_own_clean_up(runner, bridge):
    log = []

    @contextlib.asynccontextmanager
    async def lifespan(app):
        yield
        log.append("cleaned up")

    start(runner, bridge.serve(starlette(lifespan=lifespan)))
    assert log == ["cleaned up"]


@pytest.mark.parametrize("told_at", [0.05, 0.25, 1.0, 3.14159, 7.99])
def test_it_looks_around_less_often_than_uvicorn_does_and_ends_at_the_same_instant(told_at):
    def run(**settings):
        app = starlette()
        app.state.uvicorn = settings

        async def main():
            server = loop.network.host(NAME).serve(app)
            await server.wait_started()
            dates = []
            async with httpx.AsyncClient() as client:
                for _ in range(3):
                    dates.append((await client.get(f"https://{NAME}/")).headers["date"])
                    await asyncio.sleep(0.7)
            await asyncio.sleep(told_at)
            await server.shut_down()
            return dates, loop.time()

        loop = SimLoop()
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            return runner.run(main())

    assert run() == run(limit_max_requests=1000)  # with which uvicorn's own loop runs


def test_a_main_of_its_own_is_cancelled_to_shut_it_down(runner, bridge):
    log = []

    async def program():
        try:
            await asyncio.sleep(10**6)
        finally:
            log.append("cancelled")

    start(runner, bridge.serve(program))
    assert log == ["cancelled"]


def test_a_factory_with_optional_parameters_is_one(runner, bridge):
    def configured(debug=False, *, text="configured"):
        return starlette(text)

    assert ask(runner, bridge.serve(configured)) == "configured"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("no_such_module:app", "app 'no_such_module:app': there is no module 'no_such_module'"),
        ("json.nothing:app", "app 'json.nothing:app': there is no module 'json.nothing'"),
        ("json:app", "app 'json:app': module 'json' has no 'app'"),
        ("json:decoder.app", "app 'json:decoder.app': module 'json' has no 'decoder.app'"),
        ("json:__name__", "app 'json:__name__': expected an ASGI application, found str"),
        ("json", "app 'json': expected 'package.module:attribute', as in 'json:app'"),
        ("bridge.py:main", "as in 'bridge:main'"),
        ("./src/bridge:main", "as in 'bridge:main'"),
        (":app", "expected 'package.module:attribute'"),
        ("json:", "expected 'package.module:attribute'"),
    ],
)
def test_an_application_that_is_not_there_is_named(bridge, spec, message):
    with pytest.raises(AppError) as caught:
        bridge.serve(spec)
    assert message in str(caught.value)
    assert bridge.network.servers == []


def test_an_import_that_raises_is_reported_with_its_error(module):
    name = module("raise RuntimeError('no configuration')")
    with pytest.raises(AppError, match="importing it failed: RuntimeError: no config") as caught:
        load(f"{name}:app")
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_module_missing_inside_the_application_is_not_mistaken_for_it(module):
    name = module("import surely_not_installed")
    with pytest.raises(AppError, match=r"importing it failed: .*'surely_not_installed'") as caught:
        load(f"{name}:app")
    assert str(caught.value).endswith(f"({name}.py, line 1); install it where simkit is installed")


@pytest.mark.parametrize(
    ("source", "meant"),
    [("def ap(): pass", "ap"), ("def create_app(): pass", "create_app")],
)
def test_a_name_that_is_not_there_may_be_another(module, source, meant):
    with pytest.raises(AppError, match=f"has no 'app'; did you mean '{meant}'"):
        load(f"{module(source)}:app")


@pytest.mark.parametrize(
    ("app", "why"),
    [
        (None, "app None: expected an ASGI application, or where it is, as in 'my_app:app'"),
        (lambda environ, start_response: [], "found one of WSGI .* --wall --exec"),
        (lambda config: None, r"expected an ASGI application .* found one of \(config\)"),
    ],
)
def test_what_is_no_application_is_refused_where_it_is_served(bridge, app, why):
    with pytest.raises(AppError, match=why):
        bridge.serve(app)
    assert bridge.network.servers == []


def test_a_lifespan_that_fails_is_reported_with_its_error(runner, bridge):
    @contextlib.asynccontextmanager
    async def lifespan(app):
        raise ConnectionError("no database")
        yield

    with pytest.raises(AppError, match="Starlette failed to start: ConnectionError: no database"):
        start(runner, bridge.serve(starlette(lifespan=lifespan)))


def test_the_message_of_a_failed_start_up_is_reported(runner, bridge):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no licence key"})

    with pytest.raises(AppError, match="app failed to start: no licence key"):
        start(runner, bridge.serve(app))


def test_a_port_in_use_is_given_as_the_reason(runner, bridge):
    async def main():
        first, second = bridge.serve(asgi), bridge.serve(asgi)
        await first.wait_started()
        try:
            await second.wait_started()
        finally:
            await first.shut_down()

    with pytest.raises(AppError, match="address already in use"):
        runner.run(main())


def test_a_factory_that_raises_is_reported_with_its_error(runner, bridge):
    def broken():
        raise KeyError("TWILIO_AUTH_TOKEN")

    with pytest.raises(AppError, match="broken failed to start: KeyError: 'TWILIO_AUTH_TOKEN'"):
        start(runner, bridge.serve(broken))


def test_a_main_that_raises_at_once_is_reported_with_its_error(runner, bridge):
    async def program():
        raise ValueError("bad settings")

    with pytest.raises(AppError, match="program failed to start: ValueError: bad settings"):
        start(runner, bridge.serve(program))


async def behind_a_proxy(address="0.0.0.0"):
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nfrom port 8080")
        writer.close()

    async with await asyncio.start_server(answer, address, 8080) as server:
        await server.serve_forever()


async def behind_a_proxy_on_this_machine():
    await behind_a_proxy("127.0.0.1")


@pytest.mark.parametrize("main", [behind_a_proxy, behind_a_proxy_on_this_machine])
def test_what_comes_to_443_is_handed_to_the_port_that_a_main_listens_on(runner, bridge, main):
    assert ask(runner, bridge.serve(main, port=8080)) == "from port 8080"


def test_without_its_port_nothing_is_handed_to_a_main(runner, bridge):
    with pytest.raises(httpx.ConnectError):
        ask(runner, bridge.serve(behind_a_proxy))
