"""A server that does what a test tells it, in place of a bridge."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.twilio.program import Program
from tests.twilio.streams import HOST, Line

TWIML = (
    f'<Response><Connect><Stream url="wss://{HOST}/media"><Parameter name="k" value="v"/>'
    "</Stream></Connect>{after}</Response>"
)


class Server:
    """Remembers what Twilio sent; sends and closes as told."""

    def __init__(self) -> None:
        self.twiml = TWIML.replace("{after}", "")
        self.forms: list[dict[str, str]] = []
        self.form_headers: list[dict[str, str]] = []
        self.raw_forms: list[bytes] = []
        self.upgrade_headers: dict[str, str] = {}
        self.received: list[dict[str, Any]] = []
        self.on_message: Any = None
        self.socket: WebSocket | None = None
        self.closed_with: int | None = None

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/voice/inbound", self.voice, methods=["POST"]),
                Route("/after", self.after, methods=["POST"]),
                WebSocketRoute("/media", self.media),
            ]
        )

    async def voice(self, request: Request) -> Response:
        self.raw_forms.append(await request.body())
        self.forms.append(dict(await request.form()))
        self.form_headers.append(dict(request.headers))
        return Response(self.twiml, media_type="text/xml")

    async def after(self, request: Request) -> Response:
        return Response("<Response><Hangup/></Response>", media_type="text/xml")

    async def media(self, socket: WebSocket) -> None:
        self.upgrade_headers = dict(socket.headers)
        await socket.accept()
        self.socket = socket
        try:
            while True:
                message = json.loads(await socket.receive_text())
                self.received.append(message)
                if self.on_message is not None:
                    await self.on_message(message)
        except WebSocketDisconnect as end:
            self.closed_with = end.code

    async def send(self, **message: Any) -> None:
        assert self.socket is not None
        sid = self.received[1]["streamSid"]
        await self.socket.send_text(json.dumps({"streamSid": sid} | message))

    def of(self, event: str) -> list[dict[str, Any]]:
        return [message for message in self.received if message["event"] == event]


@pytest.fixture
def server(sim) -> Server:
    server = Server()
    sim.host(HOST).serve(server.app())
    return server


@pytest.fixture
def line(sim) -> Line:
    return Line(sim)


@pytest.fixture
def program(sim) -> Program:
    return Program(sim)
