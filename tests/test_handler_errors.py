"""What a bridge raises while it handles a stream: its server logs it and goes on, simkit tells."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.server import serve

from simkit import Simulation, checks

HOST = "bridge.example.com"
TWIML = f'<Response><Connect><Stream url="wss://{HOST}/media"/></Connect></Response>'


def dial(number, *, extra_headers):
    raise TypeError(f"dial({number!r}) got an unexpected argument\nand more of that")


async def media(socket: WebSocket) -> None:
    await socket.accept()
    await asyncio.sleep(0.1)
    dial(1, extra_headers={})


async def inbound(request) -> Response:
    return Response(TWIML, media_type="text/xml")


STARLETTE = Starlette(
    routes=[Route("/voice/inbound", inbound, methods=["POST"]), WebSocketRoute("/media", media)]
)


def aiohttp_app() -> web.Application:
    async def inbound(request):
        return web.Response(text=TWIML, content_type="text/xml")

    async def media(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        dial(2, extra_headers={})

    app = web.Application()
    app.router.add_post("/voice/inbound", inbound)
    app.router.add_get("/media", media)
    return app


async def websockets_main() -> None:
    async def media(socket):
        dial(3, extra_headers={})

    async with serve(media, "0.0.0.0", 8765) as server:
        await server.serve_forever()


def no_unhandled_error(sim):
    return next(r for r in checks.run(sim.timeline) if r.name == "no-unhandled-error")


@pytest.mark.parametrize("app", [STARLETTE, aiohttp_app])
def test_what_a_handler_of_a_stream_raises_fails_the_check_with_its_line(app):
    with Simulation() as sim:
        sim.host(HOST).serve(app)
        call = sim.run(sim.twilio.call(to="+15550100"))
        sim.run(call.ends())
        [error] = sim.timeline.of("unhandled-error")
        assert (error.source, error.fields["error"]) == (HOST, "TypeError")
        assert error.fields["message"].endswith("got an unexpected argument")
        sentence = no_unhandled_error(sim).sentence
    line = dial.__code__.co_firstlineno + 1
    assert sentence.endswith(f"at tests/test_handler_errors.py:{line} in dial")


def test_a_server_of_the_bridges_own_is_no_exception():
    with Simulation() as sim:
        sim.host(HOST).serve(websockets_main, port=8765)
        sim.http.post("https://bin.example.com/twiml").respond(text=TWIML, content_type="text/xml")
        sim.twilio.default_voice_url = "https://bin.example.com/twiml"
        call = sim.run(sim.twilio.call(to="+15550100"))
        sim.run(call.ends())
        [error] = sim.finish().of("unhandled-error")  # told once the socket is closed
        assert error.fields["message"].startswith("dial(3)")


def test_that_the_caller_has_gone_is_no_error():
    async def media(socket: WebSocket) -> None:
        await socket.accept()
        while True:
            await socket.receive_text()  # raises when Twilio has closed the socket

    app = Starlette(
        routes=[
            Route("/voice/inbound", inbound, methods=["POST"]),
            WebSocketRoute("/media", media),
        ]
    )
    with Simulation() as sim:
        sim.host(HOST).serve(app)
        call = sim.run(sim.twilio.call(to="+15550100"))
        sim.run(call.hangs_up(after=1.0))
        sim.finish()
        assert no_unhandled_error(sim).passed


def test_a_handler_that_is_ended_with_the_world_prints_nothing(capfd):
    async def media(socket: WebSocket) -> None:
        await socket.accept()
        await asyncio.Event().wait()

    app = Starlette(
        routes=[
            Route("/voice/inbound", inbound, methods=["POST"]),
            WebSocketRoute("/media", media),
        ]
    )
    with Simulation() as sim:
        sim.host(HOST).serve(app)
        call = sim.run(sim.twilio.call(to="+15550100"))
        sim.run(call.hangs_up(after=1.0))
        sim.finish()
    assert capfd.readouterr().err == ""
