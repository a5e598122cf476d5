"""A program at a phone number: answers each path as a test tells it, and remembers who asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from twilio.request_validator import RequestValidator

from simkit import Simulation

HOST = "program.example.com"
BASE = f"https://{HOST}"
NUMBER = "+15550100"
STREAM = f'<Stream url="wss://{HOST}/media"/>'
CONNECT = f"<Connect>{STREAM}</Connect>"


@dataclass
class Asked:
    """A request that came."""

    at: float
    method: str
    path: str
    url: str
    params: dict[str, str]
    headers: dict[str, str]


@dataclass
class Answer:
    """What a path answers with."""

    body: bytes = b""
    status: int = 200
    media_type: str = "text/xml"
    delay: float = 0.0


class Program:
    """Serves documents under paths; ``/media`` is a socket."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[Asked] = []
        self.received: list[dict[str, Any]] = []
        self.sockets: list[WebSocket] = []
        self.closed_with: list[int] = []
        self.on_socket: Callable[[WebSocket], Any] | None = None
        self.accept_after = 0.0
        routes = [
            Route("/{path:path}", self._answer, methods=["GET", "POST"]),
            WebSocketRoute("/media", self._media),
        ]
        sim.host(HOST).serve(Starlette(routes=routes))

    def says(
        self,
        twiml: str | bytes,
        path: str = "/voice/inbound",
        *,
        status: int = 200,
        media_type: str = "text/xml",
        delay: float = 0.0,
    ) -> None:
        """Answer a path with TwiML; said more often, with one after the other."""
        if isinstance(twiml, str):
            twiml = f"<Response>{twiml}</Response>".encode()
        self.answers.setdefault(path, []).append(Answer(twiml, status, media_type, delay))

    async def _answer(self, request: Request) -> Response:
        params = dict(request.query_params) | dict(await request.form())
        self.asked.append(
            Asked(
                self.sim.now,
                request.method,
                request.url.path,
                str(request.url).replace("http://", "https://"),
                params,
                dict(request.headers),
            )
        )
        answers = self.answers.get(request.url.path)
        if not answers:
            return Response(status_code=204 if request.url.path == "/status" else 404)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        await asyncio.sleep(answer.delay)
        return Response(answer.body, answer.status, media_type=answer.media_type)

    async def _media(self, socket: WebSocket) -> None:
        await asyncio.sleep(self.accept_after)
        await socket.accept()
        self.sockets.append(socket)
        try:
            while True:
                self.received.append(json.loads(await socket.receive_text()))
        except WebSocketDisconnect as end:
            self.closed_with.append(end.code)

    def of(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]

    def statuses(self, field: str, path: str = "/status") -> list[str]:
        return [asked.params[field] for asked in self.of(path)]

    def is_signed(self, asked: Asked) -> bool:
        params = asked.params if asked.method == "POST" else {}
        signature = asked.headers["x-twilio-signature"]
        token = self.sim.twilio.auth_token
        return bool(RequestValidator(token).validate(asked.url, params, signature))

    def codes(self, *kinds: str) -> list[int]:
        """The codes of what Twilio reported."""
        found = self.sim.timeline.of(*(kinds or ("error", "warning")))
        return [event.fields.get("code", 0) for event in found]
